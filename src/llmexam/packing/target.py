"""The machine that a pack is for: its Python version and its platform."""

from __future__ import annotations

import platform
import re
import sys
import sysconfig
from dataclasses import dataclass

from llmexam.errors import SettingsError

KAGGLE_PLATFORM = "manylinux_2_35_x86_64"
"""Kaggle's image is built on Ubuntu 22.04, which has glibc 2.35."""

_VERSION = re.compile(r"3\.(\d+)(\.\d+)?")
_MANYLINUX = re.compile(r"manylinux_2_(\d+)_(\w+)")
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_FIRST_GLIBC = 5
_SYSTEMS = {
    "manylinux": ("posix", "linux", "Linux"),
    "musllinux": ("posix", "linux", "Linux"),
    "linux": ("posix", "linux", "Linux"),
    "macosx": ("posix", "darwin", "Darwin"),
    "win": ("nt", "win32", "Windows"),
}
_MACHINES = ("x86_64", "aarch64", "arm64", "universal2", "amd64", "i686", "ppc64le", "s390x")


@dataclass(frozen=True, slots=True)
class Target:
    """Python version and platform of a machine.

    Attributes:
        python: Version, `3.11` or `3.11.13`.
        platform: Platform tag of wheels, such as `manylinux_2_35_x86_64`.
        told_by: Where the Python version comes from, for the output.
    """

    python: str
    platform: str
    told_by: str = ""

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.python):
            raise SettingsError(
                f"expected a Python version such as 3.11, got '{self.python}'", field="python"
            )
        if _system(self.platform) is None:
            raise SettingsError(
                "expected a platform of wheels, such as manylinux_2_35_x86_64 or "
                f"macosx_14_0_arm64, got '{self.platform}'",
                field="platform",
            )

    @property
    def minor(self) -> str:
        """The version without its last part: `3.11`."""
        return ".".join(self.python.split(".")[:2])

    @property
    def is_like_here(self) -> bool:
        """Whether this Python has the same minor version."""
        return self.minor == _here_minor()

    @property
    def pip_options(self) -> list[str]:
        """Options of pip that select wheels for this machine."""
        options = ["--python-version", self.python, "--implementation", "cp"]
        for one in self.platforms:
            options += ["--platform", one]
        return options

    @property
    def platforms(self) -> list[str]:
        """All platform tags whose wheels run on this machine, most specific first."""
        found = _MANYLINUX.fullmatch(self.platform)
        if found is None:
            return [self.platform]
        machine = found[2]
        tags = []
        for glibc in range(int(found[1]), _FIRST_GLIBC - 1, -1):
            tags.append(f"manylinux_2_{glibc}_{machine}")
            if glibc in _OLD_NAMES:
                tags.append(f"{_OLD_NAMES[glibc]}_{machine}")
        return [*tags, f"linux_{machine}"]

    @property
    def markers(self) -> dict[str, str]:
        """Values of the environment markers (PEP 508) on this machine."""
        full = self.python
        if full.count(".") == 1:
            full = platform.python_version() if self.is_like_here else f"{full}.10"
        os_name, sys_platform, system = _system(self.platform) or _SYSTEMS["linux"]
        machine = next((one for one in _MACHINES if self.platform.endswith(one)), "x86_64")
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": os_name,
            "platform_machine": machine,
            "platform_release": "",
            "platform_system": system,
            "platform_version": "",
            "python_full_version": full,
            "platform_python_implementation": "CPython",
            "python_version": self.minor,
            "sys_platform": sys_platform,
        }


def choose_target(
    python: str | None, platform_tag: str | None, *, frozen: str | None, is_kaggle: bool
) -> Target:
    """Return the target of a pack.

    Args:
        python: Python version that the user gave.
        platform_tag: Platform that the user gave.
        frozen: Python version that the file of frozen packages tells of.
        is_kaggle: Whether the pack is for Kaggle.

    Raises:
        SettingsError: A value is not a version or a platform.
    """
    if python is not None:
        chosen, told_by = python, "given"
    elif frozen is not None:
        chosen, told_by = frozen, "from the frozen packages"
    else:
        chosen, told_by = _here_minor(), "that of this installation; --python sets another"
    tag = platform_tag or (KAGGLE_PLATFORM if is_kaggle else _here_platform())
    return Target(chosen, tag, told_by)


def _here_minor() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _here_platform() -> str:
    library, version = platform.libc_ver()
    if sys.platform == "linux" and library == "glibc":
        major, minor = version.split(".")[:2]
        return f"manylinux_{major}_{minor}_{platform.machine()}"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def _system(tag: str) -> tuple[str, str, str] | None:
    return next((system for start, system in _SYSTEMS.items() if tag.startswith(start)), None)
