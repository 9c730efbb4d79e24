"""A collection that was stopped goes on, and repeats no request."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest

from api_server import Reply
from fake_wiki import WikiPage
from llmexam.errors import EndpointError, RunError
from llmexam.storage.locking import lock_folder


@pytest.fixture
def many(wiki):
    """A category of 12 pages."""
    wiki.pages = [WikiPage(n, f"P{n}", f"Text {n}.", n) for n in range(1, 13)]
    wiki.categories["Category:Optics"] = list(range(1, 13))
    return wiki


def counted(server) -> Counter[str]:
    """Return how often each request came."""
    return Counter(json.dumps(params, sort_keys=True) for params in server.params)


def test_a_failed_collection_repeats_only_what_failed(server, many, collect, out, rows) -> None:
    failing = {"pageids": "7"}
    server.answer = lambda params: (
        Reply(status=403) if failing.items() <= params.items() else many(params)
    )
    with pytest.raises(EndpointError, match="status 200, got 403"):
        collect(category="Category:Optics")
    assert not out.exists()
    assert [path.name for path in out.parent.iterdir()] == ["texts.responses"]
    before = counted(server)
    server.answer = many
    done = collect(category="Category:Optics")
    after = counted(server)
    repeated = [json.loads(one)["pageids"] for one, n in after.items() if n > 1]
    # Page 7 failed; those that were on their way then may come again.
    assert "7" in repeated
    assert all(before[one] == 0 or after[one] == before[one] for one in after
               if json.loads(one).get("pageids") not in {"7", "8", "9"})  # fmt: skip
    assert done.traffic.cached >= 8
    assert [row["page_id"] for row in rows()] == [str(n) for n in range(1, 13)]


@pytest.mark.slow
def test_a_killed_collection_goes_on_without_repeating_a_request(server, many, out, rows) -> None:
    held = threading.Event()
    reached = threading.Event()

    def hold(turn: int) -> None:
        # The licence, the members, their properties, and six texts.
        if turn == 9:
            reached.set()
            held.wait(timeout=60)

    server.before = hold
    command = [
        *(sys.executable, "-m", "llmexam", "collect", "mediawiki", "--contact", "me@example.org"),
        *("--category", "Category:Optics", "--api", server.url, "--out", str(out)),
        *("--set", "min_interval=0", "--set", "max_concurrency=1"),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert reached.wait(timeout=60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    held.set()
    assert not out.exists()
    assert len(server.asked) == 10
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["requests"]["cached"] == 10  # nine, and robots.txt
    assert result["requests"]["requests"] == 6
    assert len(server.robots_asked) == 1
    # Only the request that was on its way came twice.
    assert sorted(counted(server).values()) == [1] * 14 + [2]
    assert [row["text"] for row in rows()] == [f"Text {n}." for n in range(1, 13)]


def test_the_order_of_documents_does_not_depend_on_that_of_answers(
    server, many, collect, rows, tmp_path
) -> None:
    late = threading.Event()

    def hold(turn: int) -> None:
        page = server.params[turn].get("pageids")
        if page == "1":
            late.wait(timeout=20)
        if page == "3":
            late.set()

    server.before = hold
    collect(category="Category:Optics")
    assert [row["page_id"] for row in rows()] == [str(n) for n in range(1, 13)]


def test_a_changed_contact_repeats_no_request(server, many, collect) -> None:
    collect(category="Category:Optics")
    n = len(server.asked)
    done = collect(category="Category:Optics", contact="you@example.org", max_lag=3, overwrite=True)
    assert (len(server.asked), done.traffic.requests) == (n, 0)
    assert done.traffic.oldest == "2026-11-29T12:00:00+00:00"


def test_two_collections_do_not_share_a_cache_at_once(many, collect, out) -> None:
    with (
        lock_folder(out.with_suffix(".responses")),
        pytest.raises(RunError, match="another process"),
    ):
        collect(category="Category:Optics")
