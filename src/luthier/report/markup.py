"""HTML from values: whatever is text is escaped, so that nothing that a user wrote is read as markup."""

from __future__ import annotations

from html import escape

_EMPTY = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *content: str | None, **attributes: str | None) -> Markup:
    """`<name ...>content</name>`. Plain text is escaped, Markup isn't; None is left out, as content and as attribute.

    A trailing '_' of an attribute's name is dropped and other '_' become '-': `class_="x"`, `aria_label="y"`.
    """
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{named}>")
    return Markup(f"<{name}{named}>{joined(*content)}</{name}>")


def joined(*parts: str | None) -> Markup:
    """One after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts if part is not None))


def in_script(json: str) -> str:
    """JSON that may stand inside of a script element: no '<' begins a tag there."""
    return json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
