"""A static copy of the pages, which opens from a folder without a server."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from llmexam.errors import LlmExamError, RunError
from llmexam.storage.atomic import write_text
from llmexam.web.assets import asset, asset_names
from llmexam.web.links import State
from llmexam.web.pages.compare import compare_values
from llmexam.web.pages.paging import PER_PAGE, Pages
from llmexam.web.pages.questions import list_values
from llmexam.web.pages.rows import rows_values
from llmexam.web.pages.run import report_of, run_values
from llmexam.web.pages.runs import list_values as runs_values
from llmexam.web.pages.training import training_values
from llmexam.web.rendering import render
from llmexam.web.static_data import choice_data, recovery_data
from llmexam.web.wording import error_text
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.choice_run import ChoiceRun
from llmexam.workflows.browse.comparing import MOST_RUNS, Comparer
from llmexam.workflows.browse.entry import Entry
from llmexam.workflows.browse.listing import group_entries
from llmexam.workflows.browse.opened import OpenedRun
from llmexam.workflows.browse.questions import Filter
from llmexam.workflows.browse.recovery_run import RecoveryRun
from llmexam.workflows.browse.workspace import Workspace

_MARK = "llmexam-site.json"
_FLIPS = 50
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: The folder.
        n_runs: Runs and trainings in it.
        n_files: Files in it.
        problems: What could not be written, in words.
    """

    folder: Path
    n_runs: int
    n_files: int
    problems: tuple[str, ...]


@dataclass
class StaticLinks:
    """Relative addresses in the static copy.

    Attributes:
        here: File of the page that has the links, relative to the copy.
        comparisons: Ids that are compared, by the number of their page.
    """

    here: str
    comparisons: Sequence[tuple[str, ...]] = ()
    is_static: bool = field(default=True, init=False)

    def page(self, name: str, state: State | None = None) -> str:
        """Return the address of a page; what filters a list is left out."""
        # Names of runs may have a # themselves.
        path, anchor = self._file(name, state or {})
        relative = quote(posixpath.relpath(path, posixpath.dirname(self.here) or "."))
        return f"{relative}#{anchor}" if anchor else relative

    def static(self, name: str) -> str:
        """Return the address of a style sheet or script."""
        return quote(posixpath.relpath(f"static/{name}", posixpath.dirname(self.here) or "."))

    def data(self, run: str) -> str:
        """Return the address of the script with all items of a run."""
        path = f"{_run_folder(run)}/data.js"
        return quote(posixpath.relpath(path, posixpath.dirname(self.here) or "."))

    def _file(self, name: str, state: State) -> tuple[str, str]:
        """Return the file of a page, and the id of the place in it, which may be empty."""
        if not name:
            return "index.html", ""
        run = state.get("run", "")
        if name == "compare":
            return self._comparison(run, state), ""
        folder = _run_folder(str(run))
        if name == "questions":
            number = state.get("page")
            return f"{folder}/{f'list-{number}' if number else 'questions'}.html", ""
        if name == "question":
            row = int(str(state["n"]))
            return f"{folder}/list-{(row - 1) // PER_PAGE + 1}.html", f"q-{row}"
        return f"{folder}/{'report' if name == 'report' else 'index'}.html", ""

    def _comparison(self, run: object, state: State) -> str:
        ids = tuple(run) if isinstance(run, list | tuple) else ()
        if ids not in self.comparisons:
            return "compare.html"
        place = list(self.comparisons).index(ids) + 1
        return f"compare/{place}-{state.get('side', 'a')}-{state.get('page') or 1}.html"


def export_site(
    workspace: Workspace, folder: str | Path, *, tell: Tell = lambda text: None
) -> Exported:
    """Write a static copy of all pages over a workspace.

    Args:
        workspace: The runs.
        folder: Where to; a new or an empty folder, or an earlier copy, whose pages are replaced.
        tell: Called with the name of each run before it is written.

    Raises:
        RunError: The folder holds something else.
    """
    target = Path(folder)
    _require_own(target)
    site = _Site(Browser(workspace), target, tell)
    site.write()
    names = {"files": sorted(site.files)}
    _delete_others(target, site.files)
    write_text(target / _MARK, json.dumps(names, indent=1, ensure_ascii=False) + "\n")
    return Exported(target, site.n_runs, len(site.files), tuple(site.problems))


def _require_own(folder: Path) -> None:
    if folder.is_file():
        raise RunError("expected a folder, got a file", file=folder, hint="Choose another folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise RunError(
            "the folder contains files that are not of such a copy",
            file=folder,
            hint="Choose an empty or a new folder",
        )


def _delete_others(folder: Path, written: set[str]) -> None:
    """Delete the pages of an earlier copy that this one does not have."""
    try:
        earlier = json.loads((folder / _MARK).read_text("utf-8"))["files"]
        names = [name for name in earlier if isinstance(name, str) and ".." not in name]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for name in set(names) - written:
        path = folder / name
        if path.resolve().is_relative_to(folder.resolve()) and not path.is_symlink():
            path.unlink(missing_ok=True)


def _run_folder(run: str) -> str:
    return "runs/workspace" if run == "." else f"runs/{run}"


