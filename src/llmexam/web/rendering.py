"""Render the templates of the pages. All text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from llmexam.report.formats import printable
from llmexam.report.sections.section import Section
from llmexam.web.links import Links, ServedLinks

SERVED = ServedLinks()
# In a report they lead to questions on the same page.
_OWN_SECTIONS = {"hardest": "hardest_linked.html"}


@dataclass(frozen=True, slots=True)
class Tab:
    """An entry of the navigation: label, and the page's name for `Links.page`."""

    label: str
    name: str


OWN_TABS = (Tab("Runs", ""), Tab("Compare", "compare"))
"""The navigation without pages of others."""


def render(
    template: str,
    *,
    tabs: Sequence[Tab] = OWN_TABS,
    tab: str | None = None,
    links: Links = SERVED,
    **values: object,
) -> str:
    """Return a page as HTML.

    Args:
        template: Its template, which extends `base.html`.
        tabs: The navigation.
        tab: Name of the entry of the navigation that the page belongs to, if any.
        links: The addresses of other pages.
        values: What the template shows.
    """
    page = _templates().get_template(template)
    return printable(page.render(tabs=tabs, tab=tab, links=links, **values))


def render_section(
    section: Section[Any], view: object, *, links: Links = SERVED, run: str = ""
) -> str:
    """Return a section of a report as HTML.

    Args:
        section: The section.
        view: What it shows.
        links: The addresses of other pages.
        run: Id of the run, for links to its questions.
    """
    name = _OWN_SECTIONS.get(section.name, f"{section.name}.html")
    if section.template:
        return _templates().from_string(section.template).render(view=view)
    return _templates().get_template(name).render(view=view, links=links, run=run)


def compile_templates() -> None:
    """Compile the templates, for which the first request would wait otherwise."""
    for name in PackageLoader("llmexam.web", "templates").list_templates():
        _templates().get_template(name)


@cache
def _templates() -> Environment:
    own = PackageLoader("llmexam.web", "templates")
    # The sections of a run are those of its report.
    return Environment(
        loader=ChoiceLoader([own, PackageLoader("llmexam.report", "templates")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
