"""A lever: a named group of settings, what the user turns and the report credits with gain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from luthier.core.errors import SpaceError
from luthier.core.parameter import Parameter
from luthier.core.space import Space

DRAWN_LEVER = "settings"
"""The lever of settings that a define-by-run function asks for while it runs."""

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_\-]*$")


@dataclass(frozen=True)
class Lever:
    """A named group of settings. Names hold letters, digits, '_' and '-': the dot parts lever from setting.

    A setting's `when` names parents of its own lever plainly and those of others as `lever.setting`.
    """

    name: str
    settings: Mapping[str, Parameter]

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", dict(self.settings))
        if not _NAME.match(self.name):
            raise SpaceError(f"a lever's name takes letters, digits, '_' and '-'; got '{self.name}'")
        if not self.settings:
            raise SpaceError(f"lever '{self.name}' needs at least one setting; got none")
        for setting in self.settings:
            if not _NAME.match(setting):
                raise SpaceError(
                    f"a setting's name takes letters, digits, '_' and '-'; got '{setting}' in lever '{self.name}'"
                )

    def to_json(self) -> dict[str, Any]:
        """The lever's settings as a task file writes them."""
        return {name: parameter.to_json() for name, parameter in self.settings.items()}


def joint_space(levers: Sequence[Lever]) -> Space:
    """The space of all levers together, with dotted names; conditions may cross levers by dotted names."""
    names = [lever.name for lever in levers]
    if len(set(names)) != len(names):
        raise SpaceError(f"levers need different names; got {', '.join(names)}")
    parameters: dict[str, Parameter] = {}
    for lever in levers:
        for setting, parameter in lever.settings.items():
            parameters[f"{lever.name}.{setting}"] = _dotted(lever.name, parameter)
    return Space(parameters)


def lever_names(space: Space) -> tuple[str, ...]:
    """The levers of a joint space, in order."""
    return tuple(dict.fromkeys(name.partition(".")[0] for name in space.parameters))


def free_only(space: Space, levers: Sequence[str], held: Mapping[str, Any]) -> Space:
    """The joint `space` with only `levers` free and every other setting as in the config `held`.

    A setting of another lever that isn't active in `held` stays at its default should it become active.
    """
    others = {
        name: held.get(name, parameter.default)
        for name, parameter in space.parameters.items()
        if name.partition(".")[0] not in levers
    }
    return space.fix(others)


def _dotted(lever: str, parameter: Parameter) -> Parameter:
    if not parameter.when:
        return parameter
    when = {parent if "." in parent else f"{lever}.{parent}": test for parent, test in parameter.when.items()}
    kind: Any = parameter
    return replace(kind, when=when)
