"""A small corpus of our own sentences, large enough to give distractors of one kind."""

from __future__ import annotations

import pytest

from llmexam.authoring.generators.sentences import SentenceGenerator
from llmexam.authoring.item import Source
from llmexam.exam.question import Passage

TEXTS = [
    "Barrowitis is an inflammation of the marsh glands that follows long walks in cold water. "
    "Barrowitis is treated with warm compresses in most village clinics of the north.",
    "Lindenitis is an inflammation of the leaf pores that begins after a dusty harvest season. "
    "Lindenitis is found mainly among workers in the dry valleys of the south.",
    "Corvitis is an inflammation of the feather roots that spreads between crowded poultry barns. "
    "Corvitis is recorded every spring by keepers of large poultry barns.",
    "Tarnitis is an inflammation of the gill plates that weakens trout in shallow mountain lakes. "
    "Tarnitis is detected by a grey film on the gill plates of trout.",
    "Ferritis is an inflammation of the hoof lining that makes horses limp on stony ground. "
    "Ferritis is prevented by soft bedding in the stables of mountain horses.",
    "Velnitis is an inflammation of the petal veins that turns white roses brown within days. "
    "Velnitis is spread by small beetles that live on white roses.",
    "A brimmeter is a device that measures the depth of snow on a mountain slope. "
    "The brimmeter of the north station is 12 meters long.",
    "A larkmeter is a device that records the songs of birds during the night. "
    "The larkmeter of the south station is 25 meters long.",
    "A gustmeter is a device that shows the force of wind above a sea harbor. "
    "The gustmeter of the east station is about 40 meters high.",
    "A siltmeter is a device that weighs the sand in a muddy river after storms. "
    "The siltmeter of the west station is 31 meters wide.",
    "A sapmeter is a device that counts the drops of juice in a maple trunk. "
    "The roof of the sap station is about 18 meters high.",
    "Marsh walkers cool quickly because wet wool carries heat away from the legs. "
    "Barrowitis and lindenitis were first described in the same village.",
]


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """Return twelve passages, two of each cluster."""
    return [
        Source(Passage(text, title=f"Page {number}", id=f"p{number}"), f"c{number // 2}")
        for number, text in enumerate(TEXTS)
    ]


@pytest.fixture(scope="session")
def generator(sources: list[Source]) -> SentenceGenerator:
    """Return a generator that has read the corpus."""
    made = SentenceGenerator()
    made.prepare(sources)
    return made
