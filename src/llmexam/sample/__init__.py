"""The bundled samples: an exam with a corpus, and rewritten texts, to try everything offline."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent

EXAM_PATH = _HERE / "exam.csv"
CORPUS_PATH = _HERE / "corpus.jsonl"
# TREC's form: which passages answer which question.
JUDGEMENTS_PATH = _HERE / "judgements.qrels"
# Prompt recovery: texts before and after with their prompts, and further prompts.
REWRITES_PATH = _HERE / "rewrites.csv"
PROMPT_BANK_PATH = _HERE / "prompt_bank.csv"

# What a user writes for the sample where a path of an exam or a corpus is asked for.
BUNDLED = "bundled"


def exam_path(path: str | Path) -> Path:
    """Return the path of an exam; `bundled` is the sample's."""
    return EXAM_PATH if str(path) == BUNDLED else Path(path)


def corpus_path(path: str | Path) -> Path:
    """Return the path of a corpus; `bundled` is the sample's."""
    return CORPUS_PATH if str(path) == BUNDLED else Path(path)
