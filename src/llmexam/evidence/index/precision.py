"""Precision of the vectors of a dense index: requested, or chosen by a probe of its passages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from llmexam.errors import SettingsError
from llmexam.exam.question import Passage
from llmexam.lm.encoding.precision_probe import IndexPrecision, PrecisionProbe, probe_precision
from llmexam.storage.atomic import write_json

FILE_NAME = "precision.json"
"""The record of a probe, beside the manifest."""

# The probe encodes 256 passages at most five times, which is less than a sixth of the work of this
# many passages. For fewer, its cost could exceed what int8 saves.
PROBED_PASSAGES = 8192


def probe_passages(
    passages: Iterable[Passage], model: str, folder: str | Path
) -> tuple[Iterator[Passage], PrecisionProbe | None]:
    """Return the passages again, and the result of a probe if there are enough of them.

    Args:
        passages: Passages of the index; the first ones are read, to choose a sample from.
        model: The bi-encoder.
        folder: The index that is built. A probe that an earlier build recorded there is not
            repeated if model, processor and passages are the same.

    Raises:
        ModelError: The model is missing or unusable.
    """
    stream = iter(passages)
    first = list(islice(stream, PROBED_PASSAGES))
    whole = chain(first, stream)
    if len(first) < PROBED_PASSAGES:
        return whole, None
    texts = [f"{p.title}\n{p.text}" if p.title else p.text for p in first]
    return whole, probe_precision(model, texts, known=read_probe(folder))


def require_precision(name: str) -> IndexPrecision:
    """Return a precision of an index, checked.

    Raises:
        SettingsError: There is no such precision.
    """
    for known in get_args(IndexPrecision):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise SettingsError(
        f"expected precision {', '.join(get_args(IndexPrecision))}, got '{name}'",
        field="precision",
    )


def chosen_precision(probe: PrecisionProbe | None) -> str | None:
    """Return the precision that an index records after a probe; None for the default.

    The default is not recorded, so other machines use theirs.
    """
    return "int8" if probe is not None and probe.chosen == "int8" else None


def read_probe(folder: str | Path) -> PrecisionProbe | None:
    """Return the probe that an index records; None if it has none."""
    try:
        return PrecisionProbe.model_validate_json((Path(folder) / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def write_probe(folder: str | Path, probe: PrecisionProbe) -> None:
    """Record a probe in an index, atomically."""
    write_json(Path(folder) / FILE_NAME, probe.model_dump(mode="json"))
