"""Check `options`: no blank, null, equal or nested options, and none that refer to others."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.flaws import options as rules
from llmexam.exam.audit.flaws.reading import Reading
from llmexam.exam.audit.texts import NULL_WORDS
from llmexam.settings.base import Settings


class OptionsSettings(Settings):
    """Settings of check `options`."""

    allow_nested: bool = Field(
        False, description="accept an option that is part of another ('red' and 'dark red')"
    )
    allow_references: bool = Field(
        False, description="accept options that refer to others ('all of the above', 'A and B')"
    )


class OptionsCheck:
    """Rejects questions with options that are no answers of their own."""

    name = "options"
    rejects = True

    def __init__(self, settings: OptionsSettings | None = None) -> None:
        self.settings = settings or OptionsSettings()
        self._rules = [rules.equal_options]
        if not self.settings.allow_references:
            self._rules += [rules.all_of_the_above, rules.none_of_the_above, rules.k_type]
        if not self.settings.allow_nested:
            self._rules.append(rules.nested_options)

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        return [self._judge(Reading(item.question)) for item in items]

    def _judge(self, reading: Reading) -> str | None:
        if reading.key is None:
            return "no answer"
        if not all(reading.options):
            return "blank option"
        null = next((o for o in reading.options if o.casefold() in NULL_WORDS), None)
        if null is not None:
            return f"option '{null}' looks like a missing value"
        return next((reason for rule in self._rules if (reason := rule(reading))), None)
