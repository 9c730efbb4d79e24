"""From texts and prompts to rows of training data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from llmexam.errors import ExamError, SettingsError
from llmexam.exam.writers import csv_text
from llmexam.generation.writer import Progress, WrittenText
from llmexam.recovery.making.filters import Filter, Judged, Preambles
from llmexam.recovery.making.maker import Maker
from llmexam.recovery.making.pairs import Pair, draw_pairs
from llmexam.recovery.making.yields import Yield
from llmexam.recovery.rewrites import Rewrite
from llmexam.settings.base import Settings

COLUMNS = ("id", "original_text", "rewritten_text", "rewrite_prompt", "source")
SUFFIXES = (".csv", ".jsonl")


class DrawSettings(Settings):
    """Which pairs are drawn, and what is kept of the answers."""

    n_rows: int | None = Field(
        None, ge=1, description="number of pairs; by default pairs_per_text for each text"
    )
    pairs_per_text: int | None = Field(None, ge=1, description="prompts for each text")
    seed: int = Field(0, ge=0, lt=2**32, description="random seed of the drawing")
    preambles: Preambles = Field(
        "strip",
        description='answers that open with "Sure, here is" or the like: strip the opening, drop '
        "them, or keep them",
    )

    @model_validator(mode="after")
    def _one_number(self) -> Self:
        if self.n_rows is not None and self.pairs_per_text is not None:
            raise ValueError("expected n_rows or pairs_per_text, got both")
        return self


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pairs of a data set.

    Attributes:
        pairs: The pairs, in the order of drawing.
        n_texts: Distinct texts that were drawn from.
        n_prompts: Distinct prompts.
        n_repeated_texts: Texts that were left out because they repeat an earlier one.
        n_long_texts: Texts that were left out because they are too long.
    """

    pairs: tuple[Pair, ...]
    n_texts: int
    n_prompts: int
    n_repeated_texts: int
    n_long_texts: int


@dataclass(frozen=True, slots=True)
class MadeData:
    """Rows that were made, and what became of the others.

    Attributes:
        rows: The rows; their metadata has the `source`, the name of the model.
        yields: The yield table.
        usage: What this call used: requests, tokens and cost, cached answers apart.
    """

    rows: tuple[Rewrite, ...]
    yields: Yield
    usage: str


def choose_pairs(
    texts: Sequence[str],
    prompts: Sequence[str],
    settings: DrawSettings,
    *,
    max_characters: int,
) -> Drawn:
    """Return the pairs to rewrite.

    Args:
        texts: The texts; repeated and too long ones are left out.
        prompts: Distinct prompts.
        settings: How many, and the seed.
        max_characters: Longest text.

    Raises:
        ExamError: No text is left, or there are fewer different pairs than are asked for.
    """
    by_content: dict[str, str] = {}
    for text in texts:
        by_content.setdefault(text.strip(), text)
    distinct = list(by_content.values())
    short = [text for text in distinct if len(text) <= max_characters]
    if not short:
        raise ExamError(
            f"all {len(distinct)} texts are longer than {max_characters} characters",
            field="max_characters",
            hint="Raise max_characters, or give shorter texts",
        )
    n = settings.n_rows or len(short) * (settings.pairs_per_text or 1)
    pairs = draw_pairs(short, prompts, n, seed=settings.seed)
    return Drawn(
        tuple(pairs),
        n_texts=len(short),
        n_prompts=len(prompts),
        n_repeated_texts=len(texts) - len(distinct),
        n_long_texts=len(distinct) - len(short),
    )


def make_rows(drawn: Drawn, maker: Maker, *, preambles: Preambles, progress: Progress) -> MadeData:
    """Return the rows that a model makes of the pairs.

    Args:
        drawn: The pairs.
        maker: What rewrites them.
        preambles: What to do with openings such as "Sure, here is".
        progress: Called with how many pairs are done, and how many there are.

    Raises:
        EndpointError: The endpoint failed; answers that came before are cached.
    """
    made = maker.make(drawn.pairs, progress)
    judge = Filter(preambles).judge
    judged = [judge(pair, one) for pair, one in zip(drawn.pairs, made, strict=True)]
    rows = tuple(
        Rewrite(str(pair.number), pair.text, one.text, pair.prompt, {"source": maker.name})
        for pair, one in zip(drawn.pairs, judged, strict=True)
        if one.verdict == "kept"
    )
    return MadeData(rows, _yield(drawn, made, judged), maker.used())


def require_suffix(path: str | Path) -> None:
    """Check the name of the file that rows are written to.

    Raises:
        SettingsError: It ends in neither .csv nor .jsonl.
    """
    if Path(path).suffix not in SUFFIXES:
        raise SettingsError(
            f"expected an output path that ends in .csv or .jsonl, got '{path}'", field="out"
        )


def rows_text(rows: Sequence[Rewrite], suffix: str) -> str:
    """Return rows as the text of a file.

    Args:
        rows: The rows.
        suffix: `.csv` or `.jsonl`.
    """
    cells = [
        (row.id, row.original, row.rewritten, row.prompt or "", row.metadata["source"])
        for row in rows
    ]
    if suffix == ".csv":
        return csv_text(COLUMNS, cells)
    records = (dict(zip(COLUMNS, one, strict=True)) for one in cells)
    return "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)


def _yield(drawn: Drawn, made: Sequence[WrittenText], judged: Sequence[Judged]) -> Yield:
    counts = Counter(one.verdict for one in judged)
    return Yield(
        n_texts=drawn.n_texts,
        n_prompts=drawn.n_prompts,
        n_repeated_texts=drawn.n_repeated_texts,
        n_long_texts=drawn.n_long_texts,
        asked=len(made),
        answered=sum(bool(one.text.strip()) for one in made),
        refused=counts["refused"],
        blank=counts["blank"],
        cut=counts["cut"],
        preamble=counts["preamble"],
        echoed=counts["echoed"],
        duplicate=counts["duplicate"],
        kept=counts["kept"],
        stripped=sum(one.is_stripped for one in judged),
        prompt_tokens=sum(one.prompt_tokens for one in made),
        completion_tokens=sum(one.completion_tokens for one in made),
        cost=sum(one.cost for one in made),
    )
