"""What a pack is made of and for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from llmexam.packing.agreement import Agreement
from llmexam.packing.parts import Part


@dataclass(frozen=True)
class PackSettings:
    """Settings of a pack.

    Attributes:
        kaggle: Whether it is for a notebook on Kaggle, and not for any machine.
        freeze: File of the packages that the machine has.
        python: Python version of the machine.
        platform: Platform tag of its wheels.
        name: Name of the dataset and the notebook; that of the plan by default.
        owner: User name on Kaggle.
        competition: Slug of the competition on Kaggle.
        test_file: Name of the competition's file of questions.
        gpu: Whether the notebook gets GPUs.
        time_limit: Time that the notebook may take, in seconds; None for no limit.
        extras: Further extras of llmexam to install.
        find_links: Folders of wheels, beside the package index.
        no_index: Whether to use only those folders.
        tries: Whether to try the pack.
        image_python: Interpreter whose packages stand for those of the image in the trial; this
            one by default.
        n_items: Number of questions or rows of the trial.
        memory_bytes: Memory limit of the trial; None for no limit.
        tolerance: Largest difference of scores that the trial accepts.
    """

    kaggle: bool = False
    freeze: Path | None = None
    python: str | None = None
    platform: str | None = None
    name: str | None = None
    owner: str | None = None
    competition: str = ""
    test_file: str = "test.csv"
    gpu: bool = False
    time_limit: float | None = None
    extras: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    tries: bool = True
    image_python: str | None = None
    n_items: int = 20
    memory_bytes: int | None = None
    tolerance: float = 1e-4


@dataclass(frozen=True)
class TrialReport:
    """Result of a trial.

    Attributes:
        passed: Whether all scores agree within the tolerance, and the submissions are equal.
        isolation: How it was kept from the network, in words.
        python: The interpreter.
        n_items: Questions or rows.
        agreements: How far the scores of each solver agree with those made here.
        tolerance: Largest difference that is accepted.
        same_submission: Whether both runs wrote the same submission.
        install_seconds: Time of the installation.
        run_seconds: Time of the run.
        peak_bytes: Peak memory of the run.
        memory_bytes: Its limit.
        others: Packages of the image whose version differed in the trial: version in the image,
            and in the trial.
        missing: Packages of the image that the trial did not have.
    """

    passed: bool
    isolation: str
    python: str
    n_items: int
    agreements: tuple[Agreement, ...]
    tolerance: float
    same_submission: bool
    install_seconds: float
    run_seconds: float
    peak_bytes: int
    memory_bytes: int | None
    others: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def largest_difference(self) -> float:
        """Largest difference over all solvers."""
        return max((one.largest_difference for one in self.agreements), default=0.0)


@dataclass(frozen=True)
class PackResult:
    """A pack that was made.

    Attributes:
        folder: Where it is.
        python: Python version that it is for.
        platform: Platform that it is for.
        told_by: Where the Python version comes from.
        n_image: Number of packages that the machine has.
        parts: Its parts.
        built: Files of wheels that were built from source.
        n_reused: Number of wheels that an earlier run had downloaded.
        warnings: What the user should check.
        trial: Result of the trial; None if there was none.
        next_steps: Commands to go on with.
    """

    folder: Path
    python: str
    platform: str
    told_by: str
    n_image: int
    parts: tuple[Part, ...]
    built: tuple[str, ...]
    n_reused: int
    warnings: tuple[str, ...]
    trial: TrialReport | None
    next_steps: tuple[str, ...]

    @property
    def n_bytes(self) -> int:
        """Size of all parts."""
        return sum(part.n_bytes for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "folder": str(self.folder), "bytes": self.n_bytes}
