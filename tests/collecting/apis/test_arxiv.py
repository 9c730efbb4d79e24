"""arXiv: paging, damaged and short pages, ids, errors, and its licence."""

from __future__ import annotations

from html import escape
from itertools import pairwise

import pytest

from api_server import Reply
from llmexam.collecting.apis.settings import ArxivSettings
from llmexam.errors import CorpusError, EndpointError, SettingsError

ENTRY = """<entry><id>http://arxiv.org/abs/{id}</id><title>{title}</title>
<summary>{abstract}</summary><updated>2024-01-01T00:00:00Z</updated></entry>"""
ERROR = """<entry><id>https://arxiv.org/api/errors#malformed</id><title>Error</title>
<summary>incorrect id format for 1</summary></entry>"""


def feed(entries: str, total: int) -> bytes:
    """Return an Atom feed as arXiv's API sends it."""
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns="http://www.w3.org/2005/Atom">
<id>https://arxiv.org/api/x</id><title>arXiv Query</title>
<opensearch:totalResults>{total}</opensearch:totalResults>{entries}</feed>""".encode()


def entry(id_: str, title: str = "A title", abstract: str = "An abstract.") -> str:
    return ENTRY.format(id=id_, title=escape(title), abstract=escape(abstract))


class Papers:
    """An API with papers of these ids; `most` is how many it returns at once, whatever is asked."""

    def __init__(self, ids: list[str], most: int = 2000) -> None:
        self.ids = ids
        self.most = most

    def __call__(self, params: dict[str, str]) -> bytes:
        listed = params["id_list"].split(",") if params["id_list"] else None
        found = [
            one
            for one in self.ids
            if listed is None or one in listed or one.partition("v")[0] in listed
        ]
        begin = int(params["start"])
        end = begin + min(int(params["max_results"]), self.most)
        return feed("".join(map(entry, found[begin:end])), len(found))


def ids(n: int) -> list[str]:
    return [f"2401.{i:05}v1" for i in range(n)]


def test_pages_follow_one_another_three_seconds_apart(server, clock, collect_papers, rows) -> None:
    server.answer = Papers(ids(25))
    times = []
    server.before = lambda turn: times.append(clock.monotonic())
    done = collect_papers(query="cat:physics.optics", page_size=10)
    assert [(p["start"], p["max_results"]) for p in server.params] == [
        ("0", "10"), ("10", "10"), ("20", "5")
    ]  # fmt: skip
    assert {p["search_query"] for p in server.params} == {"cat:physics.optics"}
    assert [b - a for a, b in pairwise(times)] == pytest.approx([3, 3])
    assert server.most_at_once == 1
    assert (done.n_documents, done.tally.n_found) == (25, 25)
    assert rows()[0] == {
        "id": "arxiv:2401.00000v1",
        "title": "A title",
        "section": "",
        "text": "An abstract.",
        "page_id": "2401.00000",
        "revision": "v1",
        "licence": "CC0 1.0",
        "url": "https://arxiv.org/abs/2401.00000v1",
        "source": "arxiv",
    }
    assert done.as_dict()["licences"] == [
        {
            "name": "CC0 1.0",
            "documents": 25,
            "refused": 0,
            "url": "https://info.arxiv.org/help/api/tou.html",
        }
    ]


def test_the_limit_ends_the_pages(server, collect_papers) -> None:
    server.answer = Papers(ids(500))
    assert collect_papers(query="x", limit=15, page_size=10).n_documents == 15
    assert [p["max_results"] for p in server.params] == ["10", "5"]


def test_nothing_found_is_an_error(server, collect_papers, out) -> None:
    server.answer = Papers([])
    with pytest.raises(CorpusError, match=r"no document was collected.*0 found"):
        collect_papers(query="x")
    assert len(server.asked) == 1
    assert not out.exists()


def test_an_empty_page_is_requested_again(server, collect_papers) -> None:
    server.answer = Papers(ids(20))
    page = server.answer({"id_list": "", "start": "0", "max_results": "10"})
    server.script = [Reply(page), Reply(feed("", 20)), Reply(feed("", 20))]
    done = collect_papers(query="x", page_size=10)
    assert (done.n_documents, done.traffic.retried) == (20, 2)
    assert [p["start"] for p in server.params] == ["0", "10", "10", "10"]


def test_pages_that_stay_empty_are_reported_and_not_cached(server, collect_papers) -> None:
    papers = Papers(ids(20))
    server.answer = lambda p: feed("", 20) if p["start"] == "10" else papers(p)
    done = collect_papers(query="x", page_size=10, max_attempts=3)
    assert done.n_documents == 10
    assert done.tally.notes == [
        "arXiv returned 10 of 20 results and then empty pages; run the same command again later"
    ]
    assert len(server.asked) == 4
    server.answer = papers
    again = collect_papers(query="x", page_size=10, overwrite=True)
    assert (again.n_documents, again.tally.notes, again.traffic.requests) == (20, [], 1)


def test_short_pages_lose_nothing(server, collect_papers) -> None:
    server.answer = Papers(ids(10), most=4)
    done = collect_papers(query="x", page_size=10, max_attempts=2)
    assert (done.n_documents, done.tally.notes) == (10, [])
    assert [p["start"] for p in server.params] == ["0", "0", "4", "4", "8"]


def test_results_that_move_between_pages_come_once(server, collect_papers) -> None:
    papers = Papers(ids(20))

    def publish(turn: int) -> None:
        if turn == 1:
            papers.ids = ["2402.00001v1", "2401.00009v2", *papers.ids]

    server.answer, server.before = papers, publish
    done = collect_papers(query="x", page_size=10, limit=20)
    assert done.n_documents == 18
    assert done.tally.events == {"listed twice": 2}


@pytest.mark.parametrize(
    "broken",
    [b"<feed><entry>", b"", b"not xml", b"<html><body>Busy</body></html>",
     feed(entry("2401.00001v1"), 1)[:-20], feed(entry("2401.00001v1"), 1).replace(b">1<", b">x<")],
)  # fmt: skip
def test_damaged_feeds_are_requested_again(server, collect_papers, broken) -> None:
    server.answer = Papers(ids(1))
    server.script = [Reply(broken)]
    done = collect_papers(query="x")
    assert (done.n_documents, done.traffic.retried) == (1, 1)


def test_text_is_not_taken_for_html(server, collect_papers, rows) -> None:
    abstract = "If $a<b$ and $c>d$, then <b>x</b> &lt; 1 &\n  R\u00e9sum\u00e9 \\alpha"
    server.answer = lambda p: feed(entry("2401.00001v1", "A <i> & B", abstract), 1)
    collect_papers(query="x")
    assert rows()[0]["title"] == "A <i> & B"
    assert rows()[0]["text"] == " ".join(abstract.split())


def test_ids_are_collected_and_missing_ones_named(server, collect_papers, rows) -> None:
    server.answer = Papers(["2401.00001v3", "math.GT/0309136v1"])
    done = collect_papers(ids=["2401.00001", "math.GT/0309136", "0000.0000", "2401.00001"])
    assert server.params[0]["id_list"] == "2401.00001,math.GT/0309136,0000.0000"
    assert [row["id"] for row in rows()] == ["arxiv:2401.00001v3", "arxiv:math.GT/0309136v1"]
    assert done.tally.left_out == {"missing papers": 1}
    assert done.tally.notes == ["papers that do not exist: 0000.0000"]


@pytest.mark.parametrize("bad", ["abc", "2401.1", "2401.00001v0", "hep-th/1", "2401.00001 2"])
def test_a_malformed_id_is_refused_before_any_request(server, collect_papers, bad) -> None:
    with pytest.raises(SettingsError, match=f"arXiv ids such as 2202.12139v1, got '{bad}'"):
        collect_papers(ids=["2401.00001", bad])
    assert server.asked == []


@pytest.mark.parametrize("status", [200, 400])
def test_an_error_of_arxiv_is_shown(server, collect_papers, status) -> None:
    server.answer = lambda p: Reply(feed(ERROR, 1), status=status)
    with pytest.raises(EndpointError, match="incorrect id format for 1"):
        collect_papers(query="x")
    assert len(server.asked) == 1


def test_query_or_ids_are_required(collect_papers) -> None:
    with pytest.raises(SettingsError, match="either --query or --ids"):
        collect_papers()
    with pytest.raises(SettingsError, match="either --query or --ids"):
        collect_papers(query="x", ids=["2401.00001"])


def test_arxivs_pace_is_the_default() -> None:
    settings = ArxivSettings(contact="a@b.org", query="x")
    assert (settings.min_interval, settings.max_concurrency) == (3.0, 1)
