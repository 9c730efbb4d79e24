"""What the documentation says is run: commands, Python, plans and links, page by page.

A page's blocks run in order in one empty folder and share their files and Python names:

- every `python` block, and every `sh` or `console` block that begins with `llmexam`;
- a block under `<!-- file: NAME -->` becomes that file instead;
- a block under `<!-- exit: 2 -->` must end with that exit code instead of 0;
- a block under `<!-- not run: reason -->` is left out.
"""

from __future__ import annotations

import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from llmexam.__main__ import main
from llmexam.workflows.run.plan import read_plan

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
PAGES = sorted([REPOSITORY / "README.md", *DOCS.rglob("*.md")])
# The pages of one room each, and the tutorial.
HOW_TO = {
    "audit",
    "choose-and-tune-solvers",
    "combine",
    "decoders",
    "find-evidence",
    "grade-and-compare",
    "offline",
    "read-an-exam",
    "run-a-plan",
    "train",
    "write-a-solver",
}
_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^>]*?) -->\n+)?^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block and the comment above it."""

    language: str
    text: str
    note: str = ""

    @property
    def file(self) -> str:
        """The file that the block becomes, or empty."""
        return self.note.removeprefix("file: ") if self.note.startswith("file: ") else ""

    @property
    def exit_code(self) -> int:
        return int(self.note.removeprefix("exit: ")) if self.note.startswith("exit: ") else 0

    @property
    def is_left_out(self) -> bool:
        return self.note.startswith("not run: ")

    @property
    def commands(self) -> list[list[str]]:
        """The llmexam commands in a block for a shell; none if it begins with another one."""
        if self.language not in ("sh", "console"):
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        lines = [line for line in lines if line.strip() and not line.startswith("#")]
        if not lines or not lines[0].startswith("llmexam "):
            return []
        return [shlex.split(line, comments=True) for line in lines]

    @property
    def is_plan(self) -> bool:
        if self.language != "yaml" or self.is_left_out:
            return False
        values = yaml.safe_load(self.text)
        return isinstance(values, dict) and {"exam", "solvers"} <= values.keys()


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return [Block(m["language"], m["text"], m["note"] or "") for m in _BLOCK.finditer(text)]


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


BLOCKS = {name_of(page): blocks_of(page) for page in PAGES}
RUNNABLE = {
    page: blocks
    for page, blocks in BLOCKS.items()
    if any(block.commands or block.is_plan or block.language == "python" for block in blocks)
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, from which modules can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


def write_file(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if path.name == "pyproject.toml":
        install(folder, tomllib.loads(text)["project"])
    importlib.invalidate_caches()


def install(folder: Path, project: dict[str, object]) -> None:
    """Leave in the folder, which is on the path, what an editable install would."""
    info = folder / f"{str(project['name']).replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project.get("entry-points", {})
    assert isinstance(groups, dict)
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def run_command(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", words)
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0


@pytest.mark.parametrize("page", RUNNABLE)
def test_blocks_run(
    page: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, object] = {"__name__": "__page__"}
    for place, block in enumerate(RUNNABLE[page], 1):
        if block.is_left_out:
            continue
        if block.is_plan:
            plan = folder / "checked.yaml"
            plan.write_text(block.text, encoding="utf-8")
            assert read_plan(plan).solvers
        if block.file:
            write_file(folder, block.file, block.text)
        elif block.language == "python":
            exec(compile(block.text, f"{page}, block {place}", "exec"), names)
        for words in block.commands:
            code = run_command(words, monkeypatch)
            said = capsys.readouterr()
            assert code == block.exit_code, (
                f"{page}: {shlex.join(words)} ended with {code}: {said.err}"
            )
            if block.language == "console" and not block.exit_code:
                assert said.out or said.err, f"{page}: {shlex.join(words)} printed nothing"


def test_all_pages_are_there_and_hold_blocks() -> None:
    assert {page.stem for page in (DOCS / "how-to").glob("*.md")} == HOW_TO
    assert set(RUNNABLE) >= {"docs/tutorial.md", *(f"docs/how-to/{name}.md" for name in HOW_TO)}
    blocks = [block for found in RUNNABLE.values() for block in found]
    run = [block for block in blocks if not block.is_left_out and not block.file]
    assert sum(len(block.commands) for block in run) >= 60
    assert sum(block.language == "python" for block in run) >= 12
    assert sum(block.is_plan for block in blocks) >= 5
    left_out = [b for b in blocks if b.is_left_out and (b.commands or b.language == "python")]
    assert len(left_out) <= 8


def test_a_comment_says_what_becomes_of_a_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: slow -->\n```sh\nllmexam run demo\n```\n\n"
        "<!-- file: a.txt -->\n\n```text\nx\n```\n"
        "<!-- exit: 2 -->\n```console\n$ llmexam solve \\\n    none.csv\nerror: ...\n```\n"
        "```sh\nls\n```\n"
    )
    slow, file, error, other = blocks_of(page)
    assert slow.is_left_out
    assert (file.file, file.text) == ("a.txt", "x\n")
    assert (error.exit_code, error.commands) == (2, [["llmexam", "solve", "none.csv"]])
    assert other.commands == []


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def test_links_between_pages_lead_somewhere() -> None:
    n_links = 0
    for page in PAGES:
        if not page.exists():
            continue
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
        for link in _LINK.findall(text):
            target, _, anchor = link.partition("#")
            if "://" in link or link.startswith("mailto:"):
                continue
            n_links += 1
            path = (page.parent / target).resolve() if target else page
            assert path.exists(), f"{name_of(page)} links to {link}"
            if anchor and path.suffix == ".md":
                assert anchor in anchors_of(path), f"{name_of(page)} links to {link}"
    assert n_links >= 40


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in _LINK.findall(index)}
    pages = {page.resolve() for page in DOCS.rglob("*.md")} - {(DOCS / "README.md").resolve()}
    missing = sorted(page.name for page in pages - linked)
    assert len(pages) > 15
    assert not missing
