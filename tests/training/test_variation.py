import numpy as np
import pytest

pytest.importorskip("torch")

from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.variation import vary


def drawn(n=400, n_options=5, answer=3, **values):
    settings = MultipleChoiceTrainingSettings(**values)
    return [vary(n_options, answer, settings, epoch=i % 4, row=i // 4) for i in range(n)]


@pytest.mark.parametrize("drop", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("order", ["kept", "shuffled", "rotated"])
def test_the_label_follows_the_right_option(order, drop):
    for how in drawn(option_order=order, drop_options=drop):
        assert how.order[how.answer] == 3
        assert len(set(how.order.tolist())) == len(how.order) >= 2
        assert set(how.order.tolist()) <= set(range(5))
        if order == "kept":
            assert sorted(how.order) == how.order.tolist()
        if order == "rotated" and not drop:
            assert set(np.diff(how.order) % 5) == {1}


def test_places_are_drawn_evenly():
    for order in ("shuffled", "rotated"):
        counts = np.bincount([how.answer for how in drawn(1000, option_order=order)])
        assert len(counts) == 5
        assert counts.min() > 140
    assert {how.answer for how in drawn(option_order="kept")} == {3}


def test_about_the_share_asked_for_is_dropped():
    kept = [len(how.order) for how in drawn(1000, drop_options=0.3)]
    # Four wrong options, of which 0.3 go, and two options stay at least.
    assert pytest.approx(np.mean(kept), abs=0.1) == 1 + 4 * 0.7
    assert all(len(how.order) == 5 for how in drawn())
    assert all(len(how.order) == 2 for how in drawn(n_options=2, answer=0, drop_options=0.9))


def test_evidence_is_left_out_as_often_as_asked_for():
    share = np.mean([how.with_evidence for how in drawn(1000, evidence_dropout=0.25)])
    assert share == pytest.approx(0.75, abs=0.05)
    assert all(how.with_evidence for how in drawn())


def test_a_draw_depends_on_seed_epoch_and_row_alone():
    settings = MultipleChoiceTrainingSettings(drop_options=0.4)

    def look(**where):
        how = vary(5, 1, settings, **{"epoch": 2, "row": 7, **where})
        return how.order.tolist(), how.answer

    assert look() == look()
    assert len({str(look(epoch=e)) for e in range(20)}) > 5
    assert len({str(look(row=r)) for r in range(20)}) > 5
