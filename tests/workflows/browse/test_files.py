"""Values made of files, which are made once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmexam.workflows.browse.files import FileCache


def test_threads_that_want_the_same_value_share_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("a")
    cache, made, waiting = FileCache(3), [], threading.Semaphore(0)

    def make():
        # All others have come by now, or come later; none may begin to make it.
        for _ in range(4):
            assert waiting.acquire(timeout=20)
        made.append(object())
        return made[-1]

    def get(_):
        waiting.release()
        return cache.get(path, [path], make)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(get, range(4)))
    assert len(made) == 1
    assert set(found) == set(made)


def test_a_value_that_cannot_be_made_is_tried_again(tmp_path):
    cache = FileCache(3)

    def fail():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        cache.get(tmp_path, [], fail)
    assert cache.get(tmp_path, [], lambda: 1) == 1
