"""The task file of a table: drafted, and written into the current folder, never over another's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from luthier.core.errors import UsageError
from luthier.study.draft import Draft, draft_of
from luthier.study.draft_text import task_text, without_budget


@dataclass(frozen=True)
class Written:
    """A draft and the task file that says the same; `is_new` where it was written now.

    `other` is a task file of that table that was there already and says otherwise: it is left as it is.
    """

    draft: Draft
    path: Path
    is_new: bool
    other: Path | None


def write_task(
    table: Path, *, target: str | None = None, metric: str | None = None, budget: str | None = None
) -> Written:
    """The task file of `table`, such as `data.task.yaml` for `data.csv`, in the current folder.

    One that says the same but for the budget is used as it is; beside others `data-2.task.yaml` is written.
    Raises as `draft_of` does, and UsageError where the folder can't be written to.
    """
    draft = draft_of(table, target=target, metric=metric, budget=budget)
    folder, stem = Path.cwd(), table.name.partition(".")[0] or table.name
    text = task_text(draft, folder, stem)
    other: Path | None = None
    for number in range(1, 1000):
        path = Path(f"{stem}.task.yaml" if number == 1 else f"{stem}-{number}.task.yaml")
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            return Written(draft, path, is_new=True, other=other)
        except FileExistsError:
            if _says(path, text):
                return Written(draft, path, is_new=False, other=other)
            other = other or path
        except OSError as error:
            raise UsageError(
                f"the task file '{path}' can't be written: {error.strerror}; go to a folder that can be written to"
            ) from None
    raise UsageError(f"there are a thousand task files of '{table.name}' here; remove some")


def _says(path: Path, text: str) -> bool:
    try:
        return without_budget(path.read_text("utf-8")) == without_budget(text)
    except (OSError, UnicodeDecodeError):
        return False


def told(written: Written) -> str:
    """Where the task is written down, in a sentence."""
    if written.other is not None and written.is_new:
        return f"Written to {written.path}, since {written.other} is there and says otherwise."
    return f"Written to {written.path}." if written.is_new else f"{written.path} says so already."
