"""What a server sees: who asks, how often, how fast, and what happens when it refuses."""

from __future__ import annotations

import sys
import threading
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from api_server import Reply
from fake_wiki import WikiPage
from llmexam.collecting.apis.requests import Request
from llmexam.collecting.apis.robots import Robots
from llmexam.errors import CorpusError, EndpointError, MissingDependencyError, SettingsError
from llmexam.workflows.collect_apis import collect_mediawiki

LAGGED = {"error": {"code": "maxlag", "info": "Waiting for db1: 7 seconds lagged", "lag": 7}}


def test_each_request_says_who_asks(server, wiki, collect) -> None:
    collect(title=["Opal"])
    for asked in (*server.asked, *server.robots_asked):
        agent = asked.headers["user-agent"]
        assert agent.startswith("llmexam/")
        assert "(me@example.org) httpx/" in agent
        assert asked.headers["accept-encoding"] == "gzip"
    assert {params["maxlag"] for params in server.params} == {"5"}
    assert len(server.robots_asked) == 1


@pytest.mark.parametrize(
    "contact", ["", "me", "me@example", "a@b.c\r\nX: y", "https://", "ü@b.org"]
)
def test_a_contact_is_required(server, wiki, collect, contact) -> None:
    with pytest.raises(SettingsError, match=r"contact.*(e-mail address|ASCII)"):
        collect(title=["Opal"], contact=contact)
    assert server.asked == []


def test_without_a_contact_the_error_says_why(server, collect) -> None:
    with pytest.raises(SettingsError, match=r"reaches you.*Set it: --contact"):
        collect_mediawiki({"api": server.url, "title": "Opal"}, "x.parquet")


@pytest.mark.parametrize(
    ("api", "settings"),
    [
        ("https://en.wikipedia.org/w/api.php", {"max_concurrency": 4}),
        ("http://en.wikipedia.org/w/api.php", {}),
        ("https://me:secret-4711@wiki.example.org/api.php", {}),
        ("ftp://wiki.example.org/api.php", {}),
        ("wiki.example.org", {}),
        ("https://wiki.example.org:port/api.php", {}),
    ],
)
def test_unsafe_settings_are_refused(collect, api, settings) -> None:
    with pytest.raises(SettingsError) as caught:
        collect(title="Opal", api=api, **settings)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"min_interval": 1.0}, {"max_concurrency": 2}])
def test_arxivs_limits_cannot_be_undercut(collect_papers, settings) -> None:
    with pytest.raises(SettingsError, match="for arXiv"):
        collect_papers(query="x", api="https://export.arxiv.org/api/query", **settings)


def test_at_most_three_requests_at_once(server, wiki, collect) -> None:
    wiki.pages = [WikiPage(n, f"P{n}", "Text.") for n in range(1, 31)]
    wiki.categories["Category:Optics"] = list(range(1, 31))
    together = threading.Barrier(3)

    def wait_for_two_others(turn: int) -> None:
        # The 30 pages follow the licence, the members and their properties.
        if turn >= 3:
            together.wait(timeout=20)

    server.before = wait_for_two_others
    done = collect(category="Category:Optics")
    assert done.n_documents == 30
    assert server.most_at_once == 3


def test_requests_keep_their_distance(server, wiki, collect, clock) -> None:
    times = []
    server.before = lambda turn: times.append(clock.monotonic())
    done = collect(category="Category:Optics", min_interval=2.0, max_concurrency=1)
    assert len(times) == 6
    assert [b - a for a, b in pairwise(times)] == pytest.approx([2.0] * 5)
    assert done.traffic.waited == pytest.approx(12.0)  # robots.txt came first


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_honoured(server, wiki, collect, clock, status) -> None:
    server.script = [Reply(status=status, headers={"Retry-After": "120"})]
    done = collect(title="Opal", min_interval=0)
    assert clock.passed == pytest.approx(120)
    assert done.traffic.retried == 1
    assert done.traffic.requests == len(server.asked) + 1 == 5


