"""What the documentation says is run and compared: commands, Python, outputs, plans and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml
from typer.core import TyperGroup

from llmexam.cli.app import app
from llmexam.workflows.run.plan import read_plan
from page_blocks import Block, blocks_of, is_runnable, unchecked_blocks
from pages import PAGES, REPOSITORY, name_of, run_page, stale_outputs

DOCS = REPOSITORY / "docs"
# The pages of one room each, and the tutorial.
HOW_TO = {
    "audit",
    "choose-and-tune-solvers",
    "collect-from-apis",
    "collect-texts",
    "clean-a-corpus",
    "combine",
    "decoders",
    "find-evidence",
    "grade-and-compare",
    "keras",
    "label-questions",
    "large-corpora",
    "offline",
    "time-limit",
    "other-harnesses",
    "pack",
    "read-an-exam",
    "recover-prompts",
    "run-a-plan",
    "scale",
    "serve",
    "train",
    "try-and-label",
    "write-a-solver",
    "write-a-task",
    "write-questions",
}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCKS = {name_of(page): blocks_of(page) for page in PAGES}
RUNNABLE = {name_of(page): page for page in PAGES if is_runnable(page)}


def is_plan(block: Block) -> bool:
    if block.language != "yaml" or block.is_left_out:
        return False
    values = yaml.safe_load(block.text)
    return isinstance(values, dict) and {"exam", "solvers"} <= values.keys()


PLANS = [
    pytest.param(block, id=f"{page}-{place}")
    for page, blocks in BLOCKS.items()
    for place, block in enumerate(blocks, 1)
    # A plan that becomes a file is read where it is run.
    if is_plan(block) and not block.file
]


# Pages whose blocks use optional parts, and the extras that they need.
NEEDS = {
    "README.md": ("encoders",),
    "docs/how-to/choose-and-tune-solvers.md": ("encoders",),
    "docs/how-to/decoders.md": ("encoders", "openai"),
    "docs/how-to/keras.md": ("keras",),
    "docs/how-to/recover-prompts.md": ("encoders",),
    "docs/how-to/train.md": ("train",),
    # The list of solvers and that of packages show all of them.
    "docs/tutorial.md": ("llm", "openai", "track", "export", "keras"),
}


@pytest.mark.docs
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.needs(extra) for extra in NEEDS.get(page, ())])
        for page in RUNNABLE
    ],
)
def test_a_page_shows_what_is_printed(page: str, tmp_path: Path) -> None:
    outputs = run_page(RUNNABLE[page], tmp_path)
    stale = [f"{source}: {problem}" for source, problem in stale_outputs(outputs).items()]
    assert not stale, f"{page} is out of date, run `make docs`:\n" + "\n".join(stale)


@pytest.mark.parametrize("page", [name_of(page) for page in PAGES])
def test_every_output_is_compared_or_says_why_not(page: str) -> None:
    unchecked = [block.text for block in unchecked_blocks(REPOSITORY / page)]
    assert not unchecked, f"{page}: run these, or write `<!-- not run: REASON -->` above them"


@pytest.mark.parametrize("block", PLANS)
def test_plans_are_read(block: Block, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(block.text, encoding="utf-8")
    assert read_plan(plan).solvers


NOT_RUN = [
    pytest.param(words, id=" ".join(words)[:60])
    for blocks in BLOCKS.values()
    for block in blocks
    if block.is_left_out
    for words in block.commands
]


@pytest.mark.parametrize("words", NOT_RUN)
def test_commands_that_are_not_run_have_known_options(words: list[str]) -> None:
    commands = typer.main.get_group(app)
    with commands.make_context(words[0], words[1:]) as context:
        name, command, arguments = commands.resolve_command(context, words[1:])
        if isinstance(command, TyperGroup):
            name, command, arguments = command.resolve_command(context, arguments)
        assert command is not None, words
        assert command.make_context(name, arguments, parent=context).args == []


def test_all_pages_are_there_and_hold_blocks() -> None:
    assert {page.stem for page in (DOCS / "how-to").glob("*.md")} == HOW_TO
    assert set(RUNNABLE) >= {"docs/tutorial.md", *(f"docs/how-to/{name}.md" for name in HOW_TO)}
    blocks = [block for found in BLOCKS.values() for block in found]
    run = [block for block in blocks if not block.is_left_out and not block.file]
    assert sum(len(block.commands) for block in run) >= 60
    assert sum(block.language == "python" for block in run) >= 12
    assert sum(len(block.shown) for block in run if block.language == "console") >= 25
    assert sum(is_plan(block) for block in blocks) >= 5
    assert PLANS
    left_out = [b for b in blocks if b.is_left_out and (b.commands or b.language == "python")]
    # They need an endpoint, a model, a network or a cluster, or serve until they are stopped.
    assert len(left_out) <= len([b for b in blocks if b.commands or b.language == "python"]) / 5


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
