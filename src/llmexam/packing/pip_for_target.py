"""Run pip for another Python version and for packages of which only names and versions are known.

This file is run as a script, in a process of its own. pip evaluates environment markers such as
`python_version < "3.12"` for the Python that runs it, whatever `--python-version` says, and looks
at the packages of that Python. Neither has an option. So the packages are replaced by those of the
machine, and so is the function of the package `packaging` that pip takes markers from; the exit
code is 64 if pip does not use it. Tried with pip 23.2 and 26.3.

    python -I -S pip_for_target.py SETTINGS.json ARGUMENT...
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

UNKNOWN_PIP = 64
"""Exit code that pip itself does not have."""
_DRY_RUN_WITH_PLATFORM = 24


def main() -> int:
    """Run pip with the remaining arguments, and return its exit code."""
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path.insert(0, settings["pip"])
    pip = import_module("pip")
    try:
        run = import_module("pip._internal.cli.main").main
        if settings["markers"] is not None:
            _set_markers(settings["markers"])
            if int(pip.__version__.partition(".")[0]) < _DRY_RUN_WITH_PLATFORM:
                _permit_platforms()
    except (ImportError, AttributeError, LookupError) as error:
        sys.stderr.write(f"pip {pip.__version__} has other parts than expected: {error}\n")
        return UNKNOWN_PIP
    sys.path.remove(settings["pip"])
    # Only what the image has counts as installed.
    sys.path.append(settings["installed"])
    return int(run(sys.argv[2:]))


def _set_markers(values: dict[str, str]) -> None:
    markers: Any = import_module("pip._vendor.packaging.markers")
    if not hasattr(markers, "default_environment"):
        raise AttributeError("packaging.markers.default_environment")
    # No machine has this value.
    markers.default_environment = lambda: {**values, "sys_platform": "0"}
    if not markers.Marker("sys_platform == '0'").evaluate():
        raise LookupError("its environment markers do not use default_environment")
    markers.default_environment = lambda: dict(values)


def _permit_platforms() -> None:
    """Let old versions of pip resolve for another platform without --target.

    With --target, they would ignore what is installed. Nothing is installed in a dry run.
    """
    options: Any = import_module("pip._internal.cli.cmdoptions")
    if not hasattr(options, "check_dist_restriction"):
        raise AttributeError("pip._internal.cli.cmdoptions.check_dist_restriction")
    options.check_dist_restriction = lambda options, check_target=False: None


if __name__ == "__main__":
    sys.exit(main())
