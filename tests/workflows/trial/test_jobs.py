"""The queue: batches, limits, clients that went away, and the end."""

import threading
from concurrent.futures import CancelledError

import pytest

from llmexam.errors import BusyError, ScoreError, TimeLimitError
from llmexam.workflows.trial.jobs import Job, JobQueue, QueueLimits
from llmexam.workflows.trial.requests import Way

WAY, OTHER = Way("solver", "one"), Way("solver", "other")


class Worker:
    """Answers when it is told to, and records its calls."""

    def __init__(self):
        self.calls = []
        self.go = threading.Event()
        self.began = threading.Semaphore(0)

    def __call__(self, way, items):
        self.calls.append((way.name, list(items)))
        self.began.release()
        assert self.go.wait(20)
        if "bad" in items:
            raise ScoreError("bad item")
        return [item.upper() for item in items]


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.go.set()


def queue_of(worker, **limits):
    return JobQueue(worker, QueueLimits(**limits))


def test_what_waits_for_the_same_solver_is_answered_in_one_call(worker):
    queue = queue_of(worker, workers=2)
    first = queue.submit(Job(WAY, "a"))
    assert worker.began.acquire(timeout=20)
    rest = [queue.submit(Job(WAY, item)) for item in "bcd"]
    assert [queue.position(job) for job in rest] == [0, 1, 2]
    other = queue.submit(Job(OTHER, "x"))
    # Another solver does not wait for this one.
    assert worker.began.acquire(timeout=20)
    worker.go.set()
    assert [job.future.result(20) for job in (first, *rest, other)] == list("ABCDX")
    assert worker.calls[0] == ("one", ["a"])
    assert ("one", ["b", "c", "d"]) in worker.calls
    assert len(worker.calls) == 3
    queue.close()


def test_a_bad_item_does_not_spoil_the_others(worker):
    queue = queue_of(worker)
    first = queue.submit(Job(WAY, "a"))
    assert worker.began.acquire(timeout=20)
    jobs = [queue.submit(Job(WAY, item)) for item in ("b", "bad", "c")]
    worker.go.set()
    assert first.future.result(20) == "A"
    assert (jobs[0].future.result(20), jobs[2].future.result(20)) == ("B", "C")
    with pytest.raises(ScoreError):
        jobs[1].future.result(20)
    queue.close()


def test_a_full_queue_refuses_and_says_how_long_it_is(worker):
    queue = queue_of(worker, length=2)
    queue.submit(Job(WAY, "a"))
    assert worker.began.acquire(timeout=20)
    kept = [queue.submit(Job(WAY, item)) for item in "bc"]
    with pytest.raises(BusyError, match="questions waiting: 2"):
        queue.submit(Job(WAY, "d"))
    queue.drop(kept[0])
    assert queue.n_waiting == 1
    last = queue.submit(Job(WAY, "d"))
    worker.go.set()
    assert last.future.result(20) == "D"
    with pytest.raises(CancelledError):
        kept[0].future.result(0)
    assert worker.calls[1] == ("one", ["c", "d"])
    queue.close()


def test_what_is_too_late_or_forgotten_is_not_answered(worker):
    queue = queue_of(worker, seconds=50, unseen_seconds=5)
    queue.submit(Job(WAY, "a"))
    assert worker.began.acquire(timeout=20)
    late, forgotten, kept = Job(WAY, "b"), Job(WAY, "c"), Job(WAY, "d")
    late.created -= 51
    forgotten.last_seen = forgotten.created - 6
    kept.last_seen = kept.created
    for job in (late, forgotten, kept):
        queue.submit(job)
    worker.go.set()
    assert kept.future.result(20) == "D"
    with pytest.raises(TimeLimitError):
        late.future.result(20)
    with pytest.raises(BusyError, match="did not ask for the answer"):
        forgotten.future.result(20)
    assert worker.calls[1] == ("one", ["d"])
    queue.close()


def test_the_end_tells_those_that_wait_and_ends_what_is_under_way(worker):
    queue = queue_of(worker)
    running = queue.submit(Job(WAY, "a"))
    assert worker.began.acquire(timeout=20)
    waiting = queue.submit(Job(WAY, "b"))
    queue.close()
    with pytest.raises(BusyError, match="stopping"):
        waiting.future.result(0)
    with pytest.raises(BusyError, match="stopping"):
        queue.submit(Job(WAY, "c"))
    worker.go.set()
    assert running.future.result(20) == "A"


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1)])
def test_an_unexpected_error_is_shown_in_the_terminal_and_keeps_the_worker(error, caplog):
    def fail(way, items):
        if items == ["a"]:
            raise error
        return items

    queue = queue_of(fail, workers=1, threads=0)
    with pytest.raises((ValueError, RuntimeError)):
        queue.submit(Job(WAY, "a")).future.result(20)
    assert queue.submit(Job(WAY, "b")).future.result(20) == "b"
    queue.close()
    (record,) = caplog.records
    assert record.exc_info[1] is error
    assert "Answering with 'one' failed." in caplog.text


def test_too_few_answers_are_an_error_and_keep_the_worker():
    queue = queue_of(lambda way, items: [item for item in items if item != "a"], workers=1)
    with pytest.raises(ScoreError, match="returned 0 answers to 1 items"):
        queue.submit(Job(WAY, "a")).future.result(20)
    assert queue.submit(Job(WAY, "b")).future.result(20) == "b"
    queue.close()


def test_several_threads_answer_what_several_threads_may_use():
    together = threading.Barrier(2)

    def answer(way, items):
        together.wait(20)
        return items

    queue = queue_of(answer, threads=2, workers=1)
    way = Way("solver", "words", threaded=True)
    jobs = [queue.submit(Job(way, item)) for item in "abcd"]
    assert [job.future.result(20) for job in jobs] == list("abcd")
    assert queue.n_calls == 4
    queue.close()
