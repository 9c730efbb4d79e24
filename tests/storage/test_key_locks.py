"""Locks by key."""

import threading

from llmexam.storage.key_locks import KeyLocks


def test_a_key_is_held_by_one_thread_and_others_are_free():
    locks, order = KeyLocks(), []
    held, go = threading.Event(), threading.Event()

    def first():
        with locks.hold("a"):
            held.set()
            assert go.wait(20)
            order.append("first")

    def second():
        with locks.hold("a"):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert held.wait(20)
    threads[1].start()
    with locks.hold("b"):
        order.append("other")
    go.set()
    for thread in threads:
        thread.join(20)
    assert order == ["other", "first", "second"]
    assert len(locks) == 0
