"""Check `quote`: the quote is in the passage word for word, and supports the right option."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from llmexam.authoring.checks.words import is_about_others, plain, plain_passage, share
from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.flaws.reading import content_terms
from llmexam.settings.base import Settings


class QuoteSettings(Settings):
    """Settings of check `quote`."""

    required: bool = Field(True, description="reject questions without a quote")
    min_key_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="smallest share of the right option's words that prompt and quote contain; "
        "stop words are not counted",
    )


class QuoteCheck:
    """Rejects questions whose quote is missing, altered, or unrelated to the right option."""

    name = "quote"
    rejects = True

    def __init__(self, settings: QuoteSettings | None = None) -> None:
        self.settings = settings or QuoteSettings()

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        return [self._judge(item) for item in items]

    def _judge(self, item: AuthoredItem) -> str | None:
        question, quote = item.question, plain(item.quote)
        if not quote:
            return "no quote" if self.settings.required else None
        if not any(quote in plain_passage(passage.text) for passage in question.passages):
            return "the quote is not in the passage"
        if question.answer is None or is_about_others(question):
            return None
        key = content_terms(question.options[question.answer])
        # A key without content words is a sign or a short number: it must be in the quote as is.
        if not key:
            found = plain(question.options[question.answer]).casefold() in quote.casefold()
            return None if found else "the right option is not in the quote"
        found_share = share(key, content_terms(item.quote) | content_terms(question.prompt))
        if found_share < self.settings.min_key_share:
            return f"the quote has {found_share:.0%} of the right option's words"
        return None
