import signal
import threading

import pytest

from llmexam.solvers.served.ending import ending_gently


@pytest.fixture
def told():
    """What the handler of the surrounding program was told."""
    found: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: found.append(number))
    yield found
    signal.signal(signal.SIGTERM, before)


def test_the_signal_waits_for_the_end_of_the_block(told):
    stopped = []
    with ending_gently(lambda: stopped.append(True)) as ending:
        assert not ending.is_asked
        signal.raise_signal(signal.SIGTERM)
        assert ending.is_asked
        assert (stopped, told) == ([True], [])
    assert told == [signal.SIGTERM]


def test_a_second_signal_does_not_wait(told):
    with ending_gently(lambda: None):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert told == [signal.SIGTERM]


def test_without_a_signal_nothing_changes(told):
    handler = signal.getsignal(signal.SIGTERM)
    with ending_gently(lambda: None):
        pass
    assert signal.getsignal(signal.SIGTERM) is handler
    assert told == []


def test_an_ignored_signal_stays_ignored(told):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with ending_gently(lambda: None) as ending:
        signal.raise_signal(signal.SIGTERM)
        assert not ending.is_asked


def test_other_threads_leave_signals_alone(told):
    def work():
        with ending_gently(lambda: None) as ending:
            seen.append(ending.is_asked)

    seen: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
