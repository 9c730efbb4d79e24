"""Whether a step that runs in another process should go on."""

from __future__ import annotations

from dataclasses import dataclass

from llmexam.settings.durations import clock_face
from llmexam.workflows.run.limit.deadline import Pace

# A pace that was measured over less than this is not relied on.
_LEAST_MEASURED = 5.0
# How much longer than what is left the rest must seem to take.
_TOLERANCE_WAITING = 1.15
_TOLERANCE_ALONE = 2.0
# Silence: no report of finished items. Loading a large model may take minutes.
_LEAST_SILENCE = 30.0
_LOADING_SECONDS = 120.0
_SILENCE_FACTOR = 3.0


@dataclass
class Watch:
    """Decides from time and progress whether a step goes on.

    Attributes:
        pace: The progress of the step.
        until: When the step must have ended, by the clock.
        predicted: Seconds that the step should take on this machine; None if not known.
        others_wait: Whether other solvers could use the time.
    """

    pace: Pace
    until: float
    predicted: float | None = None
    others_wait: bool = False

    def reason_to_stop(self, now: float) -> str:
        """Return why the step should be stopped now; empty if it should go on."""
        if now >= self.until:
            return "the time was over"
        return self._too_slow(now) or self._silent(now)

    def _too_slow(self, now: float) -> str:
        rest = self.pace.seconds_left(now)
        if rest is None or self.pace.seconds_measured < _LEAST_MEASURED:
            return ""
        tolerance = _TOLERANCE_WAITING if self.others_wait else _TOLERANCE_ALONE
        room = self.until - now
        if rest <= tolerance * room:
            return ""
        return f"the rest would have taken {clock_face(rest)}, and {clock_face(room)} were left"

    def _silent(self, now: float) -> str:
        """Return that nothing was reported for too long while other solvers wait."""
        if not self.others_wait:
            return ""
        silence = now - self.pace.last
        allowed = max(_LEAST_SILENCE, (self.until - self.pace.began) / 2)
        if self.predicted is not None:
            allowed = max(_SILENCE_FACTOR * self.predicted, min(_LOADING_SECONDS, allowed))
        if silence <= allowed:
            return ""
        return f"it reported no progress for {clock_face(silence)}, and other solvers waited"
