"""Time left, pace and speed, with a clock that is moved by hand."""

import pytest

from llmexam.workflows.run.limit.deadline import Deadline, Pace, Speed, reserve_for
from llmexam.workflows.run.limit.watch import Watch


def pace_of(*reports, began=0.0):
    pace = Pace(began)
    for now, n_done, n_all in reports:
        pace.advance(now, n_done, n_all)
    return pace


def test_the_reserve_is_part_of_the_limit():
    now = [100.0]
    deadline = Deadline(60.0, 5.0, 100.0, lambda: now[0])
    assert (deadline.left, deadline.work_left) == (60.0, 55.0)
    now[0] = 156.0
    assert (deadline.elapsed, deadline.left, deadline.work_left) == (56.0, 4.0, -1.0)


@pytest.mark.parametrize("limit", [10.0, 120.0, 32_400.0])
def test_the_reserve_never_takes_much_of_a_limit(limit):
    assert 0 < reserve_for(limit, 4_000) <= 0.15 * limit


def test_loading_is_not_part_of_the_pace():
    # 30 s until the first 4 of 100, then 1 s each.
    pace = pace_of((0, 0, 100), (30, 4, 100), (34, 8, 100))
    assert pace.seconds_each == 1.0
    assert pace.seconds_left(34) == 92.0
    # Time without a report belongs to the items that come next.
    assert pace.seconds_left(40) == 86.0


def test_the_pace_is_not_known_before_two_reports():
    assert pace_of((0, 0, 100), (30, 4, 100)).seconds_left(30) is None
    assert pace_of((0, 0, None)).seconds_left(30) is None


def test_what_an_earlier_start_did_is_not_part_of_the_pace():
    pace = pace_of((0, 60, 100), (10, 64, 100), (14, 68, 100))
    assert pace.seconds_left(14) == 32.0


def test_another_stage_has_a_pace_of_its_own():
    pace = pace_of((0, 0, 100), (1, 50, 100), (2, 100, 100), (2, 0, 40), (12, 4, 40), (20, 8, 40))
    assert pace.seconds_left(20) == 64.0


def test_the_same_number_of_items_of_another_stage_is_not_progress():
    pace = Pace(0.0)
    for now, n_done, stage in [(0, 30, "score a"), (9, 40, "score a"), (10, 40, "score b")]:
        pace.advance(now, n_done, 100, stage)
    assert (pace.stage, pace.n_done) == ("score b", 40)
    assert pace.seconds_measured == 0.0


def test_the_speed_of_a_slow_machine_is_measured():
    speed = Speed()
    assert speed.factor == 1.0
    speed.add(0.01, 1.0)
    assert speed.factor == 1.0, "an instant says nothing about the speed"
    speed.add(10.0, 40.0)
    assert speed.factor == 4.0


def test_a_step_goes_on_while_its_rest_fits():
    pace = pace_of((0, 0, 100), (10, 4, 100), (20, 14, 100))
    assert Watch(pace, until=120.0).reason_to_stop(20.0) == ""
    assert "over" in Watch(pace, until=120.0).reason_to_stop(120.0)


def test_a_step_is_stopped_as_soon_as_its_rest_does_not_fit():
    pace = pace_of((0, 0, 1000), (10, 4, 1000), (20, 14, 1000))
    reason = Watch(pace, until=120.0).reason_to_stop(20.0)
    assert reason == "the rest would have taken 16:26 min, and 1:40 min were left"


def test_a_step_that_may_nearly_finish_is_stopped_only_for_others():
    pace = pace_of((0, 0, 164), (10, 4, 164), (20, 14, 164))
    assert Watch(pace, until=120.0).reason_to_stop(20.0) == ""
    assert Watch(pace, until=120.0, others_wait=True).reason_to_stop(20.0)


def test_a_short_measurement_stops_nothing():
    pace = pace_of((0, 0, 1000), (1, 4, 1000), (2, 8, 1000))
    assert Watch(pace, until=60.0, others_wait=True).reason_to_stop(2.0) == ""


@pytest.mark.parametrize(("predicted", "allowed"), [(100.0, 300.0), (1.0, 120.0), (None, 500.0)])
def test_silence_ends_a_step_while_others_wait(predicted, allowed):
    watch = Watch(Pace(0.0), 1000.0, predicted, others_wait=True)
    assert watch.reason_to_stop(allowed - 1) == ""
    assert "no progress" in watch.reason_to_stop(allowed + 1)
    assert Watch(Pace(0.0), 1000.0, predicted).reason_to_stop(allowed + 1) == ""
