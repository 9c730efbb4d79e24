"""Responses that the real APIs sent, replayed; and the small functions that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api_server import Reply
from fake_wiki import FakeWiki, WikiPage
from llmexam.collecting.apis.client import PoliteClient
from llmexam.collecting.apis.licences import AcceptedLicences, licence_name
from llmexam.collecting.apis.settings import MediaWikiSettings
from llmexam.collecting.apis.wiki_query import WikiQuery
from llmexam.errors import CorpusError, EndpointError


@pytest.fixture
def recordings(shared_data: Path) -> Path:
    folder = shared_data / "api"
    if not folder.is_dir():
        pytest.skip(f"recorded responses are not at {folder}")
    return folder


def recorded(folder: Path, name: str) -> Any:
    (path,) = folder.glob(f"{name}*.json")
    return json.loads(path.read_text(encoding="utf-8"))


def atom(folder: Path, name: str) -> Reply:
    found = recorded(folder, name)
    # The recordings hold the bytes of UTF-8 as characters of Latin-1.
    return Reply(found["body"].encode("latin-1"), status=found["status_code"])


def test_a_recorded_wikipedia_page(server, collect, recordings, rows) -> None:
    hits = recorded(recordings, "mediawiki_TestVcrWikiSearch")
    members = recorded(recordings, "mediawiki_TestVcrWikiCategorymembers")
    extract = recorded(recordings, "mediawiki_TestVcrWikiExtracts")
    listed = hits["query"]["search"] + members["query"]["categorymembers"]
    titles = {one["pageid"]: one["title"] for one in listed}
    wiki = FakeWiki(pages=[WikiPage(id_, title, "Text.") for id_, title in titles.items()])

    def answer(params: dict[str, str]) -> Any:
        if "srsearch" in params:
            return hits if "sroffset" not in params else {"query": {"search": []}}
        if "cmtitle" in params:
            return members
        return extract if params.get("pageids") == "23862" else wiki(params)

    server.answer = answer
    done = collect(search="Python programming", category="Category:Physics")
    assert [p.get("sroffset") for p in server.params if "srsearch" in p] == [None, "10"]
    n_articles = sum(one["ns"] == 0 for one in members["query"]["categorymembers"])
    assert n_articles == 26
    assert done.tally.n_used == 10 + n_articles
    page = [row for row in rows() if row["page_id"] == "23862"]
    assert {row["title"] for row in page} == {"Python (programming language)"}
    sections = [row["section"] for row in page]
    assert sections[:2] == ["", "History"]
    assert "Syntax and semantics > Indentation" in sections
    assert not {"References", "External links", "See also"} & set(sections)
    text = " ".join(row["text"] for row in page)
    whole = extract["query"]["pages"]["23862"]["extract"]
    assert len(text) > 0.75 * len(whole)
    assert "Guido van Rossum began working on Python in the late 1980s" in page[0]["text"]


def test_a_recorded_continuation(server, recordings, tmp_path) -> None:
    """The links of one page came in two responses: put together, they are all there."""
    first = recorded(recordings, "mediawiki_TestVcrWikiLinks.test_links_0")
    second = recorded(recordings, "mediawiki_TestVcrWikiLinks.test_links_1")
    server.answer = lambda p: second if "plcontinue" in p else first
    settings = MediaWikiSettings(api=server.url, contact="me@example.org", title="Python")
    with PoliteClient(settings, tmp_path) as client:
        responses = list(WikiQuery(client, settings).responses({"prop": "links"}))
    assert server.params[1]["plcontinue"] == "23862|0|Pyrex_(programming_language)"
    assert server.params[1]["continue"] == "||"
    assert [len(one["query"]["pages"]["23862"]["links"]) for one in responses] == [
        len(one["query"]["pages"]["23862"]["links"]) for one in (first, second)
    ]


def test_recorded_arxiv_pages(server, collect_papers, recordings, rows) -> None:
    server.answer = lambda p: atom(recordings, f"arxiv_q_testing_s{p['start']}_m10")
    done = collect_papers(query="testing", limit=20, page_size=10)
    assert (done.n_documents, len(server.asked)) == (20, 2)
    assert rows()[0]["id"] == "arxiv:2202.12139v1"
    assert rows()[0]["text"].startswith("Deep Learning (DL) has revolutionized the capabilities")
    (greek,) = [row for row in rows() if row["page_id"] == "2403.16981"]
    assert "type-I error at most $\N{GREEK SMALL LETTER ALPHA}$ and type-II" in greek["text"]


def test_a_recorded_empty_arxiv_feed(server, collect_papers, recordings) -> None:
    server.answer = lambda p: atom(recordings, "arxiv_id_0000.0000")
    with pytest.raises(CorpusError, match="1 missing papers"):
        collect_papers(ids=["0000.0000"])
    assert len(server.asked) == 1


def test_a_recorded_arxiv_error(server, collect_papers, recordings) -> None:
    server.answer = lambda p: atom(recordings, "arxiv_id_abc")
    with pytest.raises(EndpointError, match=r"got 400 \(incorrect id format for abc\)"):
        collect_papers(ids=["0000.0000"])


def test_a_recorded_openalex_page(server, collect_works, recordings, rows) -> None:
    server.answer = lambda p: recorded(recordings, "openalex_works_2")
    done = collect_works(search="bibliometrix")
    assert len(server.asked) == 1
    assert (done.tally.n_found, done.tally.left_out) == (2, {"works without abstract": 1})
    (row,) = rows()
    assert (row["page_id"], row["licence"]) == ("W2741809807", "CC BY")
    assert row["text"].startswith("Despite growing interest in Open Access (OA) to scholarly")
    assert row["url"] == "https://doi.org/10.7717/peerj.4375"


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ("Creative Commons Attribution-Share Alike 4.0", "", "CC BY-SA 4.0"),
        ("Creative Commons Attribution-NonCommercial-NoDerivatives 3.0", "", "CC BY-NC-ND 3.0"),
        ("x", "https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("x", "//creativecommons.org/licenses/by/4.0/deed.de", "CC BY 4.0"),
        ("cc-by-nc-sa", None, "CC BY-NC-SA"),
        ("CC BY 4.0", None, "CC BY 4.0"),
        ("public-domain", None, "Public domain"),
        ("GNU Free Documentation License 1.3", "", "GFDL 1.3"),
        ("apache-2-0", None, "Apache"),
        ("publisher-specific-oa", None, "publisher-specific-oa"),
        ("", "https://example.org/terms", "https://example.org/terms"),
        (None, None, "not stated"),
    ],
)
def test_names_of_licences(text, url, name) -> None:
    assert licence_name(text, url) == name


def test_open_licences_are_accepted_in_every_version() -> None:
    plain = AcceptedLicences()
    assert all(map(plain.accept, ("CC BY", "CC BY 4.0", "CC BY-SA 3.0", "CC0 1.0", "GFDL 1.3")))
    assert not any(
        map(plain.accept, ("CC BY-NC", "CC BY-ND 4.0", "not stated", "other-oa", "CC", ""))
    )
    named = AcceptedLicences(["CC BY-NC", "cc-by-nd 4.0", "Other-OA"])
    assert all(map(named.accept, ("CC BY-NC", "CC BY-NC 2.0", "CC BY-ND 4.0", "other-oa")))
    assert not named.accept("CC BY-ND 3.0")
