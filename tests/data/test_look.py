"""What columns seem to hold, by their names and values."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.core.errors import DataError
from luthier.data.encoding import encoding_of
from luthier.data.kinds import parse_kind, typed
from luthier.data.look import look_at_column
from luthier.data.read import read_table

ROWS = 40


def column_of(tmp_path, *cells, name="x"):
    """The column that a CSV with these cells, repeated to ROWS rows, is read as."""
    lines = [f'"{cells[row % len(cells)]}",{row}' for row in range(ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join([f"{name},other", *lines]) + "\n")
    return read_table(tmp_path / "rows.csv")[name]


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("x", ("1.5", "2", ""), "number"),
        ("x", ("true", "false"), "number"),
        ("x", ("1", "2", "?"), "number"),
        ("age", tuple(map(str, range(ROWS))), None),
        ("customer_id", tuple(str(700 - 13 * row) for row in range(ROWS)), None),
        ("customerId", tuple(str(700 - 13 * row) for row in range(ROWS)), None),
        ("paid", tuple(str(700 - 13 * row) for row in range(ROWS)), "number"),
        ("shop_id", ("3", "17", "5"), "category"),
        ("zip", ("10115", "80331"), "category"),
        ("x", ("red", "green", ""), "category"),
        ("x", ("yes", ""), "category"),
        ("x", ("5", "5", "5"), None),
        ("x", ("", "NA"), None),
        ("x", tuple(f"a{row}-f" for row in range(ROWS)), None),
        ("x", tuple(f"this is the remark number {row}" for row in range(ROWS)), "text"),
        ("x", ("a few words again", "and some other words"), "category"),
        ("x", ("2031-01-02", "2031-05-06"), "date"),
        ("x", ("24.12.2031", "01.02.2030"), "date %d.%m.%Y"),
        ("x", ("12/24/2031", "01/02/2030", ""), "date %m/%d/%Y"),
        ("x", ("24/12/2031", "01/02/2030"), "date %d/%m/%Y"),
        ("x", ("1,200", "3,400.5"), "number 1,234.5"),
        ("x", ("3,14", "1.200,5", "2"), "number 1.234,5"),
        ("x", ("$5", "$1,200.50"), "number 1,234.5"),
        ("x", ("12%", "7 %"), "number 1,234.5"),
    ],
)
def test_kinds(tmp_path, name, cells, kind):
    assert look_at_column(name, column_of(tmp_path, *cells, name=name)).kind == kind


def test_what_is_found_can_be_read_so(tmp_path):
    """Each kind that is inferred suits the values that it was inferred from."""
    for cells in (("24.12.2031", "", "01.02.2030"), ("3,14", "-1.200,5", "2", "n/a"), ("$5", "$1,200.50"), ("a", "")):
        column = column_of(tmp_path, *cells)
        look = look_at_column("x", column)
        values = typed("x", column, look.kind)
        assert values.null_count() == sum(cells[row % len(cells)] in ("", "n/a") for row in range(ROWS))
    assert typed("x", column_of(tmp_path, "-1.200,5", "2"), "number 1.234,5").to_list()[:2] == [-1200.5, 2.0]


def test_numbers_may_be_categories_and_infinities_are_missing():
    assert typed("x", np.array([1.0, np.nan]), "category").to_list() == ["1", None]
    assert typed("x", np.array([1.0, np.inf]), "number").to_list() == [1.0, None]
    assert typed("x", np.array([np.nan, np.nan]), "date").null_count() == 2
    assert typed("x", np.array([True, False]), "number").to_list() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("nubmer", "a column is a number or "),
        ("number 1 234", r"numbers in texts are written like 1,234\.5 or 1\.234,5"),
        ("date soon", "written like %d.%m.%Y"),
        ("text de", "'text' takes nothing after it"),
    ],
)
def test_no_kinds(stated, told):
    with pytest.raises(DataError, match=told):
        parse_kind(stated)


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("number", "the column 'x' must hold a number in every row that has a value, but 2 hold something else"),
        ("date", "the column 'x' must hold dates such as 2031-12-24, but holds 'a'"),
        ("date %d.%m.%Y", "must hold a date in every row"),
    ],
)
def test_values_of_another_kind(stated, told):
    with pytest.raises(DataError, match=told):
        typed("x", np.array(["a", None, "b"], dtype=object), stated)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("ä".encode(), "utf-8"),
        ("ä".encode("utf-16"), "utf-16"),
        ("Köln – 5 €".encode("cp1252"), "cp1252"),
        (b"K\x81ln", "latin-1"),
    ],
)
def test_encodings(tmp_path, content, encoding):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    assert encoding_of(path) == encoding
    assert encoding_of(tmp_path / "none.csv") == "utf-8"
