"""Worth of combinations within some seconds."""

from llmexam.workflows.run.limit.schedule import best_members
from llmexam.workflows.run.limit.timed_worth import TimedWorth


class CountingWorth:
    """Each value takes 2 seconds of a clock."""

    source = "a table"

    def __init__(self):
        self.now = 0.0
        self.asked = []

    def of(self, names):
        self.now += 2.0
        self.asked.append("".join(sorted(names)))
        return {"a": 0.8, "b": 0.7, "c": 0.1, "ab": 0.9}.get(self.asked[-1], 0.5)


def timed(seconds):
    worth = CountingWorth()
    return worth, TimedWorth(worth, seconds, lambda: worth.now)


def test_each_combination_is_valued_once():
    worth, found = timed(100.0)
    assert [best_members("abc", found) for _ in range(3)] == [("a", "b")] * 3
    assert len(worth.asked) == len(set(worth.asked))
    assert found.source == "a table"


def test_combinations_are_not_known_when_the_time_is_over():
    worth, found = timed(5.0)
    assert best_members("abc", found) == ()
    assert found.of(frozenset("ab")) is None
    assert found.of(frozenset("d")) == 0.5, "single solvers are always valued"
    assert worth.asked == ["a", "b", "c", "d"]
    assert "no time to value all combinations" in found.source
