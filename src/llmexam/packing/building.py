"""Build wheels of packages that an index has only as source."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import parse_wheel_filename

from llmexam.packing.pip_process import Pip, Sources


class BuiltWheels:
    """Wheels built from source, if they run on any machine.

    Building runs the build script of the package, as `pip install` would.

    Args:
        pip: Runs pip.
        sources: Where packages come from.
        folder: Folder of the wheels.
    """

    def __init__(self, pip: Pip, sources: Sources, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.failures: dict[str, str] = {}
        """Why a requirement could not be built."""
        self._pip = pip
        self._sources = sources
        self._tried: set[str] = set()

    @property
    def files(self) -> list[str]:
        """Names of the wheels."""
        return sorted(path.name for path in self.folder.glob("*.whl"))

    def build(self, requirement: str) -> bool:
        """Build the wheel of a requirement, and return whether there is a new one.

        A wheel for this machine alone is deleted.
        """
        if requirement in self._tried:
            return False
        self._tried.add(requirement)
        before = set(self.files)
        result = self._pip.run(
            [
                *("wheel", "--no-deps", "--no-binary=:all:", "--wheel-dir", str(self.folder)),
                *("--progress-bar", "off", *self._sources.options(), requirement),
            ]
        )
        new = [name for name in self.files if name not in before]
        if result.code or not new:
            self.failures[requirement] = "its source cannot be built here"
            return False
        for name in new:
            if any(
                tag.platform != "any" or tag.abi != "none" for tag in parse_wheel_filename(name)[3]
            ):
                (self.folder / name).unlink()
                self.failures[requirement] = (
                    "its source contains compiled code, which would be built for this machine only"
                )
                return False
        return True
