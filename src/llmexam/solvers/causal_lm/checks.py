"""Checks of a template and of the settings for its mode."""

from __future__ import annotations

from llmexam.errors import SettingsError
from llmexam.exam.question import Question
from llmexam.solvers.causal_lm.asking import Ask, Asking
from llmexam.solvers.causal_lm.settings import CausalLmSettings
from llmexam.solvers.prompts.template import Mode, PromptTemplate

_TRIAL = Question("trial", "Which?", ("one", "other"))
_OTHER = Question("trial", "What?", ("one", "other"))
# Settings that only one mode uses.
_READ_BY: dict[str, Mode] = {"rotations": "letters", "calibrate": "letters", "norm": "options"}


def require_telling(asking: Asking, template: PromptTemplate, name: str) -> None:
    """Check that prompts differ between questions, options and answers.

    Args:
        asking: The mode, with the template.
        template: The template.
        name: The user's name for it.

    Raises:
        SettingsError: They do not, so all scores would be equal.
    """
    asks = asking.asks(_TRIAL)
    if any(len(set(ask.answers)) < len(ask.answers) for ask in asks):
        raise SettingsError(
            f"template '{name}': `answer` is the same for every option, so all scores "
            "would be equal",
            field="template",
            hint=f"Mode {template.mode} needs {_ANSWER[template.mode]} in `answer`",
        )
    read = [_reading(template, ask) for ask in asks]
    if len(set(read)) < len(read):
        raise SettingsError(
            f"template '{name}' gives the same prompt for every option, so all scores "
            "would be equal",
            field="template",
            hint="Put {{ option }} into its `question`",
        )
    if read == [_reading(template, ask) for ask in asking.asks(_OTHER)]:
        raise SettingsError(
            f"template '{name}' gives the same prompt for every question",
            field="template",
            hint="Put {{ prompt }} into its `question`",
        )


def require_read(settings: CausalLmSettings, mode: Mode) -> None:
    """Check that the template's mode uses all settings that the user has set.

    Raises:
        SettingsError: One is unused.
    """
    for name in settings.model_fields_set & _READ_BY.keys():
        default = CausalLmSettings.model_fields[name].default
        if _READ_BY[name] != mode and getattr(settings, name) != default:
            raise SettingsError(
                f"template '{settings.template}' has mode '{mode}', which does not "
                "use this setting",
                field=name,
                hint=f"Remove it; only templates of mode {_READ_BY[name]} use it",
            )


_ANSWER: dict[Mode, str] = {
    "letters": "{{ letter }}",
    "options": "{{ option }}",
    "yes-no": "{{ verdict }}",
    "pairs": "{{ letter }}",
    "binary-head": "nothing",
}


def _reading(template: PromptTemplate, ask: Ask) -> tuple[str, ...]:
    return template.render_question(context="", **ask.names), *ask.answers
