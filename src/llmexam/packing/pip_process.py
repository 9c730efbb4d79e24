"""Run pip in a process of its own, with the packages of an image as the installed ones."""

from __future__ import annotations

import ensurepip
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from llmexam.errors import MissingDependencyError, SettingsError
from llmexam.packing.pip_for_target import UNKNOWN_PIP
from llmexam.packing.target import Target

_SCRIPT = Path(__file__).with_name("pip_for_target.py")
_QUIET = ("--disable-pip-version-check", "--no-input", "--no-color")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packages come from, beside what pip is configured to use.

    Attributes:
        find_links: Folders of wheels, or pages that link to them.
        no_index: Whether to use only these.
    """

    find_links: tuple[str, ...] = ()
    no_index: bool = False

    def options(self, *more: Path) -> list[str]:
        """Return the options of pip, with further folders of wheels."""
        found = ["--no-index"] if self.no_index else []
        for one in (*self.find_links, *map(str, more)):
            found += ["--find-links", one]
        return found


@dataclass(frozen=True, slots=True)
class PipResult:
    """Exit code and output of pip."""

    code: int
    output: str


class Pip:
    """Runs pip.

    Args:
        work: Folder for its settings.
        installed: The packages that count as installed, by name, with their versions.
        needs: What they depend on, where it is known.
    """

    def __init__(
        self, work: Path, installed: Mapping[str, str], needs: Mapping[str, Sequence[str]]
    ) -> None:
        self._work = work
        self._installed = work / "installed"
        # Packages of an earlier run may be of another image.
        shutil.rmtree(self._installed, ignore_errors=True)
        _write_metadata(self._installed, installed, needs)

    def run(self, arguments: Sequence[str], target: Target | None = None) -> PipResult:
        """Run pip and return its exit code and output.

        Args:
            arguments: The command and its options.
            target: The machine for which environment markers are evaluated; None is this one.

        Raises:
            MissingDependencyError: pip is not installed.
            SettingsError: This version of pip cannot resolve for another machine.
        """
        settings = self._work / "pip.json"
        values = {
            "pip": str(_place_of_pip()),
            "installed": str(self._installed),
            "markers": None if target is None else target.markers,
        }
        settings.write_text(json.dumps(values), encoding="utf-8")
        # Without `site`, packages of this installation do not count as installed.
        command = [sys.executable, "-I", "-S", str(_SCRIPT), str(settings), *arguments, *_QUIET]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode == UNKNOWN_PIP:
            raise SettingsError(
                f"{done.stderr.strip()}; packages for another machine cannot be resolved with it",
                hint="Install another version: pip install 'pip>=23.2,<27'",
            )
        return PipResult(done.returncode, done.stdout + done.stderr)


def _place_of_pip() -> Path:
    """Return the folder or archive to import pip from."""
    spec = find_spec("pip")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent.parent
    # Environments of other tools have none, but Python brings one for new environments.
    wheels = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not wheels:
        raise MissingDependencyError("`llmexam pack`", "pip", "", install="pip")
    return wheels[-1]


def _write_metadata(
    folder: Path, packages: Mapping[str, str], needs: Mapping[str, Sequence[str]]
) -> None:
    """Write the metadata of packages, so that pip takes them for installed."""
    folder.mkdir(parents=True)
    for name, version in packages.items():
        place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        place.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        text += "".join(f"Requires-Dist: {one}\n" for one in needs.get(name, ()))
        (place / "METADATA").write_text(text, encoding="utf-8")
        (place / "INSTALLER").write_text("pip\n", encoding="utf-8")
        (place / "RECORD").write_text("", encoding="utf-8")
