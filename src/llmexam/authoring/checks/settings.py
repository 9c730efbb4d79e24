"""Settings of all checks, and the checks that they describe, in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from llmexam.authoring.checks.duplicates import DuplicatesCheck, DuplicatesSettings
from llmexam.authoring.checks.flaws import FlawsCheck, FlawsSettings
from llmexam.authoring.checks.letters import LettersCheck, LettersSettings
from llmexam.authoring.checks.meaning import MeaningCheck, MeaningSettings
from llmexam.authoring.checks.options import OptionsCheck, OptionsSettings
from llmexam.authoring.checks.overlap import OverlapCheck, OverlapSettings
from llmexam.authoring.checks.plausible import PlausibleCheck, PlausibleSettings
from llmexam.authoring.checks.protocol import ItemCheck, SetCheck
from llmexam.authoring.checks.quotes import QuoteCheck, QuoteSettings
from llmexam.authoring.checks.readers import (
    ReadersCheck,
    ReadersSettings,
    ReferenceCheck,
    ReferenceSettings,
)
from llmexam.authoring.checks.support import SupportCheck, SupportSettings
from llmexam.authoring.checks.tells import TellsCheck, TellsSettings
from llmexam.authoring.checks.wrong import WrongCheck, WrongSettings
from llmexam.settings.base import Settings


class ChecksSettings(Settings):
    """Which checks run, with their settings; `null` leaves one out."""

    options: OptionsSettings | None = Field(
        OptionsSettings(), description="options that are blank, null, equal, nested or references"
    )
    quote: QuoteSettings | None = Field(
        QuoteSettings(), description="quotes that are not in the passage"
    )
    wrong: WrongSettings | None = Field(
        WrongSettings(), description="distractors that mean the same as the right option"
    )
    plausible: PlausibleSettings | None = Field(
        PlausibleSettings(), description="distractors that can be ruled out by their form"
    )
    support: SupportSettings | None = Field(
        SupportSettings(), description="right options that the passage does not support best"
    )
    flaws: FlawsSettings | None = Field(FlawsSettings(), description="rules of item writing")
    overlap: OverlapSettings | None = Field(
        OverlapSettings(), description="questions of other exams"
    )
    meaning: MeaningSettings | None = Field(
        None, description="distractors of unrelated or equal meaning, by embeddings"
    )
    readers: ReadersSettings | None = Field(
        ReadersSettings(), description="questions that solvers answer wrongly with the passage"
    )
    reference: ReferenceSettings | None = Field(
        None, description="flags answers that a solver with the passage contradicts"
    )
    duplicates: DuplicatesSettings | None = Field(
        DuplicatesSettings(), description="near duplicates within the set"
    )
    letters: LettersSettings | None = Field(
        LettersSettings(), description="right options that prefer a position"
    )
    tells: TellsSettings | None = Field(
        TellsSettings(), description="answers that can be guessed without the passage"
    )


ITEM_CHECKS: dict[str, Any] = {
    "options": OptionsCheck,
    "quote": QuoteCheck,
    "wrong": WrongCheck,
    "plausible": PlausibleCheck,
    "support": SupportCheck,
    "flaws": FlawsCheck,
    "overlap": OverlapCheck,
    "meaning": MeaningCheck,
    "readers": ReadersCheck,
    "reference": ReferenceCheck,
}
"""Checks of single questions by name, in the order in which they run: solvers are last."""

SET_CHECKS: dict[str, Any] = {
    "duplicates": DuplicatesCheck,
    "letters": LettersCheck,
    "tells": TellsCheck,
}
"""Checks of the whole set by name, in the order in which they run.

Positions are spread before `tells`, which would remove questions for a preferred position.
"""


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks to run.

    Attributes:
        of_items: Checks of single questions, in order.
        of_set: Checks of the whole set, in order.
    """

    of_items: tuple[ItemCheck, ...]
    of_set: tuple[SetCheck, ...]


def build_checks(settings: ChecksSettings | None = None) -> Checks:
    """Return the checks that settings describe. Models are loaded when they are first used."""
    chosen = settings or ChecksSettings()
    return Checks(
        tuple(make(own) for name, make in ITEM_CHECKS.items() if (own := getattr(chosen, name))),
        tuple(make(own) for name, make in SET_CHECKS.items() if (own := getattr(chosen, name))),
    )
