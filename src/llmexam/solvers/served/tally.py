"""Count how answers were parsed, and warn where they say little."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from llmexam.solvers.served.reading import Reading
from llmexam.solvers.served.requests import Request
from llmexam.solvers.served.settings import ServedSettings
from llmexam.solvers.served.usage import Usage

_LOG = logging.getLogger(__name__)
# Share of answers without an option from which on there is a warning.
_WARN_UNREAD = 0.05


class Tally:
    """Counts each answer once, and warns once of each kind.

    Args:
        usage: Where the counts are.
        settings: Settings of the solver.
    """

    def __init__(self, usage: Usage, settings: ServedSettings) -> None:
        self._usage = usage
        self._settings = settings
        self._counted: set[str] = set()
        self._has_warned_unread = self._has_warned_fallen_back = False

    def count(self, answers: Sequence[tuple[Request, Reading]]) -> None:
        """Count how answers were parsed, and warn where many name no option."""
        usage = self._usage
        for request, reading in answers:
            if not self._is_new(request):
                continue
            usage.n_unread += reading.how == "none"
            usage.n_lenient += reading.how == "lenient"
            usage.n_strict += reading.how == "strict"
            if reading.how == "logprobs":
                usage.n_logprobs += 1
                usage.letter_shares += reading.letter_share or 0.0
        unread = [reading.text for _, reading in answers if reading.how == "none"]
        if self._has_warned_unread or len(unread) < max(1, _WARN_UNREAD * len(answers)):
            return
        self._has_warned_unread = True
        _LOG.warning(
            "%d of %d answers name no option, so that all options of their questions tie; the "
            "first is %r",
            len(unread),
            len(answers),
            unread[0].strip()[:80],
        )

    def count_fallen_back(self, requests: Iterable[Request]) -> None:
        """Count answers whose letters held too little probability."""
        self._usage.n_fallen_back += sum(map(self._is_new, requests))

    def warn_fallen_back(self, n_fallen_back: int, n_questions: int) -> None:
        """Warn that questions are sent again for letters as text."""
        if self._has_warned_fallen_back:
            return
        self._has_warned_fallen_back = True
        _LOG.warning(
            "%d of %d questions: the letters of the options have a total probability of less than "
            "%.0f%%, because the model was about to write something else. These questions are sent "
            "again for letters as text. Set answers: ranking to send each question only once",
            n_fallen_back,
            n_questions,
            100 * self._settings.min_letter_share,
        )

    def _is_new(self, request: Request) -> bool:
        if request.key in self._counted:
            return False
        self._counted.add(request.key)
        return True
