"""Opening the files of a tantivy index, also in places where no lock can be taken."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import tantivy

from llmexam.evidence.index.analysis import build_analyzer

ANALYZER = "llmexam_en"
"""Name under which the analysis of passages is registered, which the files contain."""

_COPIED = ("meta.json", ".managed.json")


def open_data(data: Path) -> tantivy.Index:
    """Open a tantivy index; this does not take its lock yet, but its first searcher does."""
    index = tantivy.Index.open(str(data))
    index.register_tokenizer(ANALYZER, build_analyzer(stop_words=False))
    return index


@contextmanager
def linked_elsewhere(data: Path) -> Iterator[Path]:
    """Yield a temporary folder with links to the files of an index, in which locks can be taken.

    A searcher that was opened in it has mapped all files, and can be used after its deletion.
    """
    with TemporaryDirectory(prefix="llmexam-index-") as temporary:
        for path in data.resolve().iterdir():
            place = Path(temporary) / path.name
            if path.name in _COPIED:
                shutil.copyfile(path, place)
            elif not path.name.startswith("."):
                place.symlink_to(path)
        yield Path(temporary)
