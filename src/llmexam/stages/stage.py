"""A stage as data: a function, what goes in, and the files that come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from llmexam.lm.models.loading import identify_model
from llmexam.settings.walk import key_values
from llmexam.stages.code import code_hash
from llmexam.stages.record import StageRecord
from llmexam.storage.hashing import hash_json

Result = TypeVar("Result")
Announce = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Keyed:
    """An input with what represents it in the key, for objects that do not tell themselves.

    Attributes:
        value: What the function gets.
        key: Numbers, texts, settings, objects with a content hash, or sequences and mappings
            of them; None for what changes no result.
    """

    value: Any
    key: Any


@dataclass(frozen=True)
class StageContext:
    """Where a stage works, and how it reports progress.

    Attributes:
        folder: The run folder, which the outputs are relative to.
        advance: Called with how much is done, and how much there is if that is known.
    """

    folder: Path
    advance: Callable[..., None] = lambda n_done, n_all=None: None


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """One step of a run whose result can be kept.

    Attributes:
        name: Unique in the run.
        function: Computes the result and writes the outputs; called with a `StageContext` and
            the inputs by name.
        load: Reads the result from the outputs; called likewise.
        inputs: All that the result depends on beside the code.
        outputs: Files or folders, relative to the run folder, that the function writes.
        code: Modules whose code decides the result beside the function's own.
    """

    name: str
    function: Callable[..., Result]
    load: Callable[..., Result]
    inputs: Mapping[str, Any]
    outputs: Sequence[str]
    code: Sequence[str] = ()

    @property
    def key(self) -> str:
        """A hash of all inputs, and of the code that the result depends on."""
        inputs = {name: key_of(value) for name, value in self.inputs.items()}
        code = code_hash(self.function.__module__, *self.code)
        return hash_json({"inputs": inputs, "code": code, "function": self.function.__qualname__})

    def compute(self, context: StageContext) -> Result:
        """Compute the result and write the outputs."""
        return self.function(context, **self._values)

    def reuse(self, context: StageContext) -> Result:
        """Read the result from the outputs of an earlier run."""
        return self.load(context, **self._values)

    @property
    def _values(self) -> dict[str, Any]:
        return {
            name: value.value if isinstance(value, Keyed) else value
            for name, value in self.inputs.items()
        }


class Executor(Protocol):
    """Runs stages: one process here, or the machines of a cluster.

    Attributes:
        records: What each stage took, in order.
    """

    records: list[StageRecord]

    def run(self, stage: Stage[Result]) -> Result:
        """Return a stage's result: loaded where it is there already, else computed."""
        ...

    def time(self, name: str, compute: Callable[[], Result]) -> Result:
        """Return the result of work that is too quick to be worth keeping."""
        ...

    def record(self, name: str, files: Sequence[str]) -> None:
        """Record files as the run's own that no stage reuses."""
        ...

    def advance(self, n_done: int, n_all: int | None = None) -> None:
        """Report progress of work that `time` measures."""
        ...


@runtime_checkable
class _HasContentHash(Protocol):
    @property
    def content_hash(self) -> str: ...


def key_of(value: Any) -> Any:
    """Return what represents an input in a key, as JSON values.

    Settings are walked: files and models count by their content, what changes no score is left
    out. Objects with a content hash count by it.

    Raises:
        TypeError: It is an object of another kind: give a `Keyed`.
    """
    if isinstance(value, Keyed):
        return key_of(value.key)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, BaseModel):
        return key_values(value, identify_model)
    if isinstance(value, _HasContentHash):
        return value.content_hash
    if isinstance(value, Mapping):
        return {str(name): key_of(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [key_of(one) for one in value]
    raise TypeError(f"a stage input of type {type(value).__name__} has no key: use Keyed")
