"""The static copy: complete, relative, and never over other files."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from llmexam.errors import RunError
from llmexam.web.export import export_site
from llmexam.workflows.browse.tags import write_tags
from llmexam.workflows.browse.workspace import Workspace
from run_folders import SCRIPT


@pytest.fixture(scope="module")
def site(work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "copy"
    return export_site(Workspace(work), folder)


def test_every_link_leads_to_a_file_of_the_copy(site):
    pages = list(site.folder.rglob("*.html"))
    n_links = 0
    for path in pages:
        if path.name == "report.html":
            continue
        text = path.read_text("utf-8")
        assert SCRIPT not in text
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            if link.startswith(("#", "data:")):
                continue
            assert not link.startswith(("/", "http")), (path, link)
            name, _, anchor = link.partition("#")
            target = (path.parent / unquote(name)).resolve() if name else path
            assert target.is_file(), (path, link)
            assert target.is_relative_to(site.folder.resolve())
            if anchor and name:
                assert f'id="{anchor}"' in target.read_text("utf-8")
            n_links += 1
    assert len(pages) > 20
    assert n_links > 300


def test_all_runs_are_there_and_problems_are_told(site):
    assert site.n_runs == 7
    assert (site.folder / "runs" / "week 1" / "words" / "questions.html").is_file()
    assert (site.folder / "runs" / "trained" / "index.html").is_file()
    assert (site.folder / "runs" / "now" / "index.html").is_file()
    assert site.problems == ()


def test_the_data_for_the_search_is_a_script_of_one_value(site):
    text = (site.folder / "runs" / "week 1" / "words" / "data.js").read_text("utf-8")
    start = "window.llmexamItems = "
    assert text.startswith(start)
    items = json.loads(text.removeprefix(start).rstrip().rstrip(";"))
    assert [one["n"] for one in items] == list(range(1, 13))
    assert {mark for one in items for mark in one["marks"]} <= {"wrong", "right", "unsure"}


def test_comparisons_of_the_best_with_the_others_are_there(site):
    text = (site.folder / "compare.html").read_text("utf-8")
    assert text.count("compare/") == 3


def test_a_second_copy_replaces_the_first_and_nothing_else(work, tmp_path):
    folder = tmp_path / "copy"
    export_site(Workspace(work / "longest"), folder)
    assert (folder / "runs" / "workspace" / "index.html").is_file()
    (folder / "mine.txt").write_text("mine")
    export_site(Workspace(work / "week 1"), folder)
    assert not (folder / "runs" / "workspace" / "index.html").exists()
    assert (folder / "runs" / "words" / "index.html").is_file()
    assert (folder / "mine.txt").read_text() == "mine"


def test_a_folder_with_other_files_is_refused(work, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not of such a copy"):
        export_site(Workspace(work), tmp_path)
    with pytest.raises(RunError, match="got a file"):
        export_site(Workspace(work), tmp_path / "mine.txt")
    assert [path.name for path in Path(tmp_path).iterdir()] == ["mine.txt"]


def test_a_damaged_run_does_not_end_the_copy(work, tmp_path):
    shutil.copytree(work / "week 1", tmp_path / "runs")
    (tmp_path / "runs" / "words" / "audit.json").write_text("{")
    (tmp_path / "runs" / "random" / "metrics.json").write_text('{"final": {}}')
    found = export_site(Workspace(tmp_path / "runs"), tmp_path / "copy")
    (problem,) = found.problems
    assert problem.startswith("random: ")
    assert str(tmp_path) not in problem
    text = (tmp_path / "copy" / "runs" / "random" / "index.html").read_text("utf-8")
    assert "<h1>Error</h1>" in text
    assert (tmp_path / "copy" / "runs" / "words" / "index.html").is_file()


def test_tags_and_live_progress_are_not_in_the_copy(work, tmp_path):
    shutil.copytree(work, tmp_path / "runs")
    for id in ("longest", "trained"):
        write_tags(tmp_path / "runs", id, ["private tag"])
    export_site(Workspace(tmp_path / "runs"), tmp_path / "copy")
    text = (tmp_path / "copy" / "index.html").read_text("utf-8")
    assert "private tag" not in text
    assert 'id="running"' not in text
    assert "in progress when this page was made" in text
    unfinished = (tmp_path / "copy" / "runs" / "now" / "index.html").read_text("utf-8")
    assert "25 of 100" not in unfinished


def test_links_to_a_run_with_special_characters_lead_to_its_files(work, tmp_path):
    name = "week #1 50%?"
    shutil.copytree(work / "longest", tmp_path / "runs" / name)
    shutil.copytree(work / "week 1" / "random", tmp_path / "runs" / "b")
    site = export_site(Workspace(tmp_path / "runs"), tmp_path / "copy")
    assert site.problems == ()
    require_files(site)


def require_files(site):
    for path in site.folder.rglob("*.html"):
        if path.name == "report.html":
            continue
        for link in re.findall(r'(?:href|src)="([^"#]+)', path.read_text("utf-8")):
            if not link.startswith("data:"):
                assert (path.parent / unquote(link)).is_file(), (path, link)
