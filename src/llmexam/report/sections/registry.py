"""The sections of a report, in the order of the page and of the terminal."""

from __future__ import annotations

from typing import Any

from llmexam.report.sections.audit import AUDIT
from llmexam.report.sections.calibration import CALIBRATION
from llmexam.report.sections.comparisons import COMPARISONS
from llmexam.report.sections.hardest import HARDEST
from llmexam.report.sections.letters import LETTERS
from llmexam.report.sections.provenance import PROVENANCE
from llmexam.report.sections.questions import QUESTIONS
from llmexam.report.sections.results import RESULTS
from llmexam.report.sections.score import SCORE
from llmexam.report.sections.section import Section
from llmexam.report.sections.slices import SLICES
from llmexam.report.sections.solvers import SOLVERS
from llmexam.report.sections.stages import STAGES
from llmexam.report.sections.time_limit import TIME_LIMIT
from llmexam.report.sections.trainings import TRAININGS

CHOICE_SECTIONS: tuple[Section[Any], ...] = (
    SCORE,
    SOLVERS,
    LETTERS,
    TRAININGS,
    COMPARISONS,
    CALIBRATION,
    SLICES,
    HARDEST,
    QUESTIONS,
    AUDIT,
    TIME_LIMIT,
    STAGES,
    PROVENANCE,
)
"""Those of multiple choice. A new section is a file, its template, and a line here."""

GENERAL_SECTIONS: tuple[Section[Any], ...] = (
    SCORE,
    RESULTS,
    COMPARISONS,
    SLICES,
    AUDIT,
    TIME_LIMIT,
    STAGES,
    PROVENANCE,
)
"""Those that fit every task; a task may put its own between them."""
