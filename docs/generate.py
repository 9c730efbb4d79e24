"""Write the reference pages from the code: commands, settings, formats, public names.

`make docs` writes them; `make check` fails where a page is not what the code says.
"""

from __future__ import annotations

import argparse
import inspect
import os
import subprocess
import sys
from pathlib import Path

import typer

import llmexam
from llmexam.cli.app import app
from llmexam.workflows.plan import Plan
from llmexam.workflows.solvers import list_solvers

HERE = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/generate.py: change the code, then run `make docs`. -->\n\n"


def render_commands() -> str:
    """Return the help of every command, as the terminal shows it."""
    group = typer.main.get_command(app)
    parts = ["# Commands\n\n", NOTE]
    for name in group.commands:
        text = _help_of(name)
        parts.append(f"## llmexam {name}\n\n```text\n{text}\n```\n\n")
    return "".join(parts).rstrip() + "\n"


def _help_of(name: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "llmexam", name, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def render_settings() -> str:
    """Return all keys of a plan and of every solver."""
    parts = ["# Settings\n\n", NOTE, "## The plan\n\n", *_table(Plan.model_json_schema())]
    schema = Plan.model_json_schema()
    for title, part in sorted(schema["$defs"].items()):
        parts += [f"\n### {title}\n\n", f"{part.get('description', '').splitlines()[0]}\n\n"]
        parts += _table(part)
    for solver in list_solvers():
        parts.append(f"\n## Solver `{solver.name}`\n\n{solver.summary.capitalize()}.\n\n")
        if not solver.settings:
            parts.append("No settings.\n")
            continue
        parts.append("| setting | default | what it is |\n| --- | --- | --- |\n")
        for key, field in solver.settings.items():
            parts.append(f"| `{key}` | `{field['default']}` | {field['description']} |\n")
    return "".join(parts).rstrip() + "\n"


def _table(schema: dict[str, object]) -> list[str]:
    rows = ["| key | default | what it is |\n| --- | --- | --- |\n"]
    required = schema.get("required", [])
    for key, field in schema.get("properties", {}).items():
        default = "required" if key in required else f"`{field.get('default')}`"
        if isinstance(field.get("default"), dict):
            default = "see below"
        rows.append(f"| `{key}` | {default} | {field.get('description', '')} |\n")
    return rows


def render_api() -> str:
    """Return the public names with their first lines."""
    parts = ["# Python API\n\n", NOTE, "`import llmexam as lx` gives these names:\n\n"]
    parts.append("| name | what it is |\n| --- | --- |\n")
    for name in sorted(llmexam.__all__):
        item = getattr(llmexam, name)
        doc = (inspect.getdoc(item) or "").splitlines() if not isinstance(item, str) else []
        where = getattr(item, "__module__", "llmexam")
        parts.append(f"| `{name}` ({where}) | {doc[0] if doc else 'version of the package'} |\n")
    return "".join(parts)


PAGES = {
    "reference/commands.md": render_commands,
    "reference/settings.md": render_settings,
    "reference/api.md": render_api,
}


def main() -> None:
    """Write the pages, or with `--check` compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail on a difference")
    check = parser.parse_args().check
    stale = []
    for name, render in PAGES.items():
        path, text = HERE / name, render()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and check:
        sys.exit(f"not in step with the code: {', '.join(stale)}; run `make docs`")


if __name__ == "__main__":
    main()
