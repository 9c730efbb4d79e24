"""The report as one self-contained HTML file.

Exam text is untrusted. Templates escape all of it, and a content security policy allows no requests
and only one script and one style sheet, identified by their hashes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, DictLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from llmexam.report.content import RunContent
from llmexam.report.formats import clip, printable
from llmexam.report.sections.registry import CHOICE_SECTIONS
from llmexam.report.sections.section import ReportData, Section
from llmexam.storage.atomic import write_text

_TITLE = 200
_NOTHING = "'none'"
_NO_TEMPLATES: Mapping[str, str] = {}


def render_report(content: RunContent, sections: Sequence[Section[Any]] = CHOICE_SECTIONS) -> str:
    """Return the report as one HTML document without external references.

    Raises:
        ScoreError: The scores of a solver are not those of the exam's questions.
    """
    data = ReportData(content)
    views = [(section, section.view(data)) for section in sections]
    return render_page(
        "report.html",
        script=_asset("report.js"),
        title=clip(content.title, _TITLE) or "Exam report",
        eyebrow="Exam report",
        sections=[(section, view) for section, view in views if view is not None],
        own_templates={f"{one.name}.html": one.template for one in sections if one.template},
    )


def render_page(
    template: str,
    *,
    script: str = "",
    own_templates: Mapping[str, str] = _NO_TEMPLATES,
    **values: Any,
) -> str:
    """Return a self-contained page without network access.

    Args:
        template: Its template, made on `page.html`.
        script: The only script that it may run.
        own_templates: Sources of further templates by name.
        values: What the template shows; all text is escaped.
    """
    style = _asset("report.css")
    policy = (
        f"default-src 'none'; style-src {_source(style)}; "
        f"script-src {_source(script) if script else _NOTHING}; "
        "base-uri 'none'; form-action 'none'"
    )
    templates = _templates()
    if own_templates:
        assert templates.loader is not None
        loader = ChoiceLoader([DictLoader(own_templates), templates.loader])
        templates = templates.overlay(loader=loader)
    page = templates.get_template(template)
    shown = page.render(style=Markup(style), script=Markup(script), policy=policy, **values)
    return printable(shown)


def write_report(
    path: str | Path, content: RunContent, sections: Sequence[Section[Any]] = CHOICE_SECTIONS
) -> None:
    """Write the report to a file, atomically. Arguments are those of `render_report`."""
    write_text(path, render_report(content, sections))


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("llmexam.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=2)
def _asset(name: str) -> str:
    path = files("llmexam.report").joinpath("templates", name)
    # Browsers normalise line endings before hashing, so the hash must, too.
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def _source(text: str) -> str:
    digest = sha256(text.encode("utf-8")).digest()
    return f"'sha256-{b64encode(digest).decode('ascii')}'"
