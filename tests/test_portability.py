"""The package imports on every system: what only POSIX has is asked for in one module, guarded."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "llmexam"
MODULES = sorted(SOURCE.rglob("*.py"))
GUARDED = SOURCE / "machine.py"

POSIX_MODULES = {
    *("crypt", "fcntl", "grp", "nis", "ossaudiodev", "posix", "pty", "pwd", "resource", "spwd"),
    *("syslog", "termios", "tty"),
}
POSIX_NAMES = {
    "os": {
        *("fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getsid"),
        *("getuid", "killpg", "mkfifo", "nice", "pread", "pwrite", "sched_getaffinity"),
        *("sched_setaffinity", "setsid", "setuid", "statvfs", "sysconf", "uname", "wait"),
        *("O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK"),
    },
    "signal": {
        *("SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP"),
        *("SIGTSTP", "SIGUSR1", "SIGUSR2", "alarm", "pause", "pthread_sigmask", "setitimer"),
    },
    "select": {"epoll", "kqueue", "poll"},
    "time": {"tzset"},
}

HIDE_AND_IMPORT = """
import builtins, importlib, pkgutil, sys
hidden = set(sys.argv[1].split(","))
original = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if name.partition(".")[0] in hidden and importer.partition(".")[0] == "llmexam":
        raise ModuleNotFoundError(f"{importer} imports {name}", name=name)
    return original(name, globals, locals, fromlist, level)

builtins.__import__ = guarded
import llmexam
for room in ("llmexam.cli", "llmexam.workflows"):
    package = importlib.import_module(room)
    for found in pkgutil.walk_packages(package.__path__, f"{room}."):
        importlib.import_module(found.name)
        print(found.name)
"""


@pytest.mark.slow
def test_commands_and_workflows_import_without_posix_modules():
    done = subprocess.run(
        [sys.executable, "-c", HIDE_AND_IMPORT, ",".join(POSIX_MODULES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert {"llmexam.cli.run", "llmexam.cli.train", "llmexam.cli.app"} <= set(done.stdout.split())


def test_posix_names_stay_in_the_guarded_module():
    found = [
        f"{path.relative_to(SOURCE).as_posix()}: {name}"
        for path in MODULES
        if path != GUARDED
        for name in posix_uses(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == [], f"ask for it in {GUARDED.name}, behind a guard"


def posix_uses(tree):
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found += [n.name for n in names if n.name.partition(".")[0] in POSIX_MODULES]
            case ast.ImportFrom(module=str(module), names=names):
                if module.partition(".")[0] in POSIX_MODULES:
                    found.append(module)
                known = POSIX_NAMES.get(module, ())
                found += [f"{module}.{n.name}" for n in names if n.name in known]
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                if name in POSIX_NAMES.get(owner, ()):
                    found.append(f"{owner}.{name}")
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import resource",
        "from fcntl import flock",
        "from os import fork",
        "import os\nos.sched_getaffinity(0)",
        "import signal\nsignal.SIGKILL",
        "def late():\n    import pwd",
    ],
)
def test_the_search_finds_posix_names(code):
    assert len(posix_uses(ast.parse(code))) == 1


def test_peak_memory_and_cores_are_plausible():
    from llmexam.machine import n_cores, peak_memory_mb

    assert 10 < peak_memory_mb() < 1e6
    assert n_cores() >= 1
