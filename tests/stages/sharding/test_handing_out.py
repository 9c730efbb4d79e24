"""Shards come back in order, once each, whatever happens to their workers."""

import json
import os
import signal
import time

import pytest

from llmexam.errors import RunError, SettingsError
from llmexam.stages.sharding.cluster import ClusterSettings
from llmexam.stages.sharding.folder import ShardFolder
from llmexam.stages.sharding.work import perform

LETTERS = "abcdefghijkl"


def texts(found):
    return "".join(one.shard.output.read_text() for one in found)


def test_shards_come_in_order_with_counts_and_progress(upper):
    rows = []
    found = list(upper.map(LETTERS, rows.append))
    assert texts(found) == LETTERS.upper()
    assert [one.shard.number for one in found] == list(range(12))
    assert [one.counts for one in found] == [{"length": 1}] * 12
    assert rows == [1] * 12
    assert upper.told[-1].startswith("upper: 12 shards: 0 reused, 12 computed by 2 workers")
    assert list((upper.folder / "shards" / "inputs").iterdir()) == []


def test_finished_shards_are_used_again(upper):
    list(upper.map(LETTERS))
    n_calls = len(upper.calls())
    again = list(upper.map(LETTERS))
    assert texts(again) == LETTERS.upper()
    assert all(one.reused for one in again)
    assert len(upper.calls()) == n_calls == 12


def test_a_changed_input_or_output_is_computed_again(upper):
    list(upper.map(LETTERS))
    (upper.folder / "shards" / "000004.txt").write_text("X")
    found = list(upper.map("abzdefghijkl"))
    assert texts(found) == "ABZDEFGHIJKL"
    assert [one.shard.number for one in found if not one.reused] == [2, 4]


def test_other_settings_compute_all_again(upper):
    list(upper.map("abc"))
    assert not any(one.reused for one in upper.map("abc", fail=["q"]))


def test_killed_workers_cost_their_shards_only(upper):
    found = list(upper.map(LETTERS, kill=["c", "h", "l"], kill_once=str(upper.folder)))
    assert texts(found) == LETTERS.upper()
    assert sorted(upper.calls()) == sorted(
        [f"{number:06}.txt" for number in (*range(12), 2, 7, 11)]
    )
    lost = [one for one in upper.told if "SIGKILL" in one]
    assert len(lost) == 3
    assert any(
        one == "upper, shard 3 (letters 3 to 3): its worker ended: the process was ended by "
        "SIGKILL; attempt 2 of 3"
        for one in lost
    )
    assert upper.told[-1].endswith("3 retries")


def test_a_shard_that_kills_every_worker_is_an_error(upper):
    with pytest.raises(RunError) as caught:
        list(upper.map(LETTERS, kill=["b"]))
    assert "upper, shard 2 (letters 2 to 2)" in str(caught.value)
    assert "attempt 3 of 3" in str(caught.value)
    assert upper.calls().count("000001.txt") == 3
    # What was finished before stays.
    done = {path.name for path in (upper.folder / "shards").glob("*.done.json")}
    assert "000000.done.json" in done
    assert "000001.done.json" not in done


def test_an_unexpected_error_is_tried_again(upper):
    with pytest.raises(RunError, match="OSError: no space left on device"):
        list(upper.map("abc", fail=["b"]))
    assert upper.calls().count("000001.txt") == 3


def test_an_error_of_the_input_is_raised_at_once(upper):
    with pytest.raises(RunError) as caught:
        list(upper.map("abc", refuse=["b"]))
    assert "upper, shard 2 (letters 2 to 2): row 3: expected an answer" in str(caught.value)
    assert upper.calls().count("000001.txt") == 1


def test_a_caller_may_stop_early(upper):
    found = upper.map(LETTERS * 20)
    assert next(found).shard.output.read_text() == "A"
    found.close()
    assert len(upper.calls()) < 100
    assert texts(upper.map("xyz")) == "XYZ"


def test_few_inputs_are_read_ahead(upper):
    n_read = 0

    def counted():
        nonlocal n_read
        for shard in upper.shards(LETTERS * 40):
            n_read += 1
            yield shard

    found = upper.cluster.map(upper.job(), counted())
    next(found)
    assert n_read <= 33
    found.close()


def test_many_finished_shards_are_passed_on_one_by_one(upper):
    list(upper.map(LETTERS * 4))
    n_read = 0

    def counted():
        nonlocal n_read
        for shard in upper.shards(LETTERS * 4):
            n_read += 1
            yield shard

    found = upper.cluster.map(upper.job(), counted())
    next(found)
    assert n_read == 1
    assert len(list(found)) == 47


def task_of(upper):
    job = upper.job()
    (shard,) = upper.shards("a")
    return ShardFolder(job).task(shard)


def test_a_worker_that_sees_another_folder_says_so(upper):
    task = task_of(upper)
    (upper.folder / "shards" / "nonce").write_text("of another machine")
    answer = json.loads(perform(json.dumps(task)))
    assert "does not see the files" in answer["error"]
    assert "share" in answer["error"]
    assert answer["is_final"]


def test_a_worker_with_other_code_says_so(upper):
    answer = json.loads(perform(json.dumps({**task_of(upper), "code": "0", "job": "other"})))
    assert "another version of llmexam" in answer["error"]


def test_a_damaged_input_is_not_computed(upper):
    task = task_of(upper)
    (upper.folder / "shards" / "inputs" / "000000").write_bytes(b"b")
    answer = json.loads(perform(json.dumps(task)))
    assert "is not the input that was written" in answer["error"]
    assert not answer["is_final"]


def test_a_worker_that_is_killed_between_shards_is_replaced(upper):
    list(upper.map("abcd"))
    for pid in upper.cluster.backend.pids:
        os.kill(pid, signal.SIGKILL)
    while upper.cluster.backend.pids:
        time.sleep(0.01)
    assert texts(upper.map("efgh")) == "EFGH"


@pytest.mark.parametrize("address", ["auto", "ray://host:10001", "host", ":1", "host:port"])
def test_other_addresses_are_refused(address):
    with pytest.raises(SettingsError, match="HOST:PORT"):
        ClusterSettings.parse({"address": address}, subject="the cluster")
