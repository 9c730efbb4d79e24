"""A folder with the packages of an image, taken from an interpreter that has them.

A trial needs the packages that the image has, such as torch, and nothing else: a package that the
pack forgot must be missing. So only the packages in the list of frozen packages are visible.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from llmexam.errors import SettingsError
from llmexam.packing.freeze import Image

_LIST = """
import json, platform, re
from importlib.metadata import distributions
found = {}
for one in distributions():
    name = re.sub(r"[-_.]+", "-", one.metadata["Name"] or "").lower()
    tops = sorted({file.parts[0] for file in one.files or () if file.parts[0] != ".."})
    if name and name not in found:
        found[name] = [one.version, str(one.locate_file("")), tops, one.requires or []]
print(json.dumps([platform.python_version(), found]))
"""


@dataclass(frozen=True)
class Installed:
    """A package of an interpreter.

    Attributes:
        version: Its version.
        place: The folder that it is in.
        tops: Names of its files and folders there.
        needs: What it depends on.
    """

    version: str
    place: Path
    tops: tuple[str, ...]
    needs: tuple[str, ...]


@dataclass(frozen=True)
class ImageView:
    """Packages of an interpreter that stand for those of an image.

    Attributes:
        others: Packages whose version differs: that of the image, and that of the interpreter.
        missing: Packages of the image that the interpreter lacks.
    """

    others: Mapping[str, tuple[str, str]]
    missing: tuple[str, ...]


def installed_packages(python: str) -> tuple[str, dict[str, Installed]]:
    """Return the version of an interpreter, and its packages by normalised name.

    Raises:
        SettingsError: The interpreter cannot be run.
    """
    try:
        done = subprocess.run(
            [python, "-I", "-c", _LIST], capture_output=True, text=True, check=True
        )
        version, found = json.loads(done.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError):
        raise SettingsError(
            f"'{python}' is not a Python interpreter that can be run", field="image-python"
        ) from None
    return version, {
        name: Installed(number, Path(place), tuple(tops), tuple(needs))
        for name, (number, place, tops, needs) in found.items()
    }


def known_needs(image: Image, packages: Mapping[str, Installed]) -> dict[str, list[str]]:
    """Return what packages of an image depend on, where an interpreter has the same versions.

    A list of frozen packages does not tell it. With it, the resolver sees that a new version of
    one package does not fit to another one of the image. What the image itself does not
    satisfy is left out, because it is not to be mended.

    Args:
        image: The packages of the image.
        packages: The packages of the interpreter.
    """
    return {
        name: [one for one in packages[name].needs if _holds(one, image)]
        for name, version in image.packages.items()
        if name in packages and packages[name].version == version
    }


def _holds(need: str, image: Image) -> bool:
    try:
        requirement = Requirement(need)
    except InvalidRequirement:
        return False
    name = canonicalize_name(requirement.name)
    version = image.packages.get(name)
    if version is None or requirement.url is not None:
        return name not in image.unversioned and requirement.url is None
    return requirement.specifier.contains(version, prereleases=True)


def make_view(
    folder: Path,
    packages: Mapping[str, Installed],
    frozen: Mapping[str, str],
    *,
    hidden: Collection[str],
) -> ImageView:
    """Link the packages of an image into a folder.

    Args:
        folder: The folder, made here.
        packages: The packages of the interpreter.
        frozen: Version of each package of the image.
        hidden: Packages that the pack brings itself, and those that must not be visible.
    """
    folder.mkdir(parents=True)
    others, missing = {}, []
    for name, version in frozen.items():
        if name in hidden:
            continue
        if name not in packages:
            missing.append(name)
            continue
        found = packages[name]
        if found.version != version:
            others[name] = (version, found.version)
        for top in found.tops:
            target = found.place / top
            # A namespace package is shared by several distributions.
            if top != "__pycache__" and not (folder / top).exists() and target.exists():
                (folder / top).symlink_to(target)
    return ImageView(others, tuple(missing))
