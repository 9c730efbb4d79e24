"""The wheels of a pack: resolved, downloaded, and listed in the order of their installation."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import RunError
from llmexam.packing.freeze import Image
from llmexam.packing.licences import licence_of_wheel
from llmexam.packing.own_wheel import write_own_wheel
from llmexam.packing.parts import Part
from llmexam.packing.pip_process import Sources
from llmexam.packing.requirements import Needs
from llmexam.packing.resolving import Resolver, Wheel
from llmexam.packing.target import Target
from llmexam.stages.stage import Announce
from llmexam.storage.atomic import write_text
from llmexam.storage.hashing import hash_file

WHEELS = "wheels"
REQUIREMENTS = "requirements.txt"
_HEAD = "# pip install --no-index --no-deps --find-links wheels -r requirements.txt\n"


@dataclass(frozen=True)
class PackedWheels:
    """Wheels in a pack.

    Attributes:
        parts: One part for each, in the order of installation.
        built: Files of those that were built from source.
        n_reused: Number of those that an earlier run had downloaded.
    """

    parts: tuple[Part, ...]
    built: tuple[str, ...]
    n_reused: int


def pack_wheels(
    needs: Needs,
    folder: Path,
    *,
    target: Target,
    image: Image,
    image_needs: Mapping[str, Sequence[str]],
    sources: Sources,
    work: Path,
    earlier: Sequence[Path],
    announce: Announce,
) -> PackedWheels:
    """Put the wheels that a machine lacks into a pack, with a list to install them from.

    Args:
        needs: What must be installed.
        folder: The pack.
        target: The machine.
        image: The packages that it has.
        image_needs: What these depend on, where it is known.
        sources: Where packages come from.
        work: Folder for temporary files.
        earlier: Folders with wheels of earlier runs, which are used if their hash is the same.
        announce: Called with the name of each step.

    Raises:
        SettingsError: The requirements cannot be met.
        RunError: A file is not what the index says.
    """
    announce("resolve packages", 0, None)
    own = work / "own"
    own.mkdir(parents=True, exist_ok=True)
    write_own_wheel(own)
    # Of llmexam itself only this wheel, whatever the image or the index has.
    known = {name: version for name, version in image.packages.items() if name != "llmexam"}
    with_own = Sources((str(own), *sources.find_links), sources.no_index)
    resolver = Resolver(
        target, Image(known, image.unversioned), with_own, work / "pip", image_needs
    )
    wheels = resolver.resolve([needs.own, *needs.packages], alone=needs.alone)
    place = folder / WHEELS
    place.mkdir(parents=True, exist_ok=True)
    for path in place.iterdir():
        if path.name not in {wheel.file for wheel in wheels}:
            path.unlink()
    missing = [wheel for wheel in wheels if not _is_there(wheel, place, (own, *earlier))]
    announce("download packages", 0, None)
    resolver.download(missing, place)
    lines, parts = [], []
    for wheel in wheels:
        path = place / wheel.file
        if not path.is_file():
            raise RunError("pip did not download this wheel", file=path)
        digest = hash_file(path)
        if wheel.sha256 and digest != wheel.sha256:
            raise RunError("the wheel does not have the hash that the index gives", file=path)
        lines.append(f"{wheel.name}=={wheel.version} --hash=sha256:{digest}\n")
        parts.append(
            Part(
                kind="wheels",
                name=wheel.name,
                place=f"{WHEELS}/{wheel.file}",
                n_bytes=path.stat().st_size,
                licence=licence_of_wheel(path),
                version=wheel.version,
                replaces=known.get(wheel.name, ""),
            )
        )
    write_text(folder / REQUIREMENTS, _HEAD + "".join(lines))
    n_reused = len(wheels) - len(missing) - 1
    return PackedWheels(tuple(parts), tuple(resolver.built.files), n_reused)


def _is_there(wheel: Wheel, place: Path, folders: Sequence[Path]) -> bool:
    """Return whether a wheel is in its place, after copying it from an earlier run."""
    if not wheel.sha256:
        return False
    for folder in (place, *folders):
        path = folder / wheel.file
        if path.is_file() and hash_file(path) == wheel.sha256:
            if folder != place:
                shutil.copyfile(path, place / wheel.file)
            return True
    return False
