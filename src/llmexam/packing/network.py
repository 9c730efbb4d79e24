"""Run a command without a network, on a read-only folder, with limited memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from llmexam.packing.limited import limited_command

# Binds a folder onto itself, read-only, and runs the rest.
_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
# Nothing listens on port 9 (discard) of the machine itself.
_CLOSED = "http://127.0.0.1:9"
_WAIT = 20.0

Isolation = Literal["namespace", "network namespace", "environment"]


@dataclass(frozen=True, slots=True)
class Isolated:
    """A command that ended.

    Attributes:
        code: Its exit code.
        output: What it printed.
        peak_bytes: Most memory that one of its processes used.
    """

    code: int
    output: str
    peak_bytes: int


def describe_isolation(isolation: Isolation) -> str:
    """Return how commands are kept from the network, for the output."""
    return {
        "namespace": "network off (a network namespace of its own), pack mounted read-only",
        "network namespace": "network off (a network namespace of its own); the pack could not be "
        "mounted read-only",
        "environment": "network NOT off, because namespaces are not permitted here: pip has no "
        "index, and the proxy variables name a closed port",
    }[isolation]


@cache
def isolation_here() -> Isolation:
    """Return the strongest isolation that this machine permits."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return "environment"
    probe = ["sh", "-c", _READ_ONLY, "sh", "/tmp", "true"]
    if _succeeds(["unshare", "-r", "-n", "-m", *probe]):
        return "namespace"
    return "network namespace" if _succeeds(["unshare", "-r", "-n", "true"]) else "environment"


def run_isolated(
    command: Sequence[str],
    *,
    isolation: Isolation,
    read_only: Path,
    environment: Mapping[str, str],
    work: Path,
    memory_bytes: int | None = None,
) -> Isolated:
    """Run a command without a network and return its exit code, output and peak memory.

    Args:
        command: The command.
        isolation: How it is kept from the network.
        read_only: Folder that is mounted read-only.
        environment: All environment variables of the command.
        work: Its working directory.
        memory_bytes: Limit of its address space (RLIMIT_AS); None for no limit.
    """
    wrapped = list(command)
    if isolation == "namespace":
        wrapped = ["unshare", "-r", "-n", "-m", "sh", "-c", _READ_ONLY, "sh", str(read_only)]
        wrapped += command
    elif isolation == "network namespace":
        wrapped = ["unshare", "-r", "-n", *command]
    result = work / "limited.json"
    result.unlink(missing_ok=True)
    done = subprocess.run(
        limited_command(result, memory_bytes or 0, wrapped),
        env=dict(environment),
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    peak = json.loads(result.read_bytes())["peak_bytes"] if result.is_file() else 0
    return Isolated(done.returncode, done.stdout, int(peak))


def offline_environment(home: Path, path: str) -> dict[str, str]:
    """Return the environment variables of a trial: nothing of the user's, and no network.

    Args:
        home: Home folder of the trial, so that caches of the user are not found.
        path: Folders to look for programs in.
    """
    proxies = {name: _CLOSED for name in ("http_proxy", "https_proxy", "all_proxy")}
    return {
        "PATH": path,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        **proxies,
        **{name.upper(): value for name, value in proxies.items()},
    }


def _succeeds(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_WAIT)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
