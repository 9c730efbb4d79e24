"""Step `duplicates`: drop exact and near duplicates, and passages that contain exam questions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from llmexam.collecting.cleaning.contamination import ExamQuestions
from llmexam.collecting.cleaning.minhash import Bands, band_keys, shingle_keys
from llmexam.collecting.cleaning.near_duplicates import DuplicateSearch
from llmexam.collecting.cleaning.step import Arrays, Cleaner, CorpusStep, Observed, Outcome, Part
from llmexam.collecting.document import Document
from llmexam.evidence.seen import hash_texts
from llmexam.exam.audit.near import SHINGLE_WORDS
from llmexam.exam.normalise import normalise
from llmexam.settings.base import OneOrMany
from llmexam.settings.kinds import LocalPath
from llmexam.storage.atomic import write_text


class DuplicatesStep(CorpusStep):
    """Drops documents so that no two kept ones are duplicates.

    Near duplicates are found by MinHash and locality-sensitive hashing, and verified by the Jaccard
    similarity of their shingles. Each document takes about `8 * (n_bands + 3)` bytes on disk, and
    8 for each of its shingles.
    """

    exact: bool = Field(
        default=True, description="drop documents with the same words, in any case and punctuation"
    )
    near: bool = Field(default=True, description="drop near duplicates")
    threshold: float = Field(
        default=0.8, ge=0.3, le=1, description="Jaccard similarity of near duplicates"
    )
    shingle_words: int = Field(default=SHINGLE_WORDS, ge=1, le=20, description="words per shingle")
    permutations: int = Field(
        default=128, ge=16, le=1024, description="MinHash permutations; more of them miss less"
    )
    keep: Literal["first", "longest"] = Field(
        default="first", description="which document of a group to keep"
    )
    against: OneOrMany[LocalPath] = Field(
        default=(),
        description="exam files; passages that contain one of their questions are dropped",
    )
    against_threshold: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="share of a question's three-word shingles from which a passage contains it; "
        "of questions with fewer than 12 words, a passage must contain all",
    )
    seed: int = Field(default=0, ge=0, description="random seed of the permutations")

    def needs_corpus(self) -> bool:
        """Return whether duplicates are searched."""
        return self.exact or self.near

    def check(self) -> None:
        """Check that the exams can be read."""
        if self.against:
            _questions(self.against, self.against_threshold)

    def bands(self) -> Bands:
        """Return the bands of the signatures."""
        return Bands.for_threshold(self.threshold, self.permutations)

    def observe(self, texts: Sequence[str]) -> Arrays:
        """Return keys of words, lengths, band keys and shingles of the texts."""
        arrays: Arrays = {
            "words": hash_texts(normalise(text) for text in texts),
            "lengths": np.fromiter(map(len, texts), np.uint32, len(texts)),
        }
        if self.near:
            shingles, offsets = shingle_keys(texts, self.shingle_words)
            keys = band_keys(shingles, offsets, self.bands(), seed=self.seed)
            # One row per band, so that a band is read without the others.
            arrays |= {
                "bands": np.ascontiguousarray(keys.T),
                "shingles": shingles,
                "offsets": offsets,
            }
        return arrays

    def decide(self, observed: Observed, decisions: Path) -> None:
        """Write the duplicates of each part, with the document that is kept instead."""
        search = DuplicateSearch(observed, keep=self.keep)
        found = search.exact() if self.exact else []
        if self.near:
            found += search.near(self.threshold)
        names = observed.ids({one.of for one in found})
        starts = observed.starts()
        by_part: defaultdict[int, dict[int, tuple[str, str]]] = defaultdict(dict)
        for one in found:
            part = int(np.searchsorted(starts, one.position, side="right")) - 1
            label = "exact duplicate" if one.is_exact else "near duplicate"
            detail = names[one.of] if one.is_exact else f"{names[one.of]} {one.similarity:.3f}"
            by_part[part][one.position - int(starts[part])] = (label, detail)
        for part, rows in by_part.items():
            write_text(_file(decisions, part), json.dumps(rows, sort_keys=True))

    def cleaner(self, part: Part) -> Cleaner:
        """Return the cleaner of a part."""
        dropped: dict[int, tuple[str, str]] = {}
        if part.decisions is not None and _file(part.decisions, part.index).exists():
            read = json.loads(_file(part.decisions, part.index).read_text("utf-8"))
            dropped = {int(row): (label, detail) for row, (label, detail) in read.items()}
        questions = _questions(self.against, self.against_threshold) if self.against else None
        return _DuplicatesCleaner(dropped, questions)


class _DuplicatesCleaner:
    def __init__(
        self, dropped: dict[int, tuple[str, str]], questions: ExamQuestions | None
    ) -> None:
        self._dropped = dropped
        self._questions = questions

    def clean(self, document: Document, row: int) -> Outcome:
        label, detail = self._dropped.get(row, ("", ""))
        if label:
            return Outcome(document.text, dropped=label, detail=detail)
        quoted = self._questions.find(document.text) if self._questions is not None else None
        if quoted is not None:
            return Outcome(
                document.text,
                dropped="contains an exam question",
                detail=f"{quoted.question} {quoted.share:.3f}",
            )
        return Outcome(document.text)


def _file(decisions: Path, part: int) -> Path:
    return decisions / f"{part:06}.json"


@lru_cache(maxsize=4)
def _questions(exams: tuple[Path, ...], threshold: float) -> ExamQuestions:
    """Return the questions of exams; each process reads them once."""
    return ExamQuestions(exams, threshold=threshold)
