"""Recoveries that are kept part by part."""

import pytest

from llmexam.recovery.parts import recover_in_parts
from llmexam.recovery.recoverer import Recoverer, Recovery
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.stages.part_sizes import FIRST_PART

EXAM = RewriteExam(tuple(Rewrite(str(n), f"text {n}", f"other {n}") for n in range(20)))


class Counting(Recoverer):
    """Answers with the original text, and counts the rows that it was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def recover(self, items, progress=lambda n_done, n_all: None):
        self.asked += [row.id for row in items]
        return [Recovery(row.original) for row in items]


def no_progress(n_done, n_all):
    pass


def test_parts_give_what_one_call_gives(tmp_path):
    found = recover_in_parts(Counting(), EXAM, tmp_path, no_progress)
    assert [one.text for one in found] == EXAM.originals


def test_a_second_call_recovers_only_the_rest(tmp_path):
    def stop(n_done, n_all):
        if n_done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recover_in_parts(Counting(), EXAM, tmp_path, stop)
    again = Counting()
    found = recover_in_parts(again, EXAM, tmp_path, no_progress)
    assert again.asked == list(EXAM.ids[FIRST_PART:])
    assert [one.text for one in found] == EXAM.originals


def test_a_damaged_part_is_recovered_again(tmp_path):
    recover_in_parts(Counting(), EXAM, tmp_path, no_progress)
    (tmp_path / "00000000.json").write_text("{")
    again = Counting()
    recover_in_parts(again, EXAM, tmp_path, no_progress)
    assert again.asked == list(EXAM.ids[:FIRST_PART])
