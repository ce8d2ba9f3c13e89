"""Settings of absl: `flags.DEFINE_float("lr", 0.01, "learning rate")`."""

from __future__ import annotations

from luthier.stages.adopt.found import Form, Kind, Options, Setting
from luthier.stages.adopt.source import Source, called, keywords

_KINDS = {
    "DEFINE_float": Kind.FLOAT,
    "DEFINE_integer": Kind.INT,
    "DEFINE_string": Kind.TEXT,
    "DEFINE_enum": Kind.TEXT,
    "DEFINE_bool": Kind.SWITCH,
    "DEFINE_boolean": Kind.SWITCH,
}


def read(source: Source) -> Options:
    """All flags that the script defines."""
    settings: list[Setting] = []
    for call in source.calls(*_KINDS):
        given = keywords(call)
        name = source.text_of(call.args[0] if call.args else given.get("name"))
        default = source.scalar(call.args[1] if len(call.args) > 1 else given.get("default"))
        kind, choices = _KINDS[called(call)], ()
        if called(call) == "DEFINE_enum" and len(call.args) > 2:
            worth = source.worth(call.args[2])
            choices = worth if isinstance(worth, tuple) else ()
        text = source.text_of(call.args[-1]) if len(call.args) > 2 else source.text_of(given.get("help"))
        if name:
            settings.append(
                Setting(name, Form.EQUALS, f"--{name}", kind, default, choices, help=text, line=call.lineno)
            )
    return Options(tuple(sorted(settings, key=lambda one: one.line)))
