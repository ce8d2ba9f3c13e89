"""Files as bytes and back: a tar without times and owners, so that equal files give equal bytes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from luthier.core.errors import StageError


def files_under(folder: Path) -> dict[str, bytes]:
    """Contents by path relative to `folder`. A file that vanishes meanwhile is left out; links aren't followed."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        except FileNotFoundError:
            continue
    return found


def pack(files: Mapping[str, bytes]) -> bytes:
    """A tar of `files`, by relative path."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            archive.addfile(info, io.BytesIO(files[name]))
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """The inverse of `pack`; raises StageError for anything else."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            opened = ((member.name, archive.extractfile(member)) for member in archive if member.isfile())
            return {name: stream.read() for name, stream in opened if stream is not None}
    except tarfile.TarError as error:
        raise StageError(f"this artifact isn't a bundle of files: {error}") from None


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write `files` below `folder`; raises StageError for a path that leads out of it."""
    for name, content in files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise StageError(f"the bundle holds the path '{name}', which leads out of its folder")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    """Those of `files` that lie in `folder`, by their path inside it."""
    prefix = f"{folder}/"
    return {name[len(prefix) :]: content for name, content in files.items() if name.startswith(prefix)}
