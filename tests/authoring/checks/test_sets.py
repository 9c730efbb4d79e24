"""Checks of the whole set."""

from dataclasses import replace

import pytest

from llmexam.authoring.checks.duplicates import DuplicatesCheck, DuplicatesSettings
from llmexam.authoring.checks.letters import LettersCheck, LettersSettings
from llmexam.authoring.checks.tells import TellsCheck, TellsSettings
from llmexam.evaluation.bootstrap import wilson_interval

WORDS = ["alpha", "beta", "gamma", "delta"]


@pytest.fixture
def long_keys(make):
    """200 questions, of which every second one has the longest option as the right one."""

    def item(i):
        options = [f"{word} {i}" for word in WORDS]
        options[i % 4] += " and so on" if i % 2 else ""
        answer = i % 4 if i % 2 else (i // 2) % 4
        return make(f"What is number {i}?", options, answer, id=f"q{i}")

    return [item(i) for i in range(200)]


def right_by_length(items):
    return [
        max(item.question.options, key=len) == item.question.options[item.question.answer]
        for item in items
        if len({len(option) for option in item.question.options}) > 1
    ]


class TestTells:
    def test_removes_the_fewest_questions_until_the_interval_has_chance(self, long_keys):
        check = TellsCheck(TellsSettings(tells=("longest",)))
        found = check.balance(long_keys)
        removed = len(found.removed)
        assert 0 < removed < 100
        assert len(found.items) == 200 - removed
        low, _ = wilson_interval(found.after["longest"], len(found.items))
        assert low <= 0.25
        # One question fewer would not have been enough.
        hits = found.after["longest"] * len(found.items) + 1
        assert wilson_interval(hits / (len(found.items) + 1), len(found.items) + 1)[0] > 0.25
        assert found.before["longest"] > 0.4
        assert all("longest" in reason for reason in found.removed.values())

    def test_is_deterministic_and_independent_of_the_order(self, long_keys):
        check = TellsCheck()
        once, again = check.balance(long_keys), check.balance(long_keys[::-1])
        assert once.removed == again.removed
        assert once.items == check.balance(long_keys).items
        assert once.items == again.items[::-1]

    def test_a_set_without_tells_is_kept(self, make):
        items = [
            make(
                f"What is number {i}?",
                [f"{w} {i}" for w in ("abcde", "fghij", "klmno")],
                i % 3,
                id=f"q{i}",
            )
            for i in range(90)
        ]
        found = TellsCheck().balance(items)
        assert (found.items, found.removed) == (tuple(items), {})
        assert found.before == found.after

    def test_limit_of_removal(self, long_keys):
        found = TellsCheck(TellsSettings(tells=("longest",), max_removed=0.01)).balance(long_keys)
        assert len(found.removed) == 2

    def test_closed_book_solvers_are_tells(self, make):
        # The right option is the first one: a solver that chooses it needs no passage.
        items = [make(f"What is number {i}?", WORDS, 0, id=f"q{i}") for i in range(60)]
        settings = TellsSettings.parse({"tells": [], "solvers": ["first"]}, subject="tells")
        found = TellsCheck(settings).balance(items)
        assert found.before["first"] == 1
        assert len(found.removed) == 30

    def test_empty_and_unanswered_sets_are_kept(self, make):
        assert TellsCheck().balance([]).items == ()
        assert len(TellsCheck().balance([make(answer=None)]).items) == 1


class TestLetters:
    def test_positions_become_even_and_options_stay_right(self, make):
        items = [make(f"What is number {i}?", WORDS, 0, id=f"q{i}") for i in range(40)]
        found = LettersCheck().balance(items)
        answers = [item.question.answer for item in found.items]
        assert [answers.count(i) for i in range(4)] == [10] * 4
        assert found.n_changed == 30
        assert found.before["p_value"] < 0.01 < found.after["p_value"]
        for old, new in zip(items, found.items, strict=True):
            assert new.question.options[new.question.answer] == "alpha"
            assert sorted(new.question.options) == sorted(old.question.options)
            assert new.distractor_notes == tuple(f"note of {o}" for o in new.question.options)

    def test_even_sets_are_not_changed_unless_asked(self, make):
        items = [make(f"What is number {i}?", WORDS, i % 4, id=f"q{i}") for i in range(40)]
        assert LettersCheck().balance(items).items == tuple(items)
        assert LettersCheck(LettersSettings(level=1)).balance(items).n_changed > 0

    def test_seed_draws_the_positions(self, make):
        items = [make(f"What is number {i}?", WORDS, 0, id=f"q{i}") for i in range(40)]
        drawn = [LettersCheck(LettersSettings(seed=s)).balance(items).items for s in (1, 1, 2)]
        assert drawn[0] == drawn[1] != drawn[2]

    def test_unanswered_questions_are_left_alone(self, make):
        assert LettersCheck().balance([make(answer=None)]).items == (make(answer=None),)


class TestDuplicates:
    def test_the_first_of_equal_and_near_equal_questions_is_kept(self, make):
        prompt = "Which mineral is a hydrated form of silica with water in its structure"
        items = [
            make(prompt + "?", id="a"),
            make(prompt + " today?", id="b"),
            make(prompt.upper() + "?", id="c"),
            make("Until which year was precious opal mined in Slovakia?", id="d"),
        ]
        found = DuplicatesCheck().balance(items)
        assert [item.question.id for item in found.items] == ["a", "d"]
        assert found.removed == {"b": "duplicate of 'a'", "c": "duplicate of 'a'"}

    def test_other_options_make_another_question(self, make):
        items = [make(id="a"), make(options=("x", "y", "z"), id="b")]
        assert DuplicatesCheck().balance(items).removed == {}
        strict = DuplicatesCheck(DuplicatesSettings(remove_similar=True))
        assert set(strict.balance(items).removed) == {"b"}

    def test_a_wrong_option_in_common_is_not_enough(self, make):
        prompt = "Which statement about opal is true?"
        wrong = "Opal is harder than diamond."
        items = [
            make(prompt, ("Opal holds water.", wrong, "Opal is a metal."), 0, id="a"),
            make(prompt, (wrong, "Opal is hydrated silica.", "Opal melts in snow."), 1, id="b"),
            make(prompt, ("Opal is iron.", "Opal is salt.", "Opal holds water."), 0, id="c"),
        ]
        assert DuplicatesCheck().balance(items).removed == {"c": "duplicate of 'a'"}

    def test_chains_leave_no_pair(self, make):
        words = [f"word{i}" for i in range(12)]
        items = [make(" ".join(words[i:]) + " " + "x " * i, id=f"q{i}") for i in range(5)]
        check = DuplicatesCheck(DuplicatesSettings(threshold=0.5))
        kept = check.balance(items).items
        assert check.balance(kept).removed == {}
        assert replace(kept[0]) == items[0]
