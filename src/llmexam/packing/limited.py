"""Run a command with a limit of its address space, and write the peak memory of its processes.

It runs in a process of its own, because limits are inherited and cannot be lifted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from llmexam.machine import limit_address_space, peak_memory_of_children

_SOURCE = Path(__file__).resolve().parents[2]


def limited_command(result: Path, n_bytes: int, command: list[str]) -> list[str]:
    """Return a command that runs another one with limited memory.

    Args:
        result: JSON file that gets the peak memory.
        n_bytes: Limit of the address space; 0 for none.
        command: The command to run.
    """
    start = (
        f"import sys; sys.path.insert(0, {str(_SOURCE)!r}); "
        f"from {__name__} import main; sys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-I", "-S", "-c", start, str(result), str(n_bytes), *command]


def main(arguments: list[str]) -> int:
    """Run the command after the file and the limit, and return its exit code."""
    result, limit, *command = arguments
    limit_address_space(int(limit))
    code = subprocess.run(command).returncode
    peak = {"peak_bytes": peak_memory_of_children()}
    Path(result).write_text(json.dumps(peak), encoding="utf-8")
    return code