def test_retry_after_as_a_date_is_honoured(server, wiki, collect, clock) -> None:
    when = format_datetime(clock.now() + timedelta(seconds=45), usegmt=True)
    server.script = [Reply(status=503, headers={"Retry-After": when})]
    collect(title="Opal", min_interval=0)
    assert clock.passed == pytest.approx(45)


def test_a_retry_after_beyond_the_limit_ends_the_collection(server, wiki, collect, out) -> None:
    server.script = [Reply(status=429, headers={"Retry-After": "86400"})]
    with pytest.raises(EndpointError, match=r"status 429.*86,400 seconds.*again to resume"):
        collect(title="Opal")
    assert len(server.asked) == 1
    assert not out.exists()


def test_backoff_is_exponential_with_jitter_from_the_seed(
    server, wiki, clock, collect, tmp_path
) -> None:
    found = []
    for n, seed in enumerate((0, 0, 1)):
        server.script = [Reply(status=500)] * 4
        before = clock.passed
        collect(title="Opal", min_interval=0, seed=seed, overwrite=True, cache=tmp_path / str(n))
        found.append(clock.passed - before)
    assert found[0] == pytest.approx(found[1])
    assert found[0] != pytest.approx(found[2])
    assert all(7.5 <= one <= 15 for one in found)  # 1 + 2 + 4 + 8, each times 0.5 to 1


def test_the_number_of_attempts_is_limited(server, wiki, collect, out) -> None:
    server.answer = lambda params: Reply(status=502)
    with pytest.raises(EndpointError, match=r"api\.php\?action=query.*status 502, after 4 att"):
        collect(title="Opal", max_attempts=4)
    assert len(server.asked) == 4
    assert not out.exists()
    assert not list(out.parent.glob(".*.tmp"))


def test_maxlag_is_honoured(server, wiki, collect, clock) -> None:
    server.script = [Reply(LAGGED), Reply(LAGGED, headers={"Retry-After": "20"})]
    done = collect(title="Opal", min_interval=0)
    assert clock.passed == pytest.approx(27)
    assert (done.traffic.retried, done.n_documents) == (2, 2)


