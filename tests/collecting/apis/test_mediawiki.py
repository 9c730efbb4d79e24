"""Pages of a wiki: found, continued, left out, changed, and licensed."""

from __future__ import annotations

import pytest

from api_server import Reply
from fake_wiki import WikiPage
from llmexam.errors import CorpusError, EndpointError
from llmexam.evidence.corpus import read_corpus


def test_sections_become_documents_with_their_source(wiki, collect, rows, out) -> None:
    done = collect(title="Opal")
    assert rows() == [
        {
            "id": "testwiki:1:0",
            "title": "Opal",
            "section": "",
            "text": "Opal is silica.",
            "page_id": "1",
            "revision": "11",
            "licence": "CC BY-SA 4.0",
            "url": "https://wiki.example.org/wiki/Opal",
            "source": "testwiki",
        },
        {**rows()[0], "id": "testwiki:1:1", "section": "Use", "text": "Rings."},
    ]
    assert [(one.id, one.title) for one in read_corpus(out)] == [
        ("testwiki:1:0", "Opal"),
        ("testwiki:1:1", "Opal"),
    ]
    assert done.as_dict()["licences"] == [
        {
            "name": "CC BY-SA 4.0",
            "documents": 2,
            "refused": 0,
            "url": "https://creativecommons.org/licenses/by-sa/4.0/",
        }
    ]


def test_pages_of_search_category_and_title_come_once(server, wiki, collect, rows) -> None:
    done = collect(search="light", category="Optics", title=["Lens", "Opal"])
    assert [row["title"] for row in rows()] == ["Lens", "Opal", "Opal", "Prism"]
    assert done.tally.events["listed twice"] == 4
    pages = [params["pageids"] for params in server.params if "extracts" in params.get("prop", "")]
    assert sorted(pages) == ["1", "2", "3"]


def test_lists_are_continued(server, wiki, collect) -> None:
    wiki.most = 1
    assert collect(category="Category:Optics", search="light").tally.n_used == 3
    continued = [params.get("cmcontinue") for params in server.params if "cmtitle" in params]
    assert continued == [None, "1", "2"]
    assert [p.get("sroffset") for p in server.params if "srsearch" in p] == [None, "1"]
    assert [p.get("continue") for p in server.params if "srsearch" in p] == [None, "-||"]


def test_the_limit_ends_the_listing(server, wiki, collect) -> None:
    wiki.pages = [WikiPage(n, f"P{n}", "Text.") for n in range(1, 1001)]
    wiki.categories["Category:Optics"] = list(range(1, 1001))
    wiki.most = 100
    assert collect(category="Category:Optics", limit=60).tally.n_used == 60
    assert len([params for params in server.params if "cmtitle" in params]) == 1
    # The licence, one list, two times 50 titles, 60 texts.
    assert len(server.asked) == 64


def test_subcategories_are_followed_to_a_depth(server, wiki, collect) -> None:
    wiki.categories = {
        "Category:A": [1, "Category:B"],
        "Category:B": [2, "Category:C", "Category:A"],
        "Category:C": [3],
    }
    used = [
        collect(category="Category:A", depth=depth, overwrite=True).tally.n_used
        for depth in range(4)
    ]
    assert used == [1, 2, 3, 3]


def test_what_is_no_article_is_counted_and_left_out(wiki, collect) -> None:
    wiki.pages += [
        WikiPage(4, "Mercury", is_disambiguation=True),
        WikiPage(5, "Portal:Optics", ns=100),
        WikiPage(6, "Empty"),
    ]
    wiki.redirects = {"Opals": "Opal"}
    wiki.categories["Category:Optics"] = [5]
    done = collect(
        title=["Opals", "Opal", "Nothing", "Mercury", "Empty", "Nowhere"],
        category="Category:Optics",
    )
    assert done.tally.left_out == {
        "missing pages": 2,
        "disambiguation pages": 1,
        "pages that are no articles": 1,
        "pages without text": 1,
    }
    assert done.tally.events == {"redirects followed": 1}
    assert done.tally.notes == ["pages that do not exist: Nothing, Nowhere"]
    assert (done.tally.n_found, done.tally.n_used) == (2, 1)


def test_introductions_come_twenty_in_a_request(server, wiki, collect, rows) -> None:
    wiki.pages = [WikiPage(n, f"P{n}", f"Lead {n}.\n\n\n== X ==\nMore.") for n in range(1, 46)]
    wiki.categories["Category:Optics"] = list(range(1, 46))
    assert collect(category="Category:Optics", intro_only=True).n_documents == 45
    assert [row["text"] for row in rows()[:2]] == ["Lead 1.", "Lead 2."]
    sizes = [len(params["pageids"].split("|")) for params in server.params if "exintro" in params]
    assert sorted(sizes) == [5, 20, 20]


