"""Have a served model answer in batches: write the requests to a file, and read the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from llmexam.errors import EndpointError, SettingsError
from llmexam.exam.question import Question
from llmexam.settings.base import Settings
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import parse_solver_settings, served_solvers, solver_class
from llmexam.solvers.served.batch_files import BatchResults, read_batch, write_batch

if TYPE_CHECKING:
    from llmexam.solvers.served.solver import ServedSolver


class BatchPendingError(EndpointError):
    """Requests were written to a batch file, and have no replies yet."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Files of batches.

    Attributes:
        results: Result files, read into the cache of replies.
        out: File for the requests that have no reply yet; None where that is an error.
    """

    results: tuple[Path, ...] = ()
    out: Path | None = None

    def solver(self, name: str | Solver, settings: Mapping[str, Any] | Settings | None) -> Solver:
        """Return a served solver that sends nothing.

        Raises:
            SettingsError: The solver has no served model, or a setting is wrong.
        """
        if not isinstance(name, str) or name not in served_solvers():
            raise SettingsError(
                "batch files need the name of a solver with a served model",
                field="solver",
                hint=f"Choose one of: {', '.join(sorted(served_solvers()))}",
            )
        parsed = parse_solver_settings(name, settings or {})
        make = cast(Any, solver_class(name))
        return cast(Solver, make(parsed, offline=True))

    def exchange(
        self, solver: Solver, questions: Sequence[Question], tell: Callable[[str], None]
    ) -> None:
        """Read the results, and check that no reply is missing.

        Args:
            solver: A solver of this batch.
            questions: The questions that are to be scored.
            tell: Called with the counts of the results.

        Raises:
            BatchPendingError: Replies are missing, and their requests were written.
            EndpointError: Replies are missing and there is no file to write requests to, or a
                file cannot be read.
        """
        served = cast("ServedSolver", solver)
        results = BatchResults()
        if self.results:
            wanted = served.possible(questions)
            results = read_batch(self.results, wanted)
            served.keep(results.replies)
            # Replies may lead to further requests: for letters as text.
            further = served.possible(questions)
            if len(further) > len(wanted):
                results = read_batch(self.results, further)
                served.keep(results.replies)
            tell(str(results))
        left = served.missing(questions)
        if not left:
            return
        n_all = len(served.possible(questions))
        # One that failed in an earlier batch may have its reply by now.
        why = f" ({results})" if results.failures or results.n_damaged else ""
        if self.out is None:
            raise EndpointError(
                f"{len(left):,} of {n_all:,} requests have no reply yet{why}",
                hint="Give --batch-out FILE to write them to a new batch file, or leave out "
                "--batch-in to send them now",
            )
        files = write_batch(self.out, left, served.settings)
        raise BatchPendingError(
            f"wrote {len(left):,} of {n_all:,} requests to {', '.join(map(str, files))}{why}; "
            "have them answered as a batch, then run the same command with --batch-in RESULTS"
        )
