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

from llmexam.errors import SettingsError

_LIST = """
import json, platform, re
from importlib.metadata import distributions
found = {}
for one in distributions():
    name = re.sub(r"[-_.]+", "-", one.metadata["Name"] or "").lower()
    tops = sorted({file.parts[0] for file in one.files or () if file.parts[0] != ".."})
    if name and name not in found:
        found[name] = [one.version, str(one.locate_file("")), tops]
print(json.dumps([platform.python_version(), found]))
"""


@dataclass(frozen=True)
class ImageView:
    """Packages of an interpreter that stand for those of an image.

    Attributes:
        others: Packages whose version differs: that of the image, and that of the interpreter.
        missing: Packages of the image that the interpreter lacks.
    """

    others: Mapping[str, tuple[str, str]]
    missing: tuple[str, ...]


def installed_packages(python: str) -> tuple[str, dict[str, tuple[str, Path, list[str]]]]:
    """Return the version of an interpreter, and version, folder and files of its packages.

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
    return version, {name: (one[0], Path(one[1]), one[2]) for name, one in found.items()}


def make_view(
    folder: Path,
    packages: Mapping[str, tuple[str, Path, list[str]]],
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
        found, place, tops = packages[name]
        if found != version:
            others[name] = (version, found)
        for top in tops:
            # A namespace package is shared by several distributions.
            if top != "__pycache__" and not (folder / top).exists() and (place / top).exists():
                (folder / top).symlink_to(place / top)
    return ImageView(others, tuple(missing))
