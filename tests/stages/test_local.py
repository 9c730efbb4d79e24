"""The executor: what is computed again, and what is taken from an earlier run."""

import json
from functools import partial

import pytest

from llmexam.stages.local import LocalExecutor
from llmexam.stages.stage import Stage


class Counting:
    """A stage that counts how often it is computed."""

    def __init__(self, folder, outputs=("out.txt",)):
        self.folder, self.outputs, self.n_computed = folder, outputs, 0
        self.fail = None

    def stage(self, **inputs):
        # One function for all: what differs is the input.
        return Stage("count it", self.compute, self.load, inputs, self.outputs)

    def compute(self, context, *, text="x"):
        self.n_computed += 1
        for number, name in enumerate(self.outputs):
            path = context.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if self.fail is not None and number == 0:
                raise self.fail
        context.advance(2, 5)
        return text

    def load(self, context, *, text="x"):
        return (context.folder / self.outputs[0]).read_text()

    def run(self, overwrite=False, **inputs):
        self.executor = LocalExecutor(self.folder, overwrite=overwrite)
        return self.executor.run(self.stage(**inputs))

    @property
    def was_cached(self):
        return self.executor.records[-1].cached


@pytest.fixture
def counting(tmp_path):
    (tmp_path / "stages").mkdir()
    return Counting(tmp_path)


def test_a_result_is_reused_as_long_as_its_key_stays(counting):
    assert counting.run(text="a") == "a"
    assert not counting.was_cached
    assert counting.run(text="a") == "a"
    assert counting.was_cached
    assert counting.n_computed == 1
    assert counting.run(text="b") == "b"
    assert not counting.was_cached
    # Only the last result is there.
    assert counting.run(text="a") == "a"
    assert counting.n_computed == 3


def test_overwrite_computes_it_again(counting):
    counting.run()
    counting.run(overwrite=True)
    assert counting.n_computed == 2


@pytest.mark.parametrize("harm", ["changed", "deleted", "empty", "folder"])
def test_an_output_that_was_touched_is_made_again(counting, harm):
    counting.run(text="a")
    path = counting.folder / "out.txt"
    if harm in ("deleted", "folder"):
        path.unlink()
    else:
        path.write_text("b" if harm == "changed" else "")
    if harm == "folder":
        path.mkdir()
        with pytest.raises(IsADirectoryError):
            counting.run(text="a")
        path.rmdir()
    assert counting.run(text="a") == "a"
    assert not counting.was_cached
    assert path.read_text() == "a"


@pytest.mark.parametrize("record", ["", "{", "[]", "null", '{"key": 5}', '{"files": {}}'])
def test_a_damaged_record_is_no_record(counting, record):
    counting.run()
    (path,) = (counting.folder / "stages").iterdir()
    path.write_text(record)
    counting.run()
    assert counting.n_computed == 2
    assert set(json.loads(path.read_text())) == {"key", "files"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError("no space left")])
def test_a_half_written_result_is_not_reused(counting, stop):
    counting.outputs = ("a.txt", "b.txt")
    counting.run(text="a")
    counting.fail = stop
    with pytest.raises(type(stop)):
        counting.run(text="b")
    assert list((counting.folder / "stages").iterdir()) == []
    counting.fail = None
    # Even with the inputs of the result that was there before.
    assert counting.run(text="a") == "a"
    assert not counting.was_cached
    assert (counting.folder / "b.txt").read_text() == "a"


def test_folders_are_outputs_with_all_their_files(counting):
    counting.outputs = ("index",)
    written = counting.folder / "index"

    def compute(context, **inputs):
        counting.n_computed += 1
        (written / "deep").mkdir(parents=True, exist_ok=True)
        (written / "deep" / "part").write_text("1")
        (written / "write.lock").touch()

    def run():
        executor = LocalExecutor(counting.folder)
        executor.run(Stage("build", compute, lambda context: None, {}, ["index"]))
        return executor.records[0].cached

    assert [run(), run()] == [False, True]
    # Locks come and go with whoever reads.
    (written / "write.lock").unlink()
    assert run()
    (written / "more").write_text("of the user")
    assert not run()


def test_progress_and_records_name_the_stage(counting):
    heard = []
    for _ in range(2):
        executor = LocalExecutor(counting.folder, announce=lambda *given: heard.append(given))
        executor.run(counting.stage())
        executor.time("grade it", partial(executor.advance, 1))
    assert heard == [
        ("count it", 0, None),
        ("count it", 2, 5),
        ("grade it", 0, None),
        ("grade it", 1, None),
        ("count it (cached)", 0, None),
        ("grade it", 0, None),
        ("grade it", 1, None),
    ]
    assert [(one.name, one.cached) for one in executor.records] == [
        ("count it", True),
        ("grade it", False),
    ]
    assert all(one.seconds >= 0 and one.peak_mb > 0 for one in executor.records)


def test_recorded_files_are_never_reused(counting):
    executor = LocalExecutor(counting.folder)
    (counting.folder / "out.txt").write_text("of another")
    executor.record("count it", ["out.txt"])
    counting.run(text="a")
    assert not counting.was_cached
