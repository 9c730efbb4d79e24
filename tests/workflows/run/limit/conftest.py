"""A small exam, and the solver `slow`, installed as a package of its own."""

import random
from importlib import invalidate_caches
from pathlib import Path

import pytest
import yaml

PLUGIN = Path(__file__).parent / "plugin"
WORDS = "gold iron whale tin metal rust dense soft animal deep sea star light heat wave".split()


@pytest.fixture(scope="session")
def slow_site(tmp_path_factory):
    """A folder of installed packages with the metadata of the plug-in."""
    site = tmp_path_factory.mktemp("site")
    info = site / "llmexam_slow-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llmexam-slow\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[llmexam.solvers]\nslow = slow_solvers:SlowSolver\n")
    return site


@pytest.fixture
def slow(slow_site, monkeypatch):
    """Install the plug-in, for this process and those that it starts."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.syspath_prepend(str(slow_site))
    invalidate_caches()


@pytest.fixture
def folder(tmp_path):
    """A folder with an exam of 40 questions, whose ids are not consecutive."""
    write_exam(tmp_path, 40)
    return tmp_path


def write_exam(folder, n, *, labelled=True):
    draw = random.Random(n)
    lines = ["id,prompt,A,B,C,context" + (",answer" if labelled else "")]
    for number in range(n):
        options = [f"{draw.choice(WORDS)} {place}{number}" for place in "xyz"]
        lines.append(
            f"{7 * number + number % 3},Which is it {number}?,{','.join(options)},"
            f"{options[number % 3]} is {draw.choice(WORDS)}" + (",A" if labelled else "")
        )
    (folder / "exam.csv").write_text("\n".join(lines) + "\n")


def write_plan(folder, *solvers, **keys):
    plan = {
        "exam": "exam.csv",
        "solvers": list(solvers),
        "evaluation": {"n_resamples": 200},
        **keys,
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    return folder / "plan.yaml"
