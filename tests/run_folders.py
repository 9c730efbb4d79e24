"""A folder of real runs for the tests of pages, with texts that try to break out of them."""

import json
import os
import socket
import time
from pathlib import Path

from llmexam.workflows.run.pipeline import run_plan

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
TOPICS = (
    ("Milk scatters light", "large particles", "because of its large particles"),
    ("Salt dissolves in water", "ions", "because ions are attracted by water"),
    ("Iron rusts in wet air", "oxygen", "because oxygen reacts with the iron"),
    ("Ice floats on water", "density", "because its density is lower"),
    ("Copper conducts current", "electrons", "because its electrons move freely"),
    ("Leaves look green", "chlorophyll", "because chlorophyll reflects green light"),
)


def write_exam(path: Path, *, start: int = 0) -> Path:
    """Write an exam of 12 questions with passages; each topic twice, in other words."""
    lines = []
    for number in range(12):
        fact, word, why = TOPICS[number % len(TOPICS)]
        others = [topic[2] for topic in TOPICS if topic[0] != fact][:3]
        options = [*others[: number % 4], why, *others[number % 4 :]]
        letter = "ABCD"[number % 4]
        prompt = f"{fact}, as everyone knows. Why is that so ({number + start})?"
        if number == 3:
            prompt += f" {SCRIPT}"
            options[(number + 1) % 4] += f" {IMAGE}"
        lines.append(
            {
                "id": f"q{number + start}" if number != 3 else f"q{IMAGE}",
                "prompt": prompt,
                "options": options,
                "answer": letter,
                "passages": [
                    {"title": f"About {word} {SCRIPT}", "text": f"{fact} {why}. {SCRIPT} It does."},
                    {"title": "Other", "text": "Nothing is said here about the question at all."},
                ],
                "metadata": {"subject": "physics" if number % 2 else IMAGE},
            }
        )
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    return path


def make_runs(folder: Path) -> Path:
    """Make a workspace: three runs on one exam, one on another, a training, unfinished ones."""
    work = folder / "work"
    work.mkdir()
    exam = write_exam(folder / "exam.jsonl")
    shared = {"exam": str(exam), "evaluation": {"n_resamples": 200}}
    title = f"Words {SCRIPT}"
    run_plan(
        {**shared, "title": title, "solvers": ["lexical", "longest"]}, work / "week 1" / "words"
    )
    run_plan({**shared, "title": "Longest option", "solvers": ["longest"]}, work / "longest")
    run_plan({**shared, "title": "Random", "solvers": ["random"]}, work / "week 1" / "random")
    other = write_exam(folder / "other.jsonl", start=100)
    run_plan(
        {"exam": str(other), "evaluation": {"n_resamples": 200}, "solvers": ["lexical"]},
        work / "other",
    )
    make_training(work)
    make_unfinished(work / "now", pid=os.getpid())
    make_unfinished(work / "stopped", pid=2**22 + 1)
    (work / "week 1" / "notes.txt").write_text("no run", encoding="utf-8")
    return work


def make_training(work: Path) -> None:
    """Write what a training leaves, with a curve."""
    folder = work / "trained"
    (folder / "model").mkdir(parents=True)
    found = json.loads((work / "longest" / "metrics.json").read_text("utf-8"))
    metric = found["final"]["metrics"][0] | {"estimate": {"value": 0.61, "low": 0.5, "high": 0.7}}
    grade = {"name": "after", "n_items": 12, "metrics": [metric], "n_truncated": 0, "level": 0.95}
    results = {
        "title": f"Trained {SCRIPT}",
        "family": "ranker",
        "n_train": 120,
        "seconds": 3.5,
        "metric": {"label": "MAP@3", "explanation": "MAP", "higher_is_better": True},
        "exams": {
            "dev": {
                "n_questions": 12,
                "exam_hash": "0" * 64,
                "before": None,
                "after": grade,
                "baselines": {"random": 0.4, "longest": 0.45},
                "gains": {"longest": {"difference": {"value": 0.1, "low": 0.0, "high": 0.2}}},
                "runs": {},
                "over_runs": None,
            }
        },
        "out_of_fold": None,
        "curves": {},
        "findings": [{"message": f"A finding {IMAGE}"}],
        "notes": {"model": ["a note"]},
        "provenance": {"date": "2026-01-02 10:00 UTC"},
        "command": "llmexam train recipe.yaml --out /home/someone/trained",
    }
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (folder / "training_run.json").write_text('{"schema_version": 2, "key": ""}', encoding="utf-8")
    curve = [{"step": step, "loss": 2.0 / step, "dev/map@3": 0.5} for step in range(1, 6)]
    (folder / "model" / "curve.jsonl").write_text("".join(json.dumps(one) + "\n" for one in curve))


def make_unfinished(folder: Path, *, pid: int) -> None:
    """Write what a run leaves that is at work, or was killed, in its second stage."""
    (folder / "stages").mkdir(parents=True)
    (folder / ".lock").touch()
    now = time.time()
    progress = {
        "stage": f"score lexical {IMAGE}",
        "n_done": 25,
        "n_all": 100,
        "stage_began": now - 10,
        "began": now - 30,
        "written": now,
        "pid": pid,
        "host": socket.gethostname(),
        "problem": "",
    }
    (folder / "progress.json").write_text(json.dumps(progress), encoding="utf-8")
