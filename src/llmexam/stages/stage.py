"""A stage as data: a function, its inputs, and the files that it writes."""

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
from llmexam.stages.sharding.cluster import Cluster
from llmexam.storage.hashing import hash_json

Result = TypeVar("Result")
Announce = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Keyed:
    """An input with an explicit key, for objects without a content hash.

    Attributes:
        value: The value that the function receives.
        key: Numbers, texts, settings, objects with a content hash, or sequences and mappings
            of them; None for what changes no result.
    """

    value: Any
    key: Any


@dataclass(frozen=True)
class StageContext:
    """The run folder, a function to report progress, and the cluster of the run.

    Attributes:
        folder: The run folder, which the outputs are relative to.
        advance: Called with how much is done, and how much there is if that is known.
        cluster: What computes shards; None to compute all in this process.
        shards: Folder for shards of this stage, relative to the run folder. It is deleted when the
            stage has finished.
        parts: Folder for finished parts of the result, which an interrupted stage with the same
            key finds again; it is deleted when the stage ends. None if no parts are kept.
    """

    folder: Path
    advance: Callable[..., None] = lambda n_done, n_all=None: None
    cluster: Cluster | None = None
    shards: str = "shards"
    parts: Path | None = None


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """A step of a run whose result is cached.

    Attributes:
        name: Unique in the run.
        function: Computes the result and writes the outputs; called with a `StageContext` and
            the inputs by name.
        load: Reads the result from the outputs; called likewise.
        inputs: Everything that the result depends on except code.
        outputs: Files or folders, relative to the run folder, that the function writes.
        code: Modules that the result depends on, in addition to the function's own.
    """

    name: str
    function: Callable[..., Result]
    load: Callable[..., Result]
    inputs: Mapping[str, Any]
    outputs: Sequence[str]
    code: Sequence[str] = ()

    @property
    def key(self) -> str:
        """Hash of all inputs, and of the code that the result depends on."""
        inputs = {name: key_of(value) for name, value in self.inputs.items()}
        code = code_hash(self.function.__module__, *self.code)
        # Two functions of one module may have equal inputs and code.
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
    """Interface of executors, which run stages, such as `local.LocalExecutor`.

    Attributes:
        records: Time and memory of each stage, in order.
    """

    records: list[StageRecord]

    def run(self, stage: Stage[Result]) -> Result:
        """Return the result of a stage, from the cache if it is valid."""
        ...

    def time(self, name: str, compute: Callable[[], Result]) -> Result:
        """Run work that is too quick to cache, record its time, and return its result."""
        ...

    def record(self, name: str, files: Sequence[str]) -> None:
        """Record files as belonging to the run; they are never reused."""
        ...

    def advance(self, n_done: int, n_all: int | None = None) -> None:
        """Report progress of work that `time` measures."""
        ...


@runtime_checkable
class _HasContentHash(Protocol):
    @property
    def content_hash(self) -> str: ...


def key_of(value: Any) -> Any:
    """Return the contribution of an input to a key, as JSON values.

    Settings contribute their values, with files and models replaced by hashes of their content and
    without those that affect no score. Objects with a content hash contribute it.

    Raises:
        TypeError: The input is an object without a key; pass a `Keyed`.
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
