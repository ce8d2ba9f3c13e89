"""Readers: every kind of file, typed over all rows, and one clear error for each way a file can be wrong."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luthier.core.dataset import Dataset
from luthier.core.errors import DataError
from luthier.data.read import from_frame, read_table

ROWS = [
    {"text": "good", "length": 4, "price": 1.5, "y": "pos"},
    {"text": "bad, really", "length": 11, "price": None, "y": "neg"},
    {"text": None, "length": 0, "price": -2.0, "y": "pos"},
]
CSV = 'text,length,price,y\ngood,4,1.5,pos\n"bad, really",11,,neg\n,0,-2.0,pos\n'


def _file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _message(path: Path, **roles: object) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path, **roles)  # pyright: ignore[reportArgumentType]
    return str(caught.value)


def _write(folder: Path, suffix: str) -> Path:
    path = folder / f"data{suffix}"
    raw = CSV.encode()
    if suffix == ".parquet":
        pl.DataFrame(ROWS).write_parquet(path)
    elif suffix == ".csv.zst":
        pl.DataFrame(ROWS).write_csv(path, compression="zstd")
    elif suffix.startswith(".jsonl"):
        path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    elif suffix == ".tsv":
        path.write_text("text\tlength\tprice\ty\ngood\t4\t1.5\tpos\nbad, really\t11\t\tneg\n\t0\t-2.0\tpos\n")
    else:
        pack = {".csv": bytes, ".csv.gz": gzip.compress, ".csv.bz2": bz2.compress, ".csv.xz": lzma.compress}
        path.write_bytes(pack[suffix](raw))
    return path


SUFFIXES = [".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst", ".tsv", ".jsonl", ".parquet"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_rows_are_the_same_dataset_from_every_kind_of_file(tmp_path: Path, suffix: str) -> None:
    read = read_table(_write(tmp_path, suffix), target="y")
    assert read.inputs == ("text", "length", "price")
    assert read["text"].tolist() == ["good", "bad, really", None]
    assert read["length"].dtype == np.int64
    assert read["price"].dtype == np.float64
    np.testing.assert_array_equal(read["price"], [1.5, np.nan, -2.0])
    assert read.ids.tolist() == from_frame(ROWS, target="y").ids.tolist()
    assert read.fingerprint == from_frame(ROWS, target="y").fingerprint


def test_ids_do_not_change_between_versions_and_machines() -> None:
    assert from_frame(ROWS).ids.tolist() == ["584a3ec5a2e6cd13", "c2150235e9c89131", "5ad76a9079f2efb0"]


def test_ids_outlive_a_reordering_and_number_repeats(tmp_path: Path) -> None:
    lines = ["a,b", "1,x", "2,y", "1,x", "3,z", "1,x"]
    one = read_table(_file(tmp_path, "one.csv", "\n".join(lines)))
    other = read_table(_file(tmp_path, "other.csv", "\n".join([lines[0], *lines[:0:-1]])))
    assert sorted(one.ids) == sorted(other.ids)
    base = one.ids[0]
    assert [one.ids[2], one.ids[4]] == [f"{base}#2", f"{base}#3"]
    row_of_two = dict(zip(other.ids.tolist(), other["a"].tolist(), strict=True))
    assert row_of_two[one.ids[1]] == 2


def test_ids_stay_when_another_row_makes_a_column_real(tmp_path: Path) -> None:
    whole = read_table(_file(tmp_path, "whole.csv", "a,b\n1,x\n2,y\n"))
    real = read_table(_file(tmp_path, "real.csv", "a,b\n1,x\n2,y\n,z\n"))
    assert real["a"].dtype == np.float64
    assert real.ids[:2].tolist() == whole.ids.tolist()


def test_an_id_column_gives_the_ids_as_written_and_is_no_input(tmp_path: Path) -> None:
    read = read_table(_file(tmp_path, "data.csv", "id,a\n007,1\n008,2\n"), id_column="id")
    assert read.ids.tolist() == ["007", "008"]
    assert read.inputs == ("a",)


def test_a_repeated_id_is_named_with_its_lines(tmp_path: Path) -> None:
    message = _message(_file(tmp_path, "data.csv", "id,a\n7,1\n8,2\n7,3\n"), id_column="id")
    assert "'7' twice, at line 2 and line 4" in message


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "2", "3"], "i", [1, 2, 3]),
        (["1", "?", "3"], "f", [1, np.nan, 3]),
        (["1", "2.5", "1e3"], "f", [1, 2.5, 1000]),
        (["true", "False", "TRUE"], "b", [True, False, True]),
        (["true", "NA", "false"], "f", [1, np.nan, 0]),
        (["NA", "b", "None"], "O", ["NA", "b", "None"]),
        ([" 1", "2 ", "-3"], "i", [1, 2, -3]),
        (["123456789012345678901", "1", "2"], "O", ["123456789012345678901", "1", "2"]),
        (["2031-12-24", "2031-12-25", "2031-12-26"], "M", ["2031-12-24", "2031-12-25", "2031-12-26"]),
        (["2031-12-24T18:00:00+02:00", "2031-12-24", "NA"], "O", ["2031-12-24T18:00:00+02:00", "2031-12-24", "NA"]),
        (["2031-12-24T18:00:00", "", "2031-12-24T18:00:01"], "M", ["2031-12-24T18:00", "NaT", "2031-12-24T18:00:01"]),
        (
            ["2031-12-24T18:00:00+02:00", "", "2031-12-24T18:00:01Z"],
            "M",
            ["2031-12-24T16", "NaT", "2031-12-24T18:00:01"],
        ),
        (["2031-99-99", "2031-12-24", "x"], "O", ["2031-99-99", "2031-12-24", "x"]),
        (["NA", "", "?"], "f", [np.nan, np.nan, np.nan]),
    ],
)
def test_types_are_inferred_over_the_whole_column(
    tmp_path: Path, cells: list[str], kind: str, values: list[object]
) -> None:
    read = read_table(_file(tmp_path, "data.csv", "\n".join(["a,b", *(f"{cell},x" for cell in cells)])))
    assert read["a"].dtype.kind == kind
    expected = np.array(values, dtype="datetime64[us]") if kind == "M" else np.array(values)
    np.testing.assert_array_equal(read["a"], expected)


def test_a_text_after_thousands_of_numbers_makes_the_column_text(tmp_path: Path) -> None:
    read = read_table(_file(tmp_path, "data.csv", "\n".join(["a", *map(str, range(5000)), "oops"])))
    assert read["a"].tolist()[-2:] == ["4999", "oops"]


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_another_separator_is_told_from_the_header(tmp_path: Path, separator: str) -> None:
    text = "\n".join(separator.join(row) for row in (["a", "b"], ["1", "x"], ["2", "y"]))
    assert read_table(_file(tmp_path, "data.csv", text))["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa,b\n1,x\n2,y\n",
        "a,b\r\n1,x\r\n2,y\r\n",
        "a,b\r1,x\r2,y\r",
        "a,b\n\n1,x\n\n2,y\n\n",
        '"a","b"\n"1","x"\n"2","y"',
        " a , b\n1,x\n2,y\n",
    ],
)
def test_harmless_habits_of_other_programs_are_read(tmp_path: Path, text: str) -> None:
    read = read_table(_file(tmp_path, "data.csv", text))
    assert read["a"].tolist() == [1, 2]
    assert read["b"].tolist() == ["x", "y"]


def test_quotes_inside_and_line_ends_inside_quotes_are_read(tmp_path: Path) -> None:
    read = read_table(_file(tmp_path, "data.csv", 'a,b\n5" pipe,"x\ny"\nq,"say ""hi"""\n'))
    assert read["a"].tolist() == ['5" pipe', "q"]
    assert read["b"].tolist() == ["x\ny", 'say "hi"']


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_line_of_ten_megabytes_is_read(tmp_path: Path, suffix: str) -> None:
    long = "x" * 10_000_000
    text = f"a,b\n{long},1\ny,2\n" if suffix == ".csv" else f'{{"a": "{long}", "b": 1}}\n{{"a": "y", "b": 2}}'
    read = read_table(_file(tmp_path, f"data{suffix}", text))
    assert [len(value) for value in read["a"]] == [10_000_000, 1]


