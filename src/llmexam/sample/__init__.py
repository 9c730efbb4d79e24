"""The bundled sample: an exam and a corpus to try everything with, offline."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent

EXAM_PATH = _HERE / "exam.csv"
CORPUS_PATH = _HERE / "corpus.jsonl"
# TREC's form: which passages answer which question.
JUDGEMENTS_PATH = _HERE / "judgements.qrels"
