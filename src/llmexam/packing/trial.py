"""Try a pack before it is used: install it into a new environment, offline, and run its plan."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from llmexam.errors import RunError, SettingsError
from llmexam.packing.freeze import Image
from llmexam.packing.image_view import ImageView, Installed, make_view
from llmexam.packing.network import (
    Isolated,
    Isolation,
    isolation_here,
    offline_environment,
    run_isolated,
)
from llmexam.packing.notebook import INPUT, WORKING, NotebookPlan, code_cells
from llmexam.packing.target import Target
from llmexam.storage.atomic import write_text

_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """How a pack is tried.

    Attributes:
        python: Interpreter whose packages stand for those of the image.
        n_items: Number of questions or rows of the exam.
        memory_bytes: Limit of the address space of the run; None for no limit.
        tolerance: Largest difference of scores that is accepted.
    """

    python: str
    n_items: int = 20
    memory_bytes: int | None = None
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Tried:
    """A trial that ran to its end.

    Attributes:
        run: Folder of the run.
        submission: The submission that it wrote.
        isolation: How it was kept from the network.
        install_seconds: Time of creating the environment and installing.
        run_seconds: Time of the run.
        peak_bytes: Most memory that one of its processes used.
        view: Packages that stand for those of the image.
    """

    run: Path
    submission: Path
    isolation: Isolation
    install_seconds: float
    run_seconds: float
    peak_bytes: int
    view: ImageView = field(default_factory=lambda: ImageView({}, ()))


class Trial:
    """Installs a pack from its files alone and runs its plan.

    Args:
        settings: How it is tried.
        target: The machine that the pack is for.
        image: Packages of the image.
        work: Folder for the environment and the run.
        version: Python version of the interpreter.
        packages: Packages of the interpreter.

    Raises:
        SettingsError: The interpreter has another Python version than the pack is for.
    """

    def __init__(
        self,
        settings: TrialSettings,
        target: Target,
        image: Image,
        work: Path,
        version: str,
        packages: Mapping[str, Installed],
    ) -> None:
        if sys.platform == "win32":
            raise SettingsError(
                "packs can be tried on Linux and macOS only", hint="Skip the trial with --no-try"
            )
        if version.rpartition(".")[0] != target.minor:
            raise SettingsError(
                f"the pack is for Python {target.minor}, and cannot be tried with Python {version}",
                hint="Name an interpreter of that version with --image-python, or skip the trial "
                "with --no-try",
            )
        self._packages = packages
        self._settings = settings
        self._image = image
        self._work = work
        self._venv = work / "venv"
        self._view = ImageView({}, ())

    def run_notebook(self, pack: Path, plan: NotebookPlan, exam: Path, own: set[str]) -> Tried:
        """Run the cells of the notebook, with a sample in place of the competition's test file.

        Args:
            pack: The pack.
            plan: What the notebook runs.
            exam: The sample of the exam.
            own: Normalised names of the packages in the pack.

        Raises:
            RunError: A cell fails.
        """
        competition = plan.competition or "sample"
        place = self._work / "input" / competition
        place.mkdir(parents=True)
        shutil.copyfile(exam, place / plan.test_file)
        (self._work / "input" / "pack").symlink_to(pack)
        working = self._work / "working"
        working.mkdir()
        cells = [
            cell.replace(f'"{INPUT}"', repr(str(self._work / "input"))).replace(
                f'"{WORKING}"', repr(str(working))
            )
            for cell in code_cells(replace(plan, competition=competition))
        ]
        find, install, run, check = cells
        started = time.perf_counter()
        self._make_environment(own)
        self._run_script([find, install], pack)
        installed = time.perf_counter()
        done = self._run_script([find, run, check], pack, limited=True)
        return Tried(
            run=working / "run",
            submission=working / "submission.csv",
            isolation=isolation_here(),
            install_seconds=installed - started,
            run_seconds=time.perf_counter() - installed,
            peak_bytes=done.peak_bytes,
            view=self._view,
        )

    def run_scripts(
        self, pack: Path, exam: Path, own: set[str], changes: Mapping[str, str]
    ) -> Tried:
        """Run the scripts of a pack for any machine on a sample.

        Args:
            pack: The pack.
            exam: The sample of the exam.
            own: Normalised names of the packages in the pack.
            changes: Keys of the plan to change, with their values as YAML.

        Raises:
            RunError: A script fails.
        """
        started = time.perf_counter()
        self._make_environment(own)
        self._run(["sh", str(pack / "install.sh"), self._settings.python], pack, "install.sh")
        installed = time.perf_counter()
        out = self._work / "run"
        options = ["--out", str(out), "--set", f"exam.path={exam}"]
        for key, value in changes.items():
            options += ["--set", f"{key}={value}"]
        submission = out / "submission.csv"
        done = self._run(
            ["sh", str(pack / "run.sh"), *options],
            pack,
            "run.sh",
            limited=True,
            submission=submission,
        )
        return Tried(
            run=out,
            submission=submission,
            isolation=isolation_here(),
            install_seconds=installed - started,
            run_seconds=time.perf_counter() - installed,
            peak_bytes=done.peak_bytes,
            view=self._view,
        )

    def _make_environment(self, own: set[str]) -> None:
        """Create a virtual environment in which the packages of the image are visible."""
        command = [self._settings.python, "-m", "venv", str(self._venv)]
        self._run(command, self._work, "venv")
        if not self._image.packages:
            return
        view = self._work / "image"
        hidden = {*own, "llmexam", "pip", "setuptools", "wheel"}
        self._view = make_view(view, self._packages, self._image.packages, hidden=hidden)
        # PyPy and some distributions have other names for the folders above.
        site = next(iter(sorted(self._venv.glob("lib*/*/site-packages"))), None)
        if site is None:
            raise RunError(
                "the virtual environment has no folder lib/*/site-packages",
                file=self._venv,
                hint="Name another interpreter with --image-python, or skip the trial with "
                "--no-try",
            )
        # After the packages of the environment, so that those of the pack come first.
        (site / "image_packages.pth").write_text(f"{view}\n", encoding="utf-8")

    def _run_script(self, cells: Sequence[str], pack: Path, *, limited: bool = False) -> Isolated:
        script = self._work / "notebook.py"
        script.write_text("\n\n".join(cells) + "\n", encoding="utf-8")
        command = [str(self._venv / "bin" / "python"), str(script)]
        return self._run(command, pack, "the notebook", limited=limited)

    def _run(
        self,
        command: Sequence[str],
        pack: Path,
        what: str,
        *,
        limited: bool = False,
        submission: Path | None = None,
    ) -> Isolated:
        """Run a command of the trial.

        Args:
            command: The command.
            pack: Folder that it may only read.
            what: What it is called in the error.
            limited: Whether memory is limited.
            submission: For `llmexam run`, the file that it writes. It ends with code 1 when a
                check of its results failed.

        Raises:
            RunError: It failed; its whole output is in a log.
        """
        home = self._work / "home"
        home.mkdir(exist_ok=True)
        environment = offline_environment(home, f"{self._venv / 'bin'}:{_PATH}")
        environment["LLMEXAM_VENV"] = str(self._venv)
        done = run_isolated(
            command,
            isolation="network namespace"
            if isolation_here() == "namespace" and pack == self._work
            else isolation_here(),
            read_only=pack,
            environment=environment,
            work=self._work,
            memory_bytes=self._settings.memory_bytes if limited else None,
        )
        is_finding = done.code == 1 and submission is not None and submission.is_file()
        if done.code and not (is_finding and "Traceback" not in done.output):
            log = self._work.with_name("trial.log")
            write_text(log, done.output)
            last = _last_line(done.output)
            limit = self._settings.memory_bytes
            memory = (
                f" (peak memory {done.peak_bytes / 1e9:.2f} GB, limit {limit / 1e9:.0f} GB)"
                if limited and limit
                else ""
            )
            raise RunError(
                f"the trial of the pack failed in {what}{memory}: {last}",
                hint=f"Read {log}. No pack was written; --no-try writes it without a trial",
            )
        return done


def _last_line(output: str) -> str:
    """Return the line that says why a command failed: the last error, or the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or line.startswith("error:")]
    return (errors or lines or ["it printed nothing"])[-1]
