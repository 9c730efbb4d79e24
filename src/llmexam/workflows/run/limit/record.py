"""What a run with a time limit has done, in `time_limit.json`, so that a later start resumes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from llmexam.report.content import Items
from llmexam.storage.atomic import write_json
from llmexam.workflows.run.pipeline import LIMIT_FILE


class SolverState(BaseModel):
    """How far a solver has come.

    Attributes:
        state: `waiting`, `done`, `left out` or `failed`.
        reason: Why it is not done; empty otherwise.
        n_done: Items that it has answered in parts that are kept.
        seconds_each: Measured seconds an item; None before that is known.
        time_budget: Seconds that a solver was given that keeps to a time by itself.
        key: What its answers depend on, by `SolverFacts`; empty if that is not known.
    """

    model_config = ConfigDict(extra="forbid")

    state: str = "waiting"
    reason: str = ""
    n_done: int = 0
    seconds_each: float | None = None
    time_budget: float | None = None
    key: str = ""


class SubmissionState(BaseModel):
    """What a submission is made from.

    Attributes:
        members: The solvers; none for a baseline.
        best: Those whose combination it is; empty for the plan's own combination.
        label: What it is made from, for people.
        coverage: Of a baseline, how much it covers: see `Baseline`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    members: tuple[str, ...] = ()
    best: tuple[str, ...] = ()
    label: str = ""
    coverage: tuple[int, bool] = (0, False)

    def is_replaced_by(self, other: SubmissionState) -> bool:
        """Return whether another one is at least as good.

        It is made from at least the same solvers, or is a baseline that covers as much as this one.
        """
        if not set(self.members) <= set(other.members):
            return False
        return bool(other.members) or other.coverage >= self.coverage


class _Saved(BaseModel):
    model_config = ConfigDict(extra="forbid")

    exam_hash: str
    n_starts: int
    solvers: dict[str, SolverState]
    submissions: dict[str, SubmissionState]
    last_start: dict[str, Any] = {}


@dataclass
class LimitRecord:
    """The state of a run with a time limit, kept in its folder.

    Attributes:
        folder: The run folder.
        exam_hash: Content hash of the exam as it was read; the state of another exam is not used.
        n_starts: Starts so far, this one included.
        solvers: State of each solver.
        submissions: What each submission was made from, by the hash of its file.
        limit: The limit of this start, and what came of it, for people.
    """

    folder: Path
    exam_hash: str
    n_starts: int = 1
    solvers: dict[str, SolverState] = field(default_factory=dict)
    submissions: dict[str, SubmissionState] = field(default_factory=dict)
    limit: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(
        cls, folder: Path, items: Items, names: list[str], *, overwrite: bool = False
    ) -> LimitRecord:
        """Return the record of a folder, with the state of an earlier start on the same exam.

        Args:
            folder: The run folder.
            items: The items, as they were read.
            names: The solvers of the plan.
            overwrite: Whether solvers answer again, so that what they have done does not count.
                The submission stays until there is a better one.
        """
        record = cls(folder, items.content_hash)
        try:
            saved = _Saved.model_validate_json((folder / LIMIT_FILE).read_bytes())
        except (OSError, ValidationError):
            saved = None
        if saved is not None and saved.exam_hash == record.exam_hash:
            record.n_starts = saved.n_starts + 1
            record.submissions = saved.submissions
            record.solvers = {
                name: one.model_copy(update={"state": "waiting", "reason": ""})
                for name, one in saved.solvers.items()
                if name in names and not overwrite
            }
        for name in names:
            record.solvers.setdefault(name, SolverState())
        return record

    def change(self, name: str, **values: Any) -> None:
        """Change the state of a solver, and write the record."""
        self.solvers[name] = self.solvers[name].model_copy(update=values)
        self.write()

    def identify(self, name: str, key: str) -> None:
        """Set what the answers of a solver depend on.

        If that differs from an earlier start, what the solver had done does not count.
        """
        known = self.solvers[name].key
        if known and key and known != key:
            self.solvers[name] = SolverState()
        self.change(name, key=key or known)

    def named(self, *states: str) -> list[str]:
        """Return the solvers in one of these states."""
        return [name for name, one in self.solvers.items() if one.state in states]

    def write(self) -> None:
        """Write the record atomically."""
        saved = _Saved(
            exam_hash=self.exam_hash,
            n_starts=self.n_starts,
            solvers=self.solvers,
            submissions=self.submissions,
            last_start=self.limit,
        )
        write_json(self.folder / LIMIT_FILE, saved.model_dump(mode="json"))
