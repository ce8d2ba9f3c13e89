"""A Dataset from a file: CSV, TSV, JSON Lines or Parquet, told by its suffix."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from luthier.core.dataset import Column, Dataset
from luthier.core.errors import DataError, nearest_first
from luthier.data.columns import from_series
from luthier.data.delimited import read_delimited
from luthier.data.frame import assemble
from luthier.data.frame import from_frame as from_frame
from luthier.data.jsonl import read_jsonl

SEPARATORS = {".csv": None, ".tsv": "\t", ".tab": "\t"}
TEXT_SUFFIXES = (*SEPARATORS, ".jsonl", ".ndjson")
PARQUET_SUFFIXES = (".parquet", ".pq")


def _unzstd(raw: bytes) -> bytes:
    """The UTF-8 text in a Zstandard file, through polars: the standard library reads these only from 3.14 on."""
    import polars as pl

    try:
        lines = pl.read_csv(raw, has_header=False, separator="\x1f", quote_char=None, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error).partition("\n")[0]) from None
    return "\n".join(lines.to_series().fill_null("").to_list()).encode()


_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zst": _unzstd,
}


def read_table(
    path: str | Path,
    *,
    target: str | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    id_column: str | None = None,
    ignore: Sequence[str] = (),
    inputs: Sequence[str] | None = None,
    encoding: str = "utf-8",
) -> Dataset:
    """The Dataset of a file: .csv, .tsv, .jsonl or .ndjson, also with .gz, .bz2, .xz or .zst after it; .parquet.

    `target`, `group`, `time` and `split` name columns with a role; `ignore` columns that are no inputs;
    `inputs`, where given, the only ones that are. Row ids are the texts of `id_column`, or else follow from
    each row's content, so that they outlive a reordering of the file. Types are inferred over the whole file.

    Raises DataError for whatever keeps the file from being such a table, with the line where there is one.
    """
    place: Callable[[int], str]
    path = Path(path)
    kind, unpack = _kind(path)
    raw = _bytes(path)
    if kind in PARQUET_SUFFIXES:
        columns, place = _parquet(path), lambda row: f"row {row + 1}"
    else:
        if unpack is not None:
            raw = _unpacked(raw, unpack, path)
        text = _decoded(raw, encoding, path)
        if kind in SEPARATORS:
            columns, place = read_delimited(text, path.name, SEPARATORS[kind], id_column)
        else:
            columns, place = read_jsonl(text, path.name)
    try:
        return assemble(
            columns,
            place=place,
            target=target,
            group=group,
            time=time,
            split=split,
            id_column=id_column,
            ignore=ignore,
            inputs=inputs,
        )
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from None


def is_table(path: Path) -> bool:
    """Whether `read_table` reads files of this name."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _DECOMPRESS:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in (*TEXT_SUFFIXES, *PARQUET_SUFFIXES)


def _kind(path: Path) -> tuple[str, Callable[[bytes], bytes] | None]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes[-1] if suffixes else ""
    if last in (*TEXT_SUFFIXES, *PARQUET_SUFFIXES):
        return last, None
    if last in _DECOMPRESS and len(suffixes) > 1 and suffixes[-2] in TEXT_SUFFIXES:
        return suffixes[-2], _DECOMPRESS[last]
    if path.is_dir():
        raise DataError(f"'{path}' is a folder; name a file{_in_folder(path)}")
    raise DataError(
        f"a table's suffix must be one of {', '.join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES))}, the texts also with "
        f"{', '.join(_DECOMPRESS)} after it; got '{path.name}': convert or rename the file"
    )


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(f"'{path}' is a folder; name a file{_in_folder(path)}")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise DataError(f"there is no file '{path}', nor a folder '{path.parent}'; check the path") from None
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
        nearest = ", ".join(nearest_first(path.name, names)[:3])
        hint = f"the nearest names in its folder are: {nearest}" if nearest else "its folder holds no files"
        raise DataError(f"there is no file '{path}'; {hint}") from None
    except OSError as error:
        raise DataError(f"'{path}' can't be read: {error.strerror}; check its permissions") from None
    if not raw:
        raise DataError(f"{path.name} is empty (0 bytes); it needs at least one row")
    return raw


def _in_folder(path: Path) -> str:
    known = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES, *_DECOMPRESS)
    names = sorted(entry.name for entry in path.iterdir() if entry.suffix.lower() in known)
    return f" in it, such as {', '.join(names[:3])}" if names else "; it holds none that can be read"


def _unpacked(raw: bytes, unpack: Callable[[bytes], bytes], path: Path) -> bytes:
    try:
        return unpack(raw)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path.name} can't be decompressed ({error}); was it cut off, or misnamed?") from None


def _decoded(raw: bytes, encoding: str, path: Path) -> str:
    try:
        return raw.decode(encoding)
    except LookupError:
        raise DataError(f"there is no encoding '{encoding}'; usual ones are utf-8, latin-1, cp1252, utf-16") from None
    except UnicodeDecodeError as error:
        likely = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path.name} must be text in {encoding}; byte {raw[error.start]:#04x} at offset {error.start} "
            f"(line {line}) isn't: save the file as UTF-8, or state its `encoding`, such as {likely}"
        ) from None


def _parquet(path: Path) -> dict[str, Column]:
    import polars as pl

    try:
        frame: Any = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path.name} can't be read as Parquet ({reason}); was it cut off, or misnamed?") from None
    try:
        return {series.name: from_series(series) for series in frame.get_columns()}
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from None
