"""Check `flaws`: the rules of item writing that `llmexam audit` reports too."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, field_validator

from llmexam.authoring.item import AuthoredItem
from llmexam.errors import nearest
from llmexam.exam.audit.flaws import RULES, find_flaws
from llmexam.settings.base import Settings

_DEFAULT = tuple(rule.id for rule in RULES if rule.severity == "warning")


class FlawsSettings(Settings):
    """Settings of check `flaws`."""

    rules: tuple[str, ...] = Field(
        _DEFAULT, description="rules that reject a question; by default all of severity warning"
    )

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = [rule.id for rule in RULES]
        for name in value:
            if name not in known:
                raise ValueError(
                    f"expected a rule of item writing, got '{name}'. {nearest(name, known)}"
                )
        return value


class FlawsCheck:
    """Rejects questions that break one of the chosen rules."""

    name = "flaws"
    rejects = True

    def __init__(self, settings: FlawsSettings | None = None) -> None:
        self.settings = settings or FlawsSettings()

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        wanted = set(self.settings.rules)
        found = (
            [flaw for flaw in find_flaws(item.question) if flaw.rule in wanted] for item in items
        )
        return [f"{own[0].rule}: {own[0].message}" if own else None for own in found]
