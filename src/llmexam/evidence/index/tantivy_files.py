"""Opening the files of a tantivy index, also in places where no lock can be taken."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import tantivy

from llmexam.evidence.index.analysis import build_analyzer

ANALYZER = "llmexam_en"
"""Name under which the analysis of passages is registered, which the files contain."""

_N_ATTEMPTS = 50
_COPIED = ("meta.json", ".managed.json")


def open_data(data: Path) -> tantivy.Index:
    """Open a tantivy index, which takes its lock for readers for a moment."""
    index = tantivy.Index.open(str(data))
    # Otherwise a thread watches the folder and takes the lock again at any time.
    index.config_reader("manual")
    index.register_tokenizer(ANALYZER, build_analyzer(stop_words=False))
    return index


@contextmanager
def linked_elsewhere(data: Path) -> Iterator[Path]:
    """Yield a temporary folder with links to the files of an index, in which locks can be taken.

    A searcher that was opened in it has mapped all files, and can be used after its deletion.
    """
    with temporary_folder() as temporary:
        for path in data.resolve().iterdir():
            place = temporary / path.name
            if path.name in _COPIED:
                shutil.copyfile(path, place)
            elif not path.name.startswith("."):
                place.symlink_to(path)
        yield temporary


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder for a tantivy index, which is deleted at the end."""
    temporary = Path(mkdtemp(prefix="llmexam-index-"))
    try:
        yield temporary
    finally:
        # A thread of tantivy may still create its lock file while the folder is deleted.
        for _ in range(_N_ATTEMPTS):
            shutil.rmtree(temporary, ignore_errors=True)
            if not temporary.exists():
                break
            time.sleep(0.02)
