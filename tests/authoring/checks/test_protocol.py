from dataclasses import dataclass

from llmexam.authoring.checks.protocol import (
    ItemCheck,
    SetCheck,
    Yield,
    run_checks,
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
