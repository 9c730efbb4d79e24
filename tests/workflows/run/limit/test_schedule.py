"""The order of solvers by what they are worth for their time."""

from dataclasses import dataclass, field

import pytest

from llmexam.tasks.limited import SingleWorth, SolverFacts
from llmexam.workflows.run.limit.schedule import best_members, choose_next

UNKNOWN = SingleWorth()


@dataclass(frozen=True)
class TableWorth:
    """Worth of combinations from a table."""

    table: dict = field(default_factory=dict)
    source: str = "a table"

    def of(self, names):
        return self.table.get("".join(sorted(names)))


def choose(waiting, done=(), *, seconds, worth=UNKNOWN, left=100.0, facts=None):
    known = {name: SolverFacts() for name in waiting} | (facts or {})
    return choose_next(waiting, done, seconds=seconds, worth=worth, facts=known, left=left)


def test_the_largest_gain_per_second_comes_first():
    worth = TableWorth({"": 0.3, "a": 0.8, "b": 0.7, "ab": 0.82})
    seconds = {"a": 50.0, "b": 10.0}
    assert choose("ab", seconds=seconds, worth=worth).name == "b"
    assert choose("ab", seconds={"a": 11.0, "b": 10.0}, worth=worth).name == "a"


def test_the_gain_is_that_beside_what_has_answered():
    worth = TableWorth(
        {"": 0.3, "a": 0.8, "b": 0.79, "c": 0.5, "ab": 0.801, "ac": 0.85, "abc": 0.86}
    )
    seconds = {"b": 10.0, "c": 10.0}
    assert choose("bc", "a", seconds=seconds, worth=worth).name == "c"


def test_without_known_worth_the_fastest_comes_first():
    assert choose("abc", seconds={"a": 30.0, "b": 5.0, "c": None}).name == "b"
    assert choose("ca", seconds={"a": None, "c": None}).name == "c", "the order of the plan"


def test_what_adds_nothing_comes_after_what_is_not_known():
    worth = SingleWorth({"a": 0.8, "b": 0.5}, "x")
    assert choose("bc", "a", seconds={"b": 1.0, "c": 90.0}, worth=worth).name == "c"


def test_what_does_not_fit_is_left_out():
    found = choose("ab", seconds={"a": 101.0, "b": 99.0})
    assert (found.name, found.too_long) == ("b", {"a": 101.0})
    assert choose("a", seconds={"a": 101.0}).name is None


def test_a_solver_that_keeps_to_a_time_always_fits():
    facts = {"a": SolverFacts(fits_itself=True)}
    assert choose("a", seconds={"a": 101.0}, facts=facts).name == "a"


def test_a_solver_waits_for_those_whose_answers_it_uses():
    facts = {"a": SolverFacts(frozenset("b"))}
    seconds = {"a": 1.0, "b": 50.0}
    assert choose("ab", seconds=seconds, facts=facts).name == "b"
    # Those that have no time left do not hold it up.
    assert choose("ab", seconds={"a": 1.0, "b": 500.0}, facts=facts).name == "a"
    assert choose("a", "b", seconds=seconds, facts=facts).name == "a"


def test_the_best_combination_is_found():
    worth = TableWorth({"a": 0.8, "b": 0.4, "c": 0.7, "ab": 0.7, "ac": 0.85, "abc": 0.75})
    assert best_members("abc", worth) == ("a", "c")
    assert best_members("ab", worth) == ("a",)


def test_all_solvers_are_kept_where_that_is_no_worse_or_not_known():
    assert best_members("ab", TableWorth({"a": 0.8, "b": 0.7, "ab": 0.82})) == ()
    assert best_members("ab", TableWorth({"a": 0.8})) == ()
    assert best_members("a", TableWorth({"a": 0.8})) == ()


@pytest.mark.parametrize(("final", "value"), [(None, 0.8), ("b", 0.5), ("c", None)])
def test_single_worth_is_that_of_the_best_or_of_the_final_solver(final, value):
    worth = SingleWorth({"a": 0.8, "b": 0.5}, "x", chance=0.3, final=final)
    assert worth.of(frozenset()) == 0.3
    assert worth.of(frozenset("abc")) == value
