"""Find the wheels that a machine lacks, with pip as resolver."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from llmexam.errors import SettingsError
from llmexam.packing.building import BuiltWheels
from llmexam.packing.freeze import Image
from llmexam.packing.pip_process import Pip, PipResult, Sources
from llmexam.packing.target import Target

_CAUSES = re.compile(r"^ {4}(\S.*)$", re.MULTILINE)
_DEPENDS = re.compile(r"(\S+) (\S+) depends on (.+)")
_CONSTRAINT = re.compile(r"The user requested \(constraint\) (\S+)")
_NO_MATCH = re.compile(r"No matching distribution found for ([^\s(]+)")
_OTHER_PYTHON = re.compile(r"Requires-Python (\S+)")
# So many packages without wheels are built; a plan that needs more has another problem.
_MOST_BUILT = 20
_LAST_LINES = 12


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel to download.

    Attributes:
        name: Normalised name of the package.
        version: Its version.
        file: Name of the file.
        url: Where it is.
        sha256: Its hash, or empty where the index does not give it.
        needs: Normalised names of the packages that it depends on.
    """

    name: str
    version: str
    file: str
    url: str
    sha256: str
    needs: frozenset[str]


class Resolver:
    """Finds the wheels that a machine lacks.

    Packages that the machine has are kept as they are, unless a requirement needs a newer one.

    Args:
        target: The machine.
        image: The packages that it has.
        sources: Where packages come from.
        work: Folder for temporary files.
        needs: What packages of the machine depend on, where it is known.
    """

    def __init__(
        self,
        target: Target,
        image: Image,
        sources: Sources,
        work: Path,
        needs: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._target = target
        self._image = image
        self._sources = sources
        self._work = work
        self._pip = Pip(work, image.packages, needs or {})
        self.built = BuiltWheels(self._pip, sources, work / "built")
        """Wheels that were built, because the index has only their source."""

    def resolve(self, requirements: Sequence[str], *, alone: Sequence[str] = ()) -> list[Wheel]:
        """Return the wheels to install, each after those that it depends on.

        Args:
            requirements: What to install, with everything it depends on.
            alone: What to install without its dependencies.

        Raises:
            SettingsError: A requirement needs an older package than the machine has, there is no
                wheel for its Python version, or pip fails.
        """
        found = self._report([*requirements])
        if alone:
            found += self._report([*alone], "--no-deps")
        wheels = {wheel.name: wheel for wheel in map(self._wheel, found)}
        for name in wheels:
            row = self._image.unversioned.get(name)
            if row is not None:
                raise SettingsError(
                    f"the plan needs '{name}', and row {row} of the frozen packages does not "
                    "give its version",
                    hint="Write the file in the image with: pip list --format=freeze > image.txt",
                )
        return dependencies_first(list(wheels.values()))

    def download(self, wheels: Sequence[Wheel], folder: Path) -> None:
        """Download wheels into a folder; their hashes are checked.

        Raises:
            SettingsError: pip fails.
        """
        if not wheels:
            return
        listed = self._work / "exact.txt"
        lines = [
            f"{wheel.name}=={wheel.version}"
            + (f" --hash=sha256:{wheel.sha256}" if wheel.sha256 else "")
            for wheel in wheels
        ]
        listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = self._pip.run(
            [
                *("download", "--no-deps", "--only-binary=:all:", "--progress-bar", "off"),
                *self._target.pip_options,
                *self._sources.options(self.built.folder),
                *("--dest", str(folder), "--requirement", str(listed)),
            ],
            self._target,
        )
        if result.code:
            raise self._explain(result, [wheel.name for wheel in wheels])

    def _report(self, requirements: list[str], *options: str) -> list[dict[str, Any]]:
        for _ in range(_MOST_BUILT):
            result, report = self._try(requirements, options)
            if result.code == 0:
                installs: list[dict[str, Any]] = json.loads(report.read_bytes())["install"]
                return installs
            missing = _NO_MATCH.search(result.output)
            if missing is None or not self.built.build(missing[1]):
                break
        raise self._explain(result, requirements)

    def _try(self, requirements: list[str], options: Sequence[str]) -> tuple[PipResult, Path]:
        report = self._work / "report.json"
        report.unlink(missing_ok=True)
        constraints = self._work / "constraints.txt"
        lines = [f"{name}>={_public(version)}" for name, version in self._image.packages.items()]
        constraints.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = self._pip.run(
            [
                *("install", "--dry-run", "--report", str(report), "--only-binary=:all:"),
                *("--progress-bar", "off", "--root-user-action", "ignore", *options),
                *self._target.pip_options,
                *self._sources.options(self.built.folder),
                *("--constraint", str(constraints), *requirements),
            ],
            self._target,
        )
        return result, report

    def _wheel(self, item: Mapping[str, Any]) -> Wheel:
        metadata, info = item["metadata"], item["download_info"]
        archive = info.get("archive_info", {})
        sha256 = (
            archive.get("hashes", {}).get("sha256") or archive.get("hash", "").partition("=")[2]
        )
        needs = [Requirement(text) for text in metadata.get("requires_dist", ())]
        return Wheel(
            name=canonicalize_name(metadata["name"]),
            version=str(metadata["version"]),
            file=unquote(urlsplit(info["url"]).path.rpartition("/")[2]),
            url=str(info["url"]),
            sha256=sha256,
            needs=frozenset(canonicalize_name(one.name) for one in needs),
        )

    def _explain(self, result: PipResult, requirements: Sequence[str]) -> SettingsError:
        """Return the error that pip's output tells of."""
        output = result.output
        if "ResolutionImpossible" in output or "conflicting dependencies" in output:
            return self._explain_conflict(output)
        missing = _NO_MATCH.search(output)
        if missing is not None:
            return self._explain_missing(missing[1], output)
        last = "\n".join(output.strip().splitlines()[-_LAST_LINES:])
        return SettingsError(
            f"pip cannot resolve {', '.join(requirements)}; it printed:\n{last}",
            hint="Check the network and the package index, or give --find-links",
        )

    def _explain_conflict(self, output: str) -> SettingsError:
        causes = _CAUSES.findall(output.partition("The conflict is caused by:")[2])
        limited = {}
        for cause in causes:
            if found := _CONSTRAINT.fullmatch(cause):
                limited[canonicalize_name(Requirement(found[1]).name)] = True
        for cause in causes:
            found = _DEPENDS.fullmatch(cause)
            name = canonicalize_name(Requirement(found[3]).name) if found else ""
            has = self._image.packages.get(name)
            if found and has is not None and (name in limited or not limited):
                return SettingsError(
                    f"{found[1]} {found[2]} needs {found[3]}, and the image has {name} {has}; "
                    "packages of the image are never replaced by older ones",
                    hint=f"Choose an image with {found[3]}, or leave out what needs "
                    f"{found[1]} in the plan",
                )
        text = "; ".join(causes) or output.strip().splitlines()[-1]
        return SettingsError(
            f"these requirements contradict each other: {text}",
            hint="Choose another image, or other versions",
        )

    def _explain_missing(self, requirement: str, output: str) -> SettingsError:
        python = self._target.minor
        others = sorted(set(_OTHER_PYTHON.findall(output)))
        for_others = f"; some versions need Python {' or '.join(others)}" if others else ""
        has = self._image.packages.get(canonicalize_name(Requirement(requirement).name))
        in_image = f"; the image has {has}" if has is not None else ""
        why = self.built.failures.get(requirement, "")
        return SettingsError(
            f"there is no wheel of '{requirement}' for Python {python} on "
            f"{self._target.platform}{in_image}{for_others}" + (f"; {why}" if why else ""),
            hint=f"Give a folder with a wheel for Python {python} with --find-links, choose an "
            "image with another Python version, or leave out the solver that needs it",
        )


def dependencies_first(wheels: Sequence[Wheel]) -> list[Wheel]:
    """Return wheels in an order in which each comes after those that it depends on.

    Packages that depend on each other in a circle come in alphabetical order.
    """
    by_name = {wheel.name: wheel for wheel in sorted(wheels, key=lambda one: one.name)}
    ordered: dict[str, Wheel] = {}
    seen: set[str] = set()
    # Depth first, without recursion: a package follows its dependencies.
    for first in by_name:
        waiting = [(first, False)]
        while waiting:
            name, is_left = waiting.pop()
            if is_left:
                ordered.setdefault(name, by_name[name])
            elif name not in seen:
                seen.add(name)
                waiting.append((name, True))
                needed = sorted(by_name[name].needs & by_name.keys(), reverse=True)
                waiting += [(one, False) for one in needed]
    return list(ordered.values())


def _public(version: str) -> str:
    """Return a version without its local part, which bounds cannot have."""
    try:
        return Version(version).public
    except InvalidVersion:
        return version