def test_a_page_that_changes_within_a_query_is_requested_again(server, wiki, collect, rows) -> None:
    def edit() -> None:
        wiki.page("Prism").extract = "A prism disperses light."
        wiki.page("Prism").revision = 99

    wiki.splits, wiki.edits = 1, edit
    done = collect(title="Prism")
    # The text is that of the later response, and so is the revision.
    assert [(row["text"], row["revision"]) for row in rows()] == [
        ("A prism disperses light.", "99")
    ]
    assert done.tally.events == {
        "requested again, because a page changed in between": 1,
        "changed since they were listed": 1,
    }
    # The licence, the title, two parts, the check, and the text again.
    assert len(server.asked) == 6
    again = collect(title="Prism", overwrite=True)
    assert (len(server.asked), again.traffic.requests) == (6, 0)
    assert again.tally.events == done.tally.events


def test_a_page_that_does_not_change_is_put_together(server, wiki, collect, rows) -> None:
    wiki.splits = 1
    done = collect(title="Prism")
    assert [(row["text"], row["revision"]) for row in rows()] == [("A prism bends light.", "12")]
    assert done.tally.events == {}
    assert len(server.asked) == 5


def test_a_page_that_never_stands_still_is_reported(wiki, collect) -> None:
    def edit() -> None:
        wiki.page("Prism").revision += 1

    wiki.splits, wiki.edits = 100, edit
    done = collect(title=["Prism", "Opal"], max_concurrency=1)
    assert done.tally.left_out["changed during each request"] == 2 - done.tally.n_used


def test_a_page_that_is_deleted_in_between_is_reported(server, wiki, collect) -> None:
    def delete(turn: int) -> None:
        if "extracts" in server.params[turn].get("prop", ""):
            wiki.pages = [page for page in wiki.pages if page.title != "Prism"]

    server.before = delete
    done = collect(title=["Prism", "Opal"])
    assert done.tally.left_out["deleted since they were listed"] == 1
    assert done.tally.n_used == 1


@pytest.mark.parametrize(
    ("rights", "name"),
    [
        ({"url": "", "text": "All rights reserved"}, "All rights reserved"),
        ({"url": "", "text": ""}, "not stated"),
        ({"url": "https://creativecommons.org/licenses/by-nc-sa/3.0/", "text": "x"},
         "CC BY-NC-SA 3.0"),
    ],
)  # fmt: skip
def test_a_licence_that_is_not_open_is_refused_unless_named(
    server, wiki, collect, rows, out, rights, name
) -> None:
    wiki.rights = rights
    with pytest.raises(CorpusError, match=f"'{name}'.*--accept-licence '{name}'"):
        collect(title="Opal")
    assert len(server.asked) == 1
    assert not out.exists()
    collect(title="Opal", accept_licences=[name])
    assert {row["licence"] for row in rows()} == {name}


def test_an_error_of_the_api_is_not_tried_again(server, wiki, collect) -> None:
    server.script = [Reply({"error": {"code": "unknown_action", "info": "Unrecognized value"}})]
    with pytest.raises(EndpointError, match=r"unknown_action \(Unrecognized value\)"):
        collect(title="Opal")
    assert len(server.asked) == 1


def test_a_query_that_continues_at_the_same_place_ends(server, wiki, collect) -> None:
    stuck = {"continue": {"sroffset": 10, "continue": "-||"}, "query": {"search": []}}
    server.answer = lambda params: stuck if "srsearch" in params else wiki(params)
    with pytest.raises(EndpointError, match="continues twice at the same place"):
        collect(search="light")
    assert len(server.asked) == 3


def test_nothing_found_is_an_error_that_says_why(wiki, collect, out) -> None:
    with pytest.raises(CorpusError, match=r"no document was collected.*2 missing pages"):
        collect(title=["Nothing", "Nowhere"])
    assert not out.exists()


def test_formulas_are_kept_once(wiki, collect, rows) -> None:
    wiki.page("Lens").extract = (
        "The focal length is\n  \n    \n      \n        f\n        =\n        \n          1\n"
        "        \n      \n    \n    {\\displaystyle f={\\frac {1}{D}}}\n  \n, where "
        "\n  \n    \n      \n        D\n      \n    \n    {\\displaystyle D}\n  \n is in dioptres."
    )
    collect(title="Lens")
    assert rows()[0]["text"] == (
        "The focal length is $f={\\frac {1}{D}}$, where $D$ is in dioptres."
    )


def test_titles_that_are_two_are_refused(server, collect) -> None:
    with pytest.raises(Exception, match=r"title without '\|'"):
        collect(title="Opal|Lens")


def test_long_titles_are_split_over_several_requests(server, wiki, collect) -> None:
    titles = ["\N{GREEK SMALL LETTER OMEGA}" * 100 + str(n) for n in range(20)]
    wiki.pages = [WikiPage(n, title, "Text.") for n, title in enumerate(titles, 1)]
    assert collect(title=titles).tally.n_used == 20
    batches = [params["titles"].split("|") for params in server.params if "titles" in params]
    assert [title for batch in batches for title in batch] == titles
    # 606 characters each, and at most 4,000 in an address.
    assert [len(batch) for batch in batches] == [6, 6, 6, 2]