def test_another_encoding_can_be_stated(tmp_path: Path) -> None:
    path = _file(tmp_path, "data.csv", "a,b\nchâteau,1\n".encode("cp1252"))
    message = _message(path)
    assert "byte 0xe2 at offset 6 (line 2)" in message
    assert "`encoding`, such as cp1252" in message
    assert read_table(path, encoding="cp1252")["a"].tolist() == ["château"]
    assert "there is no encoding 'klingon'" in _message(path, encoding="klingon")
    wide = _file(tmp_path, "wide.csv", "a,b\nchâteau,1\n".encode("utf-16"))
    assert "`encoding`, such as utf-16" in _message(wide)
    assert read_table(wide, encoding="utf-16")["a"].tolist() == ["château"]


# (file name, content, roles, what the message must say)
WRONG: list[tuple[str, str | bytes, dict[str, object], list[str]]] = [
    ("d.csv", "", {}, ["d.csv is empty (0 bytes)"]),
    ("d.csv", "\n\n", {}, ["d.csv is empty", "header"]),
    ("d.csv", "a,b\n", {}, ["header but no rows"]),
    ("d.csv", "a,b,a\n1,2,3\n", {}, ["d.csv", "'a' is the name of columns 1 and 3"]),
    ("d.csv", "a,,c\n1,2,3\n", {}, ["column 2 has none"]),
    ("d.csv", "a,b\n1,2\n3,4,5\n", {}, ["line 3", "2 fields", "got 3"]),
    ("d.csv", "a,b\n1,2\n3\n4,5\n", {}, ["line 3", "2 fields", "got 1"]),
    ("d.csv", 'a,b\n"x\ny",2\n3\n', {}, ["line 4", "got 1"]),
    ("d.csv", 'a,b\n1,2\n3,"x\n4,5\n6,7\n', {}, ["line 3", "quote"]),
    ("d.csv", 'a,b\n1,"x"y\n', {}, ["line 2", "quote"]),
    ("d.csv", "label,b\nx,2\n", {"target": "lable"}, ["target column 'lable' is missing", "are: label, b"]),
    ("d.csv", "y,b\n,1\n,2\n", {"target": "y"}, ["'y' has no value in any of 2 rows"]),
    ("d.csv", "y,b\nx,1\n,2\nz,3\n,4\n", {"target": "y"}, ["2 of 4 rows (line 3, line 5)", "drop", "fill"]),
    ("d.csv", "y,b\n1,1\nNA,2\n", {"target": "y"}, ["1 of 2 rows (line 3)"]),
    ("d.csv", 'y,b\nx,"1\n2"\n,3\n', {"target": "y"}, ["(line 4)"]),
    ("d.csv", "id,b\nx,1\n,2\n", {"id_column": "id"}, ["no value at line 3"]),
    ("d.csv", "y,b\nx,1\n", {"target": "y", "group": "y"}, ["both target and group"]),
    ("d.csv", "y,b\nx,1\n", {"target": "y", "inputs": ("y",)}, ["'y' can't be an input too"]),
    ("d.csv", "y,b\nx,1\n", {"ignore": ("c",)}, ["ignored column 'c' is missing", "b, y"]),
    ("d.csv", "y,b\nx,1\n", {"ignore": ("b",), "inputs": ("b",)}, ["both in `inputs` and in `ignore`"]),
    ("d.csv.gz", b"not gzip", {}, ["d.csv.gz can't be decompressed"]),
    ("d.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], {}, ["can't be decompressed"]),
    ("d.csv.xz", b"no", {}, ["can't be decompressed"]),
    ("d.csv.bz2", b"no", {}, ["can't be decompressed"]),
    ("d.csv.zst", b"\x28\xb5\x2f\xfdno", {}, ["can't be decompressed"]),
    ("d.jsonl", "\n \n", {}, ["is empty"]),
    ("d.jsonl", '{"a": 1}\n{"a": 2,}\n', {}, ["line 2", "character 9", '{"a": 2,}']),
    ("d.jsonl", '{"a": 1}\n\n[1, 2]\n', {}, ["line 3", "got a list"]),
    ("d.jsonl", '{"a": 1}\n{"b": {"c": 1}}\n', {}, ["column 'b' holds nested values", "{'c': 1}"]),
    ("d.jsonl", "[" * 100_000, {}, ["line 1"]),
    ("d.jsonl", '{"y": "x"}\n\n{"y": null}\n', {"target": "y"}, ["1 of 2 rows (line 3)"]),
    ("d.parquet", b"PAR1 but no", {}, ["can't be read as Parquet"]),
    ("d.xlsx", "x", {}, [".csv, .tsv", "got 'd.xlsx'"]),
    ("d.zst", "x", {}, ["got 'd.zst'"]),
]


@pytest.mark.parametrize(("name", "content", "roles", "says"), WRONG)
def test_bad_input_is_one_clear_error(
    tmp_path: Path, name: str, content: str | bytes, roles: dict[str, object], says: list[str]
) -> None:
    message = _message(_file(tmp_path, name, content), **roles)
    for part in says:
        assert part in message
    assert "\n" not in message
    assert len(message) < 500


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    _file(tmp_path, "reviews.csv", "a\n1\n")
    _file(tmp_path, "other.txt", "a\n1\n")
    assert "are: reviews.csv" in _message(tmp_path / "review.csv")
    assert "nor a folder" in _message(tmp_path / "nowhere" / "review.csv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "none that can be read" in _message(tmp_path)
    _file(tmp_path, "reviews.csv", "a\n1\n")
    assert "such as reviews.csv" in _message(tmp_path)


def test_nested_parquet_names_its_column(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pl.DataFrame({"a": [1], "b": [[1, 2]]}).write_parquet(path)
    assert "column 'b' holds nested values" in _message(path)


def test_parquet_types_become_canonical(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    frame = pl.DataFrame(
        {
            "small": pl.Series([1, None], dtype=pl.Int8),
            "huge": pl.Series([1, 2**64 - 1], dtype=pl.UInt64),
            "flag": [True, None],
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
            "exact": pl.Series(["1.5", "2.5"]).cast(pl.Decimal(10, 2)),
            "when": pl.Series(["2031-12-24", None]).str.to_date(),
            "nothing": [None, None],
        }
    )
    frame.write_parquet(path)
    read = read_table(path)
    np.testing.assert_array_equal(read["small"], [1, np.nan])
    np.testing.assert_array_equal(read["huge"], [1.0, 2.0**64])
    np.testing.assert_array_equal(read["flag"], [1, np.nan])
    assert read["kind"].tolist() == ["a", "b"]
    assert read["exact"].tolist() == [1.5, 2.5]
    np.testing.assert_array_equal(read["when"], np.array(["2031-12-24", "NaT"], dtype="datetime64[us]"))
    assert np.isnan(read["nothing"]).all()
    assert read.fingerprint == from_frame(frame).fingerprint == from_frame(frame.lazy()).fingerprint


def test_inputs_leave_the_rest_out_and_roles_stay(tmp_path: Path) -> None:
    path = _file(tmp_path, "d.csv", "y,g,t,s,a,b,c\np,1,1,train,1,2,3\nn,2,2,test,1,2,3\n")
    read = read_table(path, target="y", group="g", time="t", split="s", inputs=("a",))
    assert read.inputs == ("a",)
    assert (read.target, read.group, read.time, read.split) == ("y", "g", "t", "s")
    assert read_table(path, target="y", ignore=("b", "g")).inputs == ("t", "s", "a", "c")


def test_frames_of_several_kinds_agree() -> None:
    arrays = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    expected = from_frame(ROWS, target="y")
    for frame in (pl.DataFrame(ROWS), arrays, tuple(ROWS)):
        assert from_frame(frame, target="y").fingerprint == expected.fingerprint


def test_rows_that_lack_a_key_miss_the_value() -> None:
    read = from_frame([{"a": 1}, {"a": 2, "b": "x"}])
    assert read["b"].tolist() == [None, "x"]


def test_numbers_of_more_dimensions_are_kept() -> None:
    read = from_frame({"image": np.arange(12, dtype=np.uint8).reshape(2, 2, 3), "y": ["a", "b"]}, target="y")
    assert read["image"].shape == (2, 2, 3)
    assert len(set(read.ids)) == 2


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (3, "got int"),
        ([], "no rows"),
        ({}, "no rows"),
        ({"a": [1, 2], "b": [1]}, "a: 2, b: 1"),
        ({"a": [object()]}, "type object"),
        ({"a": [[1]]}, "nested"),
        ({"a": np.array([1j])}, "complex128"),
        ({"a": np.array([["x", "y"]])}, "shape (1, 2)"),
        (pl.DataFrame({"a": [{"b": 1}]}), "nested"),
        (pl.DataFrame({"a": [b"x"]}), "type Binary"),
    ],
)
def test_frames_that_are_no_table_are_refused(frame: object, says: str) -> None:
    with pytest.raises(DataError) as caught:
        from_frame(frame)
    assert says in str(caught.value)


def test_mixed_values_become_texts() -> None:
    read = from_frame({"a": [1, "x", None], "b": [True, 2, 3], "c": [2**70, 1, 2]})
    assert read["a"].tolist() == ["1", "x", None]
    assert read["b"].tolist() == ["True", "2", "3"]
    assert read["c"].tolist() == [str(2**70), "1", "2"]


def test_a_dataset_is_what_comes_out() -> None:
    assert isinstance(from_frame(ROWS), Dataset)
