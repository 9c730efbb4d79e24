"""Wheels and source archives of packages that exist only in tests."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

BACKEND = '''
import zipfile
from pathlib import Path

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "{name}-{version}-{tag}.whl"
    info = "{name}-{version}.dist-info"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as archive:
        archive.writestr("{name}.py", "")
        archive.writestr(info + "/METADATA", """{metadata}""")
        archive.writestr(info + "/WHEEL", """{wheel}""")
        archive.writestr(info + "/RECORD", "")
    return name
'''
PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def metadata_of(
    name: str, version: str, needs: Sequence[str] = (), *, python: str = "", licence: str = ""
) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {python}"] if python else []
    lines += [f"License: {licence}"] if licence else []
    lines += [f"Requires-Dist: {one}" for one in needs]
    return "\n".join(lines) + "\n"


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    needs: Sequence[str] = (),
    *,
    tag: str = "py3-none-any",
    python: str = "",
    licence: str = "",
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        metadata = metadata_of(name, version, needs, python=python, licence=licence)
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", wheel_text(tag))
        archive.writestr(f"{info}/RECORD", "")
    return path


def make_source(folder: Path, name: str, version: str, *, tag: str = "py3-none-any") -> Path:
    """Write a source archive that builds a wheel with a tag, without any other package."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = metadata_of(name, version)
    backend = BACKEND.format(
        name=name, version=version, tag=tag, metadata=metadata, wheel=wheel_text(tag)
    )
    path = folder / f"{name}-{version}.tar.gz"
    files = {"PKG-INFO": metadata, "backend.py": backend, "pyproject.toml": PROJECT}
    with tarfile.open(path, "w:gz") as archive:
        for file, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(text)
            archive.addfile(entry, BytesIO(text.encode()))
    return path


def wheel_text(tag: str) -> str:
    pure = "true" if tag.endswith("none-any") else "false"
    return f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\nTag: {tag}\n"
