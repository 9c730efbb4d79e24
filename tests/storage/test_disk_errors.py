import errno
from collections import namedtuple

import pytest

from llmexam.storage.disk_errors import disk_error

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("Internal error: 'File too large (os error 27)'", 27),
        ("write error in vectors.faiss: 12 != 99 (No space left on device)", errno.ENOSPC),
        ("Disk quota exceeded", errno.EDQUOT),
        ("the schema differs", None),
    ],
)
def test_the_number_of_an_error_is_found_in_its_message(tmp_path, monkeypatch, message, number):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 0, 10**9))
    found = disk_error(message, tmp_path / "none" / "x")
    assert (found and found.errno) == number


def test_a_disk_that_is_full_is_found_without_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**9, 10**9, 0))
    assert disk_error("a thread died", tmp_path / "x").errno == errno.ENOSPC
