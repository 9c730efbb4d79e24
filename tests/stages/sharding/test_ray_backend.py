"""A Ray cluster on this machine. It runs in a program of its own, which is observed from here."""

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from llmexam.errors import MissingDependencyError, RunError
from llmexam.stages.sharding.processes import import_path
from llmexam.stages.sharding.ray_backend import RayBackend

PROGRAM = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path
    import psutil
    from conftest_of_shards import Upper

    if __name__ == "__main__":
        upper = Upper(Path(sys.argv[1]), "local", attempts=5)
        settings = json.loads(sys.argv[2])
        found = upper.map(sys.argv[3], **settings)
        texts = []
        for one in found:
            texts.append(one.shard.output.read_text())
            print(one.shard.number, flush=True)
        own = psutil.Process().children(recursive=True)
        addresses = {
            c.laddr.ip for p in own for c in p.net_connections() if c.status == "LISTEN"
        }
        upper.cluster.close()
        told = {"text": "".join(texts), "told": upper.told, "addresses": sorted(addresses)}
        print(json.dumps(told), flush=True)
    """
)


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a program with a cluster of its own."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    conftest = Path(__file__).with_name("conftest.py")
    (tmp_path / "conftest_of_shards.py").write_text(conftest.read_text())
    started = []

    def run(letters, **settings):
        process = subprocess.Popen(
            [sys.executable, str(program), str(tmp_path), json.dumps(settings), letters],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # An address in the environment must not be used.
            env={**os.environ, "PYTHONPATH": import_path(), "RAY_ADDRESS": "127.0.0.1:1"},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.needs("scale")
def test_killed_workers_cost_their_shards_and_nothing_listens_to_other_machines(start, tmp_path):
    process = start("abcdefghijkl", kill=["c", "h"], kill_once=str(tmp_path))
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    *numbers, result = output.splitlines()
    # Ray itself prints nothing.
    assert numbers == [str(number) for number in range(12)]
    assert errors == ""
    told = json.loads(result)
    assert told["text"] == "ABCDEFGHIJKL"
    assert told["addresses"]
    assert {one.removeprefix("::ffff:") for one in told["addresses"]} <= {"127.0.0.1", "::1"}
    assert told["told"][0].startswith("connected to Ray on this machine: 2 workers")
    assert told["told"][-1].endswith("2 retries")


def still_running(processes):
    """Return the command lines of processes that run; ended ones may wait for their parent."""
    found = []
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            if one.is_running() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one.cmdline()[:4])
    return found


@pytest.mark.slow
@pytest.mark.needs("scale")
def test_a_job_resumes_after_its_head_was_killed(start, tmp_path):
    letters = "".join(chr(97 + number % 26) for number in range(200))
    process = start(letters)
    for line in process.stdout:
        if line.strip() == "20":
            break
    own = psutil.Process(process.pid).children(recursive=True)
    (head,) = [one for one in own if one.name() == "gcs_server"]
    head.kill()
    # Ray ends a program that has lost its cluster.
    assert process.wait(timeout=120) != 0
    # Agents of Ray notice after a minute that their cluster has ended.
    deadline = time.monotonic() + 150
    while (left := still_running(own)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
    again = start(letters)
    output, errors = again.communicate(timeout=240)
    assert again.returncode == 0, errors
    told = json.loads(output.splitlines()[-1])
    assert told["text"] == letters.upper()
    n_reused = int(told["told"][-1].split("shards: ")[1].split(" reused")[0])
    assert n_reused >= 20
    calls = (tmp_path / "log.txt").read_text().split()
    # Only what was under way is computed twice.
    assert len(calls) <= 200 + 4


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"llmexam\[scale\]"):
        RayBackend("local", 1)


@pytest.mark.needs("scale")
def test_an_address_without_a_cluster_is_told_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RunError, match=f"cannot connect to the Ray cluster at {address}"):
            RayBackend(address)
