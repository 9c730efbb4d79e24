"""A small wiki that answers queries of MediaWiki's Action API, with continuation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CC_BY_SA = {
    "url": "https://creativecommons.org/licenses/by-sa/4.0/",
    "text": "Creative Commons Attribution-Share Alike 4.0",
}


@dataclass
class WikiPage:
    """A page: its text as an extract, its revision, and what it is."""

    id: int
    title: str
    extract: str = ""
    revision: int = 1
    ns: int = 0
    is_disambiguation: bool = False


@dataclass
class FakeWiki:
    """The wiki.

    Attributes:
        pages: Its pages.
        redirects: Titles, and the titles that they lead to.
        categories: Members by title of the category; titles of categories among them.
        hits: Ids of pages by search term.
        rights: What it says of its licence.
        most: Most entries of a list in one response.
        splits: Number of next queries for extracts that are answered in two responses.
        edits: If set, called between the responses of such a query.
    """

    pages: list[WikiPage] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    categories: dict[str, list[int | str]] = field(default_factory=dict)
    hits: dict[str, list[int]] = field(default_factory=dict)
    rights: dict[str, str] = field(default_factory=lambda: dict(CC_BY_SA))
    most: int = 500
    splits: int = 0
    edits: Any = None

    def page(self, title: str) -> WikiPage:
        return next(one for one in self.pages if one.title == title)

    def __call__(self, params: dict[str, str]) -> dict[str, Any]:
        assert params["action"] == "query"
        assert params["format"] == "json"
        if params.get("meta") == "siteinfo":
            general = {"wikiid": "testwiki", "sitename": "Test"}
            query = {"general": general, "rightsinfo": self.rights}
            return {"batchcomplete": True, "query": query}
        if params.get("list") == "search":
            found = [self._hit(id_) for id_ in self.hits.get(params["srsearch"], [])]
            return self._list(found, "search", params, "sroffset", int(params["srlimit"]))
        if params.get("list") == "categorymembers":
            wanted = params["cmtype"].split("|")
            found = [self._hit(one) for one in self.categories.get(params["cmtitle"], [])]
            found = [one for one in found if ("subcat" if one["ns"] == 14 else "page") in wanted]
            return self._list(found, "categorymembers", params, "cmcontinue", 500)
        if "extracts" in params["prop"]:
            return self._extracts(params)
        return self._resolve(params)

    def _hit(self, one: int | str) -> dict[str, Any]:
        if isinstance(one, str):
            return {"pageid": 10_000 + len(one), "ns": 14, "title": one}
        page = next(page for page in self.pages if page.id == one)
        return {"pageid": page.id, "ns": page.ns, "title": page.title}

    def _list(
        self, found: list[Any], name: str, params: dict[str, str], key: str, limit: int
    ) -> dict[str, Any]:
        begin = int(params.get(key, 0))
        end = begin + min(limit, self.most)
        answer: dict[str, Any] = {"batchcomplete": True, "query": {name: found[begin:end]}}
        if end < len(found):
            answer["continue"] = {key: end, "continue": "-||"}
        return answer

    def _resolve(self, params: dict[str, str]) -> dict[str, Any]:
        pages, redirects = [], []
        for name in params.get("titles", params.get("pageids", "")).split("|"):
            title = name
            if "titles" in params and title in self.redirects:
                redirects.append({"from": title, "to": self.redirects[title]})
                title = self.redirects[title]
            key = "title" if "titles" in params else "id"
            page = next((one for one in self.pages if str(getattr(one, key)) == title), None)
            if page is None:
                pages.append({key if key == "title" else "pageid": title, "missing": True})
                continue
            values: dict[str, Any] = {"pageid": page.id, "ns": page.ns, "title": page.title}
            if "info" in params["prop"]:
                values["lastrevid"] = page.revision
                values["canonicalurl"] = f"https://wiki.example.org/wiki/{page.title}"
            if "revisions" in params["prop"]:
                values["revisions"] = [{"revid": page.revision, "parentid": 0}]
            if page.is_disambiguation:
                values["pageprops"] = {"disambiguation": ""}
            pages.append(values)
        query: dict[str, Any] = {"pages": pages}
        if redirects:
            query["redirects"] = redirects
        return {"batchcomplete": True, "query": query}

    def _extracts(self, params: dict[str, str]) -> dict[str, Any]:
        assert params["explaintext"] == "1"
        ids = [int(one) for one in params["pageids"].split("|")]
        assert len(ids) <= (20 if "exintro" in params else 1), "exlimit of whole pages is 1"
        second = "excontinue" in params
        split = second or self.splits > 0
        found = []
        for page in (one for one in self.pages if one.id in ids):
            values: dict[str, Any] = {"pageid": page.id, "ns": page.ns, "title": page.title}
            if not second:
                values["revisions"] = [{"revid": page.revision, "parentid": 0}]
            if not split or second:
                text = page.extract
                values["extract"] = text.split("\n==")[0] if "exintro" in params else text
            found.append(values)
        answer: dict[str, Any] = {"query": {"pages": found}}
        if split and not second:
            self.splits -= 1
            answer["continue"] = {"excontinue": 1, "continue": "||info|revisions"}
            if self.edits is not None:
                self.edits()
        else:
            answer["batchcomplete"] = True
        return answer
