from dataclasses import dataclass

from llmexam.authoring.checks.protocol import (
    ItemCheck,
    SetCheck,
    Yield,
    run_checks,
    run_set_checks,
    tally,
)
from llmexam.authoring.checks.settings import ITEM_CHECKS, SET_CHECKS, ChecksSettings, build_checks


@dataclass
class Forbids:
    """Rejects questions whose prompt contains a letter."""

    letter: str
    rejects: bool = True

    @property
    def name(self):
        return self.letter

    def judge(self, items):
        return ["found" if self.letter in item.question.prompt else None for item in items]


def test_yields_count_in_order_alone_and_only(make):
    items = [make(prompt, id=prompt) for prompt in ("x", "xy", "y", "z", "w", "yz")]
    checked = run_checks(items, [Forbids("x"), Forbids("y"), Forbids("z"), Forbids("w", False)])
    assert [item.question.prompt for item in checked.kept] == ["w"]
    assert checked.yields == (
        Yield("x", 6, 2, 2, 1),
        Yield("y", 4, 2, 3, 1),
        Yield("z", 2, 1, 2, 1),
    )
    assert checked.rejections[1] == {"x": "found", "y": "found"}
    assert checked.flags[4] == {"w": "found"}


def test_only_is_what_leaving_the_check_out_would_keep(make):
    items = [make(prompt, id=prompt) for prompt in ("x", "xy", "y", "z", "w", "yz")]
    checks = [Forbids("x"), Forbids("y"), Forbids("z")]
    full = run_checks(items, checks)
    for index, one in enumerate(full.yields):
        without = run_checks(items, checks[:index] + checks[index + 1 :])
        assert len(without.kept) - len(full.kept) == one.n_only


def test_tally_of_nothing():
    assert tally([], ["a"]) == (Yield("a", 0, 0, 0, 0),)
    assert tally([{}], []) == ()


def test_all_checks_have_the_interface_and_settings():
    assert [*ITEM_CHECKS, *SET_CHECKS] == list(ChecksSettings.model_fields)
    checks = build_checks()
    assert all(isinstance(check, ItemCheck) for check in checks.of_items)
    assert all(isinstance(check, SetCheck) for check in checks.of_set)
    assert "reference" not in [check.name for check in checks.of_items]


def test_null_leaves_a_check_out():
    settings = ChecksSettings.parse({"quote": None, "letters": None}, subject="checks")
    checks = build_checks(settings)
    assert "quote" not in [check.name for check in checks.of_items]
    assert [check.name for check in checks.of_set] == ["duplicates", "tells"]


def test_a_good_question_passes_every_check(make):
    assert run_checks([make()], build_checks().of_items).kept == (make(),)


def test_set_checks_run_in_order_and_alone(make):
    options = [("alpha", "beta", "gamma")] * 60
    items = [make(f"What is number {i}?", own, 0, id=f"q{i}") for i, own in enumerate(options)]
    twins = [make("What is number 0?", ("alpha", "x", "y"), 0, id=f"twin{i}") for i in range(2)]
    kept, yields = run_set_checks([*items, *twins], build_checks().of_set)
    assert [one.name for one in yields] == ["duplicates", "letters", "tells"]
    assert [one.n_given for one in yields] == [62, 60, 60]
    duplicates, letters, tells = yields
    assert set(duplicates.result.removed) == {"twin0", "twin1"}
    assert letters.result.n_changed == 40
    # After the positions are spread, the first option is no tell; alone it is one.
    assert "first" not in " ".join(tells.result.removed.values())
    assert tells.n_alone > len(tells.result.removed)
    assert len(kept) == 60 - len(tells.result.removed)
