"""A first look at the columns of a table: what each seems to hold, and which are no use to a model.

It sees names and values, not the target: which column predicts well is for the study to find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from luthier.core.dataset import Column, Dataset
from luthier.data.columns import is_missing
from luthier.data.kinds import DATE_FORMATS, NUMBER_PATTERNS, Kind, bare_numbers, bare_texts

FEWEST_ROWS = 20
"""With fewer rows, values that all differ say nothing."""
FEW_VALUES = 20
"""So few different texts are categories, however many words they have."""
WORDS_OF_TEXT = 3
"""Texts of so many words in the mean are there to be read."""
SHARE_OF_TEXT = 0.3
"""And texts of which at least this share of the rows have one of their own."""

_IDENTIFIER = re.compile(r"(?i:(^|[\W_])(id|ids|uid|uuid|guid|key|index|idx|row|nr|no|number)$)|[a-z](ID|Id|Key)$")
_CODE = re.compile(r"(?i:(^|[\W_])(id|zip|zipcode|zip_code|postcode|postal_code|plz|code)$)|[a-z](ID|Id|Code)$")


@dataclass(frozen=True, slots=True)
class Look:
    """What a column seems to hold: its `kind` as a task file states it, or None where it is left out, and why."""

    name: str
    kind: str | None
    why: str
    missing: int
    distinct: int


def look_at(dataset: Dataset) -> Iterator[Look]:
    """What each input column of `dataset` seems to hold, in order."""
    for name in dataset.inputs:
        yield look_at_column(name, dataset[name])


def look_at_column(name: str, column: Column) -> Look:
    """What the column `name` seems to hold.

    Left out are columns without a value, with one value in every row, and identifiers: row numbers, whole numbers
    that all differ under a name such as 'id' or 'customer_id', single words that all differ.
    """
    missing = is_missing(column)
    known = column[~missing]
    distinct = len(set(known.tolist()))
    kind, why = _kind_of(name, column, known, distinct)
    return Look(name, kind, why, int(missing.sum()), distinct)


def _kind_of(name: str, column: Column, known: Column, distinct: int) -> tuple[str | None, str]:
    if not distinct:
        return None, "no value in any row"
    if distinct == 1 and len(known) == len(column):
        return None, "the same value in every row"
    if column.dtype.kind == "M":
        return (Kind.DATE, "dates") if distinct > 1 else (Kind.CATEGORY, "one value, or none")
    if distinct == 1:
        return Kind.CATEGORY, "one value, or none"
    if column.dtype != object:
        return _kind_of_numbers(name, known, distinct)
    return _kind_of_texts(known, distinct)


def _kind_of_numbers(name: str, known: Column, distinct: int) -> tuple[str | None, str]:
    if known.dtype.kind == "b":
        return Kind.NUMBER, "true or false"
    whole = bool((np.isfinite(known) & (known == np.floor(known))).all())
    if whole and distinct == len(known) >= FEWEST_ROWS:
        if bool((np.diff(known) == 1).all()):
            return None, "it numbers the rows"
        if _IDENTIFIER.search(name):
            return None, "an identifier: another number in every row"
    if whole and _CODE.search(name):
        return Kind.CATEGORY, "numbers that name something"
    return Kind.NUMBER, ""


def _kind_of_texts(known: Column, distinct: int) -> tuple[str | None, str]:
    texts = bare_texts(known).drop_nulls()
    if texts.is_empty():
        return Kind.CATEGORY, f"{distinct} values"
    for written in DATE_FORMATS:
        if not texts.str.to_datetime(written, strict=False).has_nulls():
            return f"{Kind.DATE} {written}", f"dates, such as {texts[0]!r}"
    plain = bare_numbers(texts)
    for written, pattern in NUMBER_PATTERNS.items():
        if plain.str.contains(pattern).all():
            return f"{Kind.NUMBER} {written}", f"numbers, such as {texts[0]!r}"
    words = float(texts.str.count_matches(r"\S+").mean() or 0)  # pyright: ignore[reportArgumentType]
    if words >= WORDS_OF_TEXT and distinct > max(FEW_VALUES, SHARE_OF_TEXT * len(known)):
        return Kind.TEXT, f"texts of {words:.0f} words"
    if distinct == len(known) >= FEWEST_ROWS and words < 1.5:
        return None, "an identifier: another word in every row"
    return Kind.CATEGORY, f"{distinct} values"
