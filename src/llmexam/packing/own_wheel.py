"""Write the wheel of llmexam from the installed package.

The code that is packed is the code that runs here, whether it was installed from an index or from
a source checkout, and building it needs no network.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from llmexam.errors import MissingDependencyError
from llmexam.storage.atomic import atomic_path
from llmexam.storage.temporary import is_temporary

_WHEEL = "Wheel-Version: 1.0\nGenerator: llmexam\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
# Of all files, so that equal code gives an equal wheel.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def write_own_wheel(folder: Path) -> Path:
    """Write the wheel of llmexam into a folder and return its path.

    Raises:
        MissingDependencyError: llmexam is not installed, but imported from a folder.
    """
    try:
        installed = distribution("llmexam")
    except PackageNotFoundError:
        raise MissingDependencyError("`llmexam pack`", "llmexam", "", install="llmexam") from None
    package = Path(__file__).resolve().parents[1]
    info = f"llmexam-{installed.version}.dist-info"
    files = {
        f"llmexam/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and not is_temporary(path)
    }
    for name in ("METADATA", "entry_points.txt"):
        files[f"{info}/{name}"] = (installed.read_text(name) or "").encode()
    for file in installed.files or ():
        place = Path(file.locate())
        if "licenses" in file.parts and place.is_file():
            files[f"{info}/licenses/{file.name}"] = place.read_bytes()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD").encode()
    path = folder / f"llmexam-{installed.version}-py3-none-any.whl"
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = _MODE
            archive.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED)
    return path


def _record(files: dict[str, bytes], own: str) -> str:
    """Return the list of files with hashes and sizes that every wheel has."""
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(content)}")
    return "\n".join([*lines, f"{own},,", ""])
