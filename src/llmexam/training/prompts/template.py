"""The prompt template of a training, fixed at its start even if the file changes later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import RunError
from llmexam.solvers.prompts.template import (
    PromptTemplate,
    parse_template,
    template_names,
    template_text,
)
from llmexam.storage.atomic import write_text
from llmexam.training.base.checkpoints import newest_checkpoint
from llmexam.training.base.processes import is_first_process

_FILE = "template.yaml"


@dataclass(frozen=True, slots=True)
class TrainingTemplate:
    """The template of a training.

    Attributes:
        name: Name or path in the settings.
        text: Text of the template file.
        template: The parsed template.
    """

    name: str
    text: str
    template: PromptTemplate

    @property
    def own(self) -> bool:
        """Whether it is a custom template."""
        return self.name not in template_names()

    @property
    def saved_name(self) -> str:
        """Name in the model card; a custom template is stored beside the weights."""
        return _FILE if self.own else self.name

    def save(self, folder: Path) -> None:
        """Write a custom template into a folder, for use with the trained model."""
        if self.own and is_first_process():
            write_text(folder / _FILE, self.text)


def training_template(name: str, folder: Path, *, resume: bool) -> TrainingTemplate:
    """Return the template of a new or resumed training.

    Args:
        name: Name of a template, or the path of a YAML file.
        folder: The folder of the training, in which the template was saved when it began.
        resume: Whether it resumes from a checkpoint, if there is one.

    Raises:
        SettingsError: There is no such template, or it is invalid.
        RunError: It has changed since the training began.
    """
    text = template_text(name)
    found = TrainingTemplate(name, text, parse_template(text, name))
    before = folder / _FILE
    goes_on = resume and found.own and before.is_file() and newest_checkpoint(folder) is not None
    if goes_on and before.read_text("utf-8") != text:
        raise RunError(
            f"the template has changed since the training run in '{folder}' started",
            file=name,
            hint=f"Restore it from '{before}', choose another folder, or start again with "
            "--overwrite",
        )
    return found
