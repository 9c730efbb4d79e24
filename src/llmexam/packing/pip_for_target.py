"""Run pip for another Python version and for packages of which only names and versions are known.

This file is run as a script, in a process of its own. pip evaluates environment markers such as
`python_version < "3.12"` for the Python that runs it, whatever `--python-version` says, and looks
at the packages of that Python. Both are replaced here.

    python -I -S pip_for_target.py SETTINGS.json ARGUMENT...
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def main() -> int:
    """Run pip with the remaining arguments, and return its exit code."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path.insert(0, settings["pip"])
    run = import_module("pip._internal.cli.main").main
    markers: Any = import_module("pip._vendor.packaging.markers")
    options: Any = import_module("pip._internal.cli.cmdoptions")
    sys.path.remove(settings["pip"])
    # Only what the image has counts as installed.
    sys.path.append(settings["installed"])
    if settings["markers"] is not None:
        if not hasattr(markers, "default_environment"):
            sys.stderr.write("pip_for_target: this version of pip has other environment markers\n")
            return 3
        markers.default_environment = lambda: dict(settings["markers"])
        # Before version 24, a dry run for another platform needed --target, and with it pip
        # ignores what is installed. Nothing is installed here.
        options.check_dist_restriction = lambda options, check_target=False: None
    return int(run(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
