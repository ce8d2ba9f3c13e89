"""Settings that a script holds as literals, which are put into its text as it starts: see `stages.literal_settings`."""

from __future__ import annotations

from luthier.stages.adopt.found import Form, Options, Setting
from luthier.stages.adopt.names import SEEDS
from luthier.stages.adopt.read_click import kind_of
from luthier.stages.adopt.source import Source
from luthier.stages.adopt.worth import is_known
from luthier.stages.literal_settings import Literal, literals_of


def read(source: Source) -> Options:
    """Constants and dicts of the module and its functions; keywords of calls only where their meaning is known."""
    found = [one for one in literals_of(source.tree).values() if one.value is not None and _is_setting(one)]
    return Options(
        tuple(
            Setting(one.address, Form.LITERAL, one.address, kind_of(one.value), one.value, line=one.line)
            for one in sorted(found, key=lambda one: one.line)
        )
    )


def _is_setting(literal: Literal) -> bool:
    name = literal.address.rpartition(".")[2]
    if name.startswith("_"):
        return False
    if literal.keyword or (name != name.upper() and "." not in literal.address):
        if literal.keyword and SEEDS.fullmatch(name.lower()):  # it may be that of a split, which must stay
            return False
        return is_known(name) and (not literal.keyword or _is_number(literal.value))
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
