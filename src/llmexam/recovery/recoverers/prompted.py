"""Language models asked as they are: without examples, or with examples from training rows."""

from __future__ import annotations

from llmexam.recovery.examples import ExampleSettings
from llmexam.recovery.recoverers.asking import FewShot
from llmexam.recovery.recoverers.language_model import (
    LanguageModelRecoverer,
    LanguageModelSettings,
)


class ZeroShotLm(LanguageModelRecoverer):
    """Asks a language model without examples."""


class FewShotSettings(LanguageModelSettings, ExampleSettings):
    """Settings of `few-shot-lm`."""


class FewShotLm(FewShot, LanguageModelRecoverer):
    """Asks a language model with examples from training rows, each with another prompt."""

    settings_class = FewShotSettings