@pytest.mark.parametrize(
    "broken",
    [
        Reply(b'{"query": {"general"', missing=100),
        Reply(b'{"query": {"gener'),
        Reply(b"<html>Our servers are busy</html>"),
        Reply(b"[1, 2]"),
        Reply(b"{}"),
        Reply(b"\xff\xfe"),
        Reply(b"[" * 100_000),
        Reply(b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["cut", "half", "html", "list", "empty", "bytes", "deep", "gzip"],
)
def test_damaged_responses_are_requested_again_and_not_cached(
    server, wiki, collect, broken
) -> None:
    server.script = [broken]
    done = collect(title="Opal")
    assert done.traffic.retried == 1
    assert done.n_documents == 2
    n = len(server.asked)
    assert collect(title="Opal", overwrite=True).traffic.requests == 0
    assert len(server.asked) == n


def test_compressed_responses_are_read(server, wiki, collect) -> None:
    server.answer = lambda params: Reply(wiki(params), packed=True)
    assert collect(title="Opal").n_documents == 2


def test_a_response_without_end_is_refused(server, wiki, collect) -> None:
    server.script = [Reply(b"x" * 10_000, endless=True)]
    with pytest.raises(EndpointError, match=r"larger than 0\.5 MB"):
        collect(title="Opal", max_response_mb=0.5)
    assert len(server.asked) == 1


def test_a_response_that_drips_is_given_up(server, wiki, collect, clock) -> None:
    server.script = [Reply(b" ", endless=True)]
    server.before = lambda turn: clock.sleep(1000 if turn == 0 else 0)
    done = collect(title="Opal")
    assert (done.traffic.retried, done.n_documents) == (1, 2)


@pytest.mark.parametrize("package", ["httpx", "feedparser"])
def test_a_missing_package_is_named(server, wiki, collect_papers, monkeypatch, package) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"'{package}'.*llmexam\[collect\]"):
        collect_papers(query="x")
    assert server.asked == []


def test_a_small_response_that_unpacks_to_a_large_one_is_refused(server, wiki, collect) -> None:
    server.script = [Reply(b" " * 5_000_000, packed=True)]
    with pytest.raises(EndpointError, match="larger than 1 MB"):
        collect(title="Opal", max_response_mb=1)


def test_a_redirect_on_the_host_is_followed(server, wiki, collect) -> None:
    server.script = [Reply(status=301, headers={"Location": "/w/api.php?action=query&meta=siteinfo"
                                                            "&format=json"})]  # fmt: skip
    assert collect(title="Opal").n_documents == 2
    assert server.params[1] == {"action": "query", "meta": "siteinfo", "format": "json"}


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example/", "file:///etc/passwd"])
def test_a_redirect_to_another_host_is_refused(server, wiki, collect, to) -> None:
    server.script = [Reply(status=302, headers={"Location": to})]
    with pytest.raises(EndpointError, match="redirects to another host"):
        collect(title="Opal")


def test_endless_redirects_are_refused(server, wiki, collect) -> None:
    server.answer = lambda params: Reply(status=302, headers={"Location": server.url})
    with pytest.raises(EndpointError, match="redirects more than 5 times"):
        collect(title="Opal")
    assert len(server.asked) == 6


def test_robots_txt_is_respected(server, wiki, collect, out) -> None:
    server.robots = (
        b"\xef\xbb\xbfUser-agent: *\nAllow: /w/api.php?action=mobileview&\nDisallow: /w/"
    )
    with pytest.raises(EndpointError, match=r"robots\.txt disallows /w/api\.php.*--api-policy"):
        collect(title="Opal")
    assert server.asked == []
    done = collect(title="Opal", api_policy="https://wiki.example.org/policy")
    assert done.n_documents == 2
    assert done.as_dict()["settings"]["api_policy"] == "https://wiki.example.org/policy"


def test_robots_txt_for_llmexam_alone_counts(server, wiki, collect) -> None:
    server.robots = b"User-agent: llmexam\nDisallow: /\n\nUser-agent: *\nAllow: /"
    with pytest.raises(EndpointError, match="disallows"):
        collect(title="Opal")


def test_the_crawl_delay_of_robots_txt_is_kept(server, wiki, collect, clock) -> None:
    server.robots = b"User-agent: *\nCrawl-delay: 10\nAllow: /"
    times = []
    server.before = lambda turn: times.append(clock.monotonic())
    collect(title="Opal")
    assert [b - a for a, b in pairwise(times)] == pytest.approx([10, 10])


def test_no_request_is_sent_while_robots_txt_cannot_be_read(server, wiki, collect) -> None:
    server.robots = Reply(status=500)
    with pytest.raises(EndpointError, match=r"robots\.txt: status 500"):
        collect(title="Opal", max_attempts=2)
    assert server.asked == []


def test_the_policy_of_a_known_operator_is_named() -> None:
    robots = Robots("https://en.wikipedia.org/w/api.php", "llmexam/1 (x)", None)
    robots.learn(b"User-agent: *\nDisallow: /w/")
    with pytest.raises(
        EndpointError, match=r"--api-policy https://www\.mediawiki\.org/wiki/API:Eti"
    ):
        robots.require_allowed(Request("https://en.wikipedia.org/w/api.php"))


@pytest.mark.parametrize(("status", "hint"), [(403, "contact"), (404, "address"), (400, "query")])
def test_an_error_names_address_status_and_what_to_do(server, wiki, collect, status, hint) -> None:
    body = {"error": {"code": "bad", "info": "The server says no"}}
    server.script = [Reply(body, status=status)]
    with pytest.raises(EndpointError, match=rf"meta=siteinfo.*got {status} \(bad: The.*{hint}"):
        collect(title="Opal")
    assert len(server.asked) == 1


def test_an_unreachable_server_is_an_error(server, wiki, collect) -> None:
    with pytest.raises(EndpointError, match=r"no complete response.*after 2 attempts"):
        collect(title="Opal", api="http://127.0.0.1:9/api.php", max_attempts=2)


def test_an_existing_file_is_not_replaced(server, wiki, collect, out) -> None:
    out.write_bytes(b"mine")
    with pytest.raises(CorpusError, match="--overwrite"):
        collect(title="Opal")
    assert out.read_bytes() == b"mine"
    assert server.asked == []
