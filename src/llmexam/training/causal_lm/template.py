"""The prompt template that a training began with, whatever becomes of its file meanwhile."""

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
    """A template as a training found it.

    Attributes:
        name: What the settings say: a name, or the path of a file.
        text: What it says.
        template: The same, read.
    """

    name: str
    text: str
    template: PromptTemplate

    @property
    def own(self) -> bool:
        """Whether it is the user's, not one that comes with llmexam."""
        return self.name not in template_names()

    @property
    def saved_name(self) -> str:
        """What a trained model calls it: one of the user's lies beside the weights."""
        return _FILE if self.own else self.name

    def save(self, folder: Path) -> None:
        """Write it into a folder if it is the user's, so that others can ask as it was trained."""
        if self.own and is_first_process():
            write_text(folder / _FILE, self.text)


def training_template(name: str, folder: Path, *, resume: bool) -> TrainingTemplate:
    """Return the template that a training begins or goes on with.

    Args:
        name: Name of a template, or the path of a YAML file.
        folder: The folder of the training, in which the template was saved when it began.
        resume: Whether it resumes from a checkpoint, if there is one.

    Raises:
        SettingsError: There is no such template, or it cannot be used.
        RunError: It says something else than when the training began.
    """
    text = template_text(name)
    found = TrainingTemplate(name, text, parse_template(text, name))
    before = folder / _FILE
    goes_on = resume and found.own and before.is_file() and newest_checkpoint(folder) is not None
    if goes_on and before.read_text("utf-8") != text:
        raise RunError(
            f"the template has changed since the training in '{folder}' started",
            file=name,
            hint=f"Restore it from '{before}', choose another folder, or start again with "
            "--overwrite",
        )
    return found
