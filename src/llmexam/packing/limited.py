"""Run a command with a limit of its address space, and write the peak memory of its processes.

This file is run as a script: python -I -S limited.py RESULT.json BYTES COMMAND...
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run the command and return its exit code."""
    result, limit, command = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "win32":
        return subprocess.run(command).returncode
    import resource

    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    code = subprocess.run(command).returncode
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # macOS counts bytes, Linux counts units of 1024 bytes.
    peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    result.write_text(json.dumps({"peak_bytes": peak_bytes}), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
