"""Language models asked as they are: without examples, or with examples from training rows."""

from __future__ import annotations

from llmexam.recovery.examples import ExampleSettings
from llmexam.recovery.recoverers.asking import FewShot
from llmexam.recovery.recoverers.language_model import (
    LanguageModelRecoverer,
    LanguageModelSettings,
)


class ZeroShotLm(LanguageModelRecoverer):
    """Zero-shot prompting of a local language model."""


class FewShotSettings(LanguageModelSettings, ExampleSettings):
    """Settings of `few-shot-lm`."""


class FewShotLm(FewShot, LanguageModelRecoverer):
    """Few-shot prompting of a local language model, with training rows of distinct prompts."""

    settings_class = FewShotSettings
