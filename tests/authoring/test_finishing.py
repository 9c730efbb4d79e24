from collections import Counter
from dataclasses import dataclass, replace

import pytest
from tests.authoring.conftest import ColourCheck, LengthCheck

from llmexam.authoring.checks.protocol import Balanced, Yield
from llmexam.authoring.drafting import Drafting, draft_shard
from llmexam.authoring.finishing import Goal, finish, in_turn
from llmexam.authoring.generators.protocol import Request


@dataclass
class OnePerCluster:
    """Keeps the first question of each article."""

    name: str = "one per article"

    def balance(self, items):
        first = {}
        for item in items:
            first.setdefault(item.cluster, item)
        kept = tuple(first.values())
        removed = {i.question.id: "not the first" for i in items if i not in kept}
        n_before, n_after = len(items), len(kept)
        return Balanced(kept, removed, 0, {"items": n_before}, {"items": n_after})


@pytest.fixture
def shards(sources, generator):
    checks = [LengthCheck(), ColourCheck(), ColourCheck("white", "white", rejects=False)]
    drafting = Drafting(generator, Request(n_options=4), checks)
    return [draft_shard(sources[:100], drafting), draft_shard(sources[100:], drafting)]


def test_the_counts_add_up(shards):
    found = finish(shards, ["length", "colour"], [OnePerCluster()])

    # A third of the things has a long name, a fifth is red.
    assert (found.n_passages, found.n_drafts) == (1001, 1000)
    assert found.yields == (
        Yield("length", 1000, 334, 334, 267),
        Yield("colour", 666, 133, 200, 133),
    )
    (step,) = found.steps
    assert (step.n_before, step.n_removed) == (1000 - 334 - 133, 533 - 100)
    assert len(found.items) == found.n_clusters == 100
    assert len(found.removed) == 433
    assert found.removed[0][1:] == ("one per article", "not the first")
    assert found.reasons == {"no colour": 1}
    whites = [i for i in found.items if i.question.options[0] == "white"]
    assert found.n_flagged == ({"white": len(whites)} if whites else {})


def test_more_questions_than_wanted_are_spare(shards):
    found = finish(shards, ["length", "colour"], [], n_wanted=50)

    assert len(found.items) == 50
    assert found.n_spare == 533 - 50


def test_fewer_questions_than_wanted_are_all_kept(shards):
    assert len(finish(shards, ["length", "colour"], [], n_wanted=10_000).items) == 533


def test_styles_take_turns(shards):
    items = [draft.item for draft in shards[0].drafts]
    mixed = [replace(item, style="number" if i % 10 else "cause") for i, item in enumerate(items)]

    assert Counter(item.style for item in in_turn(mixed, 12)) == {"cause": 6, "number": 6}
    assert Counter(item.style for item in in_turn(mixed, 50)) == {"cause": 10, "number": 40}
    chosen = in_turn(mixed, 30)
    assert chosen == [item for item in mixed if item in chosen]


@dataclass
class FirstOption:
    """Removes all questions with a colour if they are more than a third of the set."""

    colour: str = "blue"
    name: str = "first option"

    def balance(self, items):
        has = [item.question.options[0] == self.colour for item in items]
        share = sum(has) / len(items)
        kept = (
            items if share <= 1 / 3 else [i for i, own in zip(items, has, strict=True) if not own]
        )
        removed = {i.question.id: "too many" for i in items if i not in kept}
        after = sum(i.question.options[0] == self.colour for i in kept) / len(kept)
        return Balanced(tuple(kept), removed, 0, {"share": share}, {"share": after})


def test_chosen_questions_pass_the_set_checks_by_themselves(shards):
    # Together a quarter is blue; styles in turn choose more blue ones.
    blue = [
        replace(shard, drafts=tuple(_styled(draft) for draft in shard.drafts)) for shard in shards
    ]

    found = finish(blue, ["length", "colour"], [FirstOption()], n_wanted=100)

    share = sum(item.question.options[0] == "blue" for item in found.items) / len(found.items)
    (step,) = found.steps
    assert len(found.items) == 100
    assert share <= 1 / 3
    assert step.before["share"] == pytest.approx(0.25, abs=0.01)
    assert step.after["share"] == share
    assert step.n_removed == len(found.removed) > 0
    assert found.n_spare == 533 - len(found.removed) - 100


def _styled(draft):
    style = "number" if draft.item.question.options[0] == "blue" else "cause"
    return replace(draft, item=replace(draft.item, style=style))


def test_a_goal_finishes_again_after_more_drafts(shards):
    finished = []

    def finish_shards(n):
        finished.append(n)
        return finish(shards[:n], ["length", "colour"], [OnePerCluster()], n_wanted=60)

    goal = Goal(60, finish_shards)

    assert not goal.is_reached(1, 53)  # fewer drafts than wanted questions: not finished at all
    assert finished == []
    assert not goal.is_reached(1, 70)  # 10 articles of the first shard
    assert goal.found is None
    assert not goal.is_reached(2, 76)  # grew by less than a tenth
    assert finished == [1]
    assert goal.is_reached(2, 533)
    assert len(goal.found.items) == 60