class _Site:
    """Writes the pages of a workspace."""

    def __init__(self, browser: Browser, folder: Path, tell: Tell) -> None:
        self._browser = browser
        self._comparer = Comparer(browser)
        self._folder = folder
        self._tell = tell
        self._comparisons: tuple[tuple[str, ...], ...] = ()
        self.files: set[str] = set()
        self.problems: list[str] = []
        self.n_runs = 0

    def write(self) -> None:
        for name in asset_names():
            self._put(f"static/{name}", asset(name))
        entries = self._browser.listing.entries()
        self._comparisons = tuple(_pairs(entries))
        self._page("index.html", "runs.html", "", runs_values(self._browser, live=False))
        for entry in entries:
            self._tell(entry.id)
            self.n_runs += 1
            try:
                self._run(entry)
            except LlmExamError as error:
                # The list of runs leads to this page.
                told = error_text(error)
                path = f"{_run_folder(entry.id)}/index.html"
                self._page(path, "problem.html", "", {"message": told, "hint": ""})
                self.problems.append(f"{entry.id}: {told}")
        values = compare_values(self._browser, self._comparer, ())
        values["comparisons"] = self._comparisons
        self._page("compare.html", "compare.html", "compare", values)
        for place, ids in enumerate(self._comparisons, 1):
            with _noted(self.problems, " and ".join(ids)):
                self._comparison(place, ids)

    def _run(self, entry: Entry) -> None:
        folder = _run_folder(entry.id)
        if entry.kind == "training":
            values = training_values(self._browser, entry.id)
            self._page(f"{folder}/index.html", "training_site.html", "", values)
            if values["has_report"]:
                self._report(entry.id)
            return
        if entry.problem:
            raise RunError(entry.problem)
        if entry.state != "finished" and not entry.exam_hash:
            values = {"entry": entry, "run": entry.id}
            self._page(f"{folder}/index.html", "unfinished.html", "", values)
            return
        opened = self._browser.open(entry.id)
        path = f"{folder}/index.html"
        self._page(path, "run.html", "", run_values(opened, entry.id, self._links(path)))
        self._report(entry.id)
        self._items(opened, entry.id)

    def _report(self, id: str) -> None:
        with _noted(self.problems, id):
            self._put(f"{_run_folder(id)}/report.html", report_of(self._browser, id))

    def _items(self, opened: OpenedRun, id: str) -> None:
        folder = _run_folder(id)
        if opened.choice is not None:
            self._page(
                f"{folder}/questions.html",
                "question_list.html",
                "",
                list_values(opened.choice, id, Filter()),
            )
            self._put(f"{folder}/data.js", choice_data(opened.choice))
            self._lists(id, len(opened.choice.content.exam), "question", opened.choice)
        if opened.recovery is not None:
            found = rows_values(opened.recovery, id)
            self._page(f"{folder}/questions.html", "rows.html", "", found)
            self._put(f"{folder}/data.js", recovery_data(opened.recovery))
            self._lists(id, len(opened.recovery.exam), "row", opened.recovery)

    def _lists(self, id: str, n: int, noun: str, run: ChoiceRun | RecoveryRun) -> None:
        for number in range(1, Pages.of(n, 1).n_pages + 1):
            pages = Pages.of(n, number)
            rows = range(pages.begin, pages.end)
            views: list[Any] = [
                run.question(row) if isinstance(run, ChoiceRun) else run.row(row) for row in rows
            ]
            values = {"run": id, "title": run.content.title or id, "pages": pages, "views": views}
            path = f"{_run_folder(id)}/list-{number}.html"
            self._page(path, "static_list.html", "", {**values, "noun": noun})

    def _comparison(self, place: int, ids: tuple[str, ...]) -> None:
        for side in ("a", "b"):
            number = n_pages = 1
            while number <= n_pages:
                values = compare_values(
                    self._browser, self._comparer, ids, side=side, number=number, per_page=_FLIPS
                )
                found = values["found"]
                n_pages = found["pages"].n_pages if found["single"] else 1
                path = f"compare/{place}-{side}-{number}.html"
                self._page(path, "compare.html", "compare", values)
                number += 1

    def _links(self, path: str) -> StaticLinks:
        return StaticLinks(path, self._comparisons)

    def _page(self, path: str, template: str, tab: str, values: dict[str, Any]) -> None:
        self._put(path, render(template, tab=tab, links=self._links(path), **values))

    def _put(self, path: str, text: str) -> None:
        write_text(self._folder / path, text)
        self.files.add(path)


def _pairs(entries: Sequence[Entry]) -> Iterator[tuple[str, ...]]:
    """Yield what is compared: the best run of each exam with all others, and with each of them."""
    for group in group_entries(entries):
        ids = [one.id for one in group.entries if one.scores][:MOST_RUNS]
        if len(ids) > 2:
            yield tuple(ids)
        for other in ids[1:]:
            yield ids[0], other


class _noted:  # noqa: N801 - used as a function
    """Keeps an error of one run from ending the copy of the others, and notes it."""

    def __init__(self, problems: list[str], what: str) -> None:
        self._problems = problems
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, LlmExamError):
            self._problems.append(f"{self._what}: {error_text(error)}")
            return True
        return False
