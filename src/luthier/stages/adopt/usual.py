"""The arguments that the user gives a script today: they are what it starts from, in place of its own defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from luthier.core.errors import UsageError
from luthier.core.parameter import Scalar
from luthier.stages.adopt.found import Form, Kind, Script, Setting


def with_usual(script: Script, arguments: Sequence[str]) -> tuple[Script, frozenset[str]]:
    """The script with `arguments` as its defaults, and the names of the settings that they gave a value.

    Raises UsageError for an argument that no setting of the script takes.
    """
    given: dict[str, str] = {}
    by_flag = {setting.told: setting for setting in script.settings if setting.told}
    by_flag |= {setting.off: setting for setting in script.settings if setting.off}
    positions = [setting for setting in script.settings if setting.form is Form.POSITION]
    rest = [one for one in arguments if one not in script.subcommand]
    while rest:
        one = rest.pop(0)
        flag, equals, value = one.partition("=")
        setting = by_flag.get(flag)
        if setting is None and not one.startswith("-") and positions:
            given[positions.pop(0).name] = one
        elif setting is None:
            known = ", ".join(by_flag) or "none"
            raise UsageError(f"the script has no argument '{one}' that could be found; found were: {known}")
        elif setting.form is Form.SWITCH:
            given[setting.name] = "false" if flag == setting.off else "true"
        elif equals:
            given[setting.name] = value
        elif rest:
            given[setting.name] = rest.pop(0)
        else:
            raise UsageError(f"the argument '{one}' needs a value after it; got none")
    settings = tuple(_with(one, given[one.name]) if one.name in given else one for one in script.settings)
    return replace(script, settings=settings), frozenset(given)


def _with(setting: Setting, text: str) -> Setting:
    if setting.kind is Kind.SWITCH:
        return replace(setting, default=text.lower() == "true", required=False)
    try:
        whole = setting.kind is not Kind.FLOAT and float(text) == int(text)
        number: Scalar = int(text) if whole else float(text)
    except ValueError:
        number = text
        if setting.kind in (Kind.INT, Kind.FLOAT):
            try:
                number = float(text)
            except ValueError:
                raise UsageError(f"'{setting.told or setting.name}' takes a number; got '{text}'") from None
    if setting.kind is Kind.TEXT:
        number = text if not setting.choices else next((one for one in setting.choices if str(one) == text), text)
    return replace(setting, default=number, required=False)
