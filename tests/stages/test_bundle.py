from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.core.errors import StageError
from luthier.stages.bundle import below, files_under, pack, unpack, write_files

names = st.lists(
    st.text("abc.é ", min_size=1, max_size=120).filter(lambda name: set(name) - {".", " "}), min_size=1, max_size=3
).map("/".join)


@given(st.dictionaries(names, st.binary(max_size=2000), max_size=4))
def test_files_come_back_and_equal_files_are_equal_bytes(files):
    content = pack(files)
    assert unpack(content) == files
    assert pack(dict(reversed(files.items()))) == content


def test_a_folder_comes_back_without_its_links(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(b"1")
    (tmp_path / "link").symlink_to("/etc/hostname")
    files = files_under(tmp_path)
    assert files == {"deep/a": b"1"}
    write_files(files, tmp_path / "copy")
    assert files_under(tmp_path / "copy") == files
    assert below(files, "deep") == {"a": b"1"}


@pytest.mark.parametrize("name", ["../out", "/absolute", "a/../../out"])
def test_a_path_that_leads_out_is_refused(tmp_path, name):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(StageError, match="leads out of its folder"):
        write_files(unpack(buffer.getvalue()), tmp_path)


def test_what_is_no_bundle():
    with pytest.raises(StageError, match="isn't a bundle of files"):
        unpack(b"no tar")
