"""Small pieces that every screen is made of: safe text, and tables without lines. Knows nothing of studies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

LEFT, RIGHT = "left", "right"
WIDEST = 100


def safe(text: str, ascii_only: bool) -> str:
    """`text` as a terminal without UTF-8 can show it."""
    return text.encode("ascii", "backslashreplace").decode() if ascii_only else text


def arrow(ascii_only: bool) -> str:
    """What stands between a setting's old and new value."""
    return "->" if ascii_only else "→"


def line(text: str, style: str, options: ConsoleOptions) -> Text:
    """One paragraph; nothing in `text` is read as markup."""
    from rich.text import Text

    return Text(safe(text, options.ascii_only), style=style, overflow="fold")


def indented(renderable: RenderableType, by: int = 2) -> Padding:
    """Moved to the right."""
    from rich.padding import Padding

    return Padding(renderable, (0, 0, 0, by))


def bare_table(columns: Sequence[tuple[str, str]], gap: int = 2) -> Table:
    """A table of (header, LEFT or RIGHT) columns with `gap` blanks between them and no lines but one below the head."""
    from rich.table import Table

    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    for header, side in columns:
        table.add_column(header, justify="right" if side == RIGHT else "left", no_wrap=True)
    return table


def fits(table: Table, console: Console, options: ConsoleOptions) -> bool:
    """Whether no cell would have to be cut."""
    from rich.measure import Measurement

    wide = options.update(max_width=10_000)
    return Measurement.get(console, wide, table).maximum <= options.max_width
