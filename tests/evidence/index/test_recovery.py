"""An index that is replaced while it is opened."""

from pathlib import Path

import pytest

from llmexam.errors import CorruptIndexError
from llmexam.evidence.index.recovery import open_replaceable
from llmexam.evidence.index.sparse import SparseIndex
from llmexam.exam.question import Passage


def replace(folder: Path) -> None:
    folder.rename(folder.with_name(f"{folder.name} before"))
    folder.mkdir()


def test_a_folder_that_was_replaced_is_opened_again(tmp_path: Path):
    folder = tmp_path / "index"
    folder.mkdir()
    tries = []

    def opening() -> int:
        tries.append(folder.stat().st_ino)
        if len(tries) == 1:
            replace(folder)
            raise CorruptIndexError("a file is missing", file=folder)
        if len(tries) == 2:
            # Opened in time, but perhaps with files of both.
            (tmp_path / "index before").rename(tmp_path / "first")
            replace(folder)
        return len(tries)

    assert open_replaceable(folder, opening) == 3


def test_a_damaged_folder_is_an_error_at_once(tmp_path: Path):
    tries = []

    def opening() -> None:
        tries.append(1)
        raise CorruptIndexError("a file is missing", file=tmp_path)

    with pytest.raises(CorruptIndexError):
        open_replaceable(tmp_path, opening)
    assert tries == [1]


def test_an_index_is_searched_while_it_is_built_again(tmp_path: Path, monkeypatch):
    folder = tmp_path / "index"
    passages = [Passage("The whale is a mammal.", "", "whale")]
    SparseIndex.build(folder, passages)
    opened = SparseIndex._open.__func__
    tries = []

    def open_slowly(cls, path):
        tries.append(path)
        if len(tries) == 1:
            # The first opening of this test, not the one that ends the build.
            monkeypatch.setattr(SparseIndex, "_open", classmethod(opened))
            SparseIndex.build(folder, passages)
            monkeypatch.setattr(SparseIndex, "_open", classmethod(open_slowly))
        return opened(cls, path)

    monkeypatch.setattr(SparseIndex, "_open", classmethod(open_slowly))
    assert SparseIndex.open(folder).search(["whale"], 1)[0][0].id == "whale"
    assert len(tries) == 2


def test_the_rest_of_a_deleted_folder_of_a_killed_build_is_in_nobodys_way(tmp_path: Path):
    left = tmp_path / ".index.building"
    left.mkdir()
    (left / "manifest.json").write_text("{}")
    SparseIndex.build(tmp_path / "index", [Passage("The whale is a mammal.", "", "whale")])
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_a_name_that_no_file_can_have_is_damage(tmp_path: Path):
    index = SparseIndex.build(tmp_path / "index", [Passage("The whale.", "", "whale")])
    path = index.folder / "checksums.json"
    path.write_text(path.read_text().replace(".pos", "x" * 300, 1))
    with pytest.raises(CorruptIndexError, match="is missing"):
        SparseIndex.open(index.folder)
