"""`llmexam collect clean`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cleaning_samples import made_texts, write_corpus
from in_process import run


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    corpus = write_corpus(tmp_path / "corpus.jsonl", made_texts(40))
    steps = tmp_path / "clean.yaml"
    steps.write_text("steps: [boilerplate, {length: {min_words: 6}}, duplicates]", "utf-8")
    return str(corpus), str(steps), str(tmp_path / "out")
