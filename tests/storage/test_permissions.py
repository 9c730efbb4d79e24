import os
from pathlib import Path

import pytest

from llmexam.storage.permissions import open_to_readers, take_permissions


@pytest.fixture(autouse=True)
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}


def write(folder: Path, **files: int) -> Path:
    folder.mkdir()
    for name, mode in files.items():
        (folder / name).write_text(name)
        (folder / name).chmod(mode)
    return folder


def test_only_narrow_files_are_opened(tmp_path):
    folder = write(tmp_path / "one", narrow=0o600, usual=0o640, wide=0o664)
    open_to_readers(folder)
    assert modes(folder) == {"narrow": "0o640", "usual": "0o640", "wide": "0o664"}


def test_new_files_get_the_permissions_of_the_present_ones(tmp_path):
    present = write(tmp_path / "present", manifest=0o600, old=0o660, linked=0o604)
    folder = write(tmp_path / "new", manifest=0o644, old=0o600, added=0o644)
    os.link(present / "linked", folder / "linked")
    take_permissions(folder, present, "manifest")
    expected = {"manifest": "0o600", "old": "0o660", "added": "0o600", "linked": "0o604"}
    assert modes(folder) == expected


def test_files_of_another_user_stay_as_they_are(tmp_path, monkeypatch):
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    folder = write(tmp_path / "new", file=0o600)
    present = write(tmp_path / "present", file=0o640)
    monkeypatch.setattr(Path, "chmod", refuse)
    open_to_readers(folder)
    take_permissions(folder, present, "file")
    assert modes(folder) == {"file": "0o600"}
