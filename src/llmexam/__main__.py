"""The `llmexam` command.

Exit code 0 means success, 1 a failed check, 2 bad input, 130 that it was interrupted, 141 that the
reader of its output went away.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import NoReturn

from llmexam.cli.interrupts import INTERRUPTED, end_interrupted
from llmexam.cli.streams import escape_output
from llmexam.errors import LlmExamError
from llmexam.machine import mark_as_command

_LONGEST = 2000
# 128 and the number of SIGPIPE, as shells report it for other commands.
_CLOSED_PIPE = 141
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
_FULL = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "disk quota exceeded",
    errno.EFBIG: "the file is too large for this disk, or for the limit of this process",
}


def main() -> None:
    """Run the command line; errors that a user can fix are printed as one line on stderr."""
    _prepare_streams()
    mark_as_command()
    bad = next((argument for argument in sys.argv[1:] if not _is_utf8(argument)), None)
    if bad is not None:
        _fail(f"expected an argument in UTF-8, got {bad!r}: rename the file")
    try:
        from llmexam.cli.app import app

        code = app(standalone_mode=False)
        # typer makes a code of an interrupt, and is silent.
        if code == INTERRUPTED:
            end_interrupted()
        sys.stdout.flush()
        sys.exit(code)
    except SystemExit as end:
        # typer makes code 1 of a closed pipe, which would mean a failed check.
        if isinstance(end.__context__, BrokenPipeError):
            _end_quietly()
        raise
    except LlmExamError as error:
        _fail(str(error))
    except OSError as error:
        _end_after(error)
    except KeyboardInterrupt:
        end_interrupted()
    except MemoryError as error:
        _fail(f"out of memory: {str(error) or 'use smaller batches, or a machine with more of it'}")
    except Exception as error:
        _tell_usage(error)
        # torch has no common class for these.
        if any(sign in str(error) for sign in _OUT_OF_MEMORY):
            _fail(f"out of memory: {str(error).splitlines()[0]}")
        raise


def _end_after(error: OSError) -> NoReturn:
    """End after an error of the system, in one line: what it refuses is the user's to mend."""
    if isinstance(error, BrokenPipeError):
        _end_quietly()
    if error.errno in _FULL:
        what = error.filename or "a file"
        _fail(f"{_FULL[error.errno]}: {what} was not written. Free some space")
    _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _end_quietly() -> NoReturn:
    """End the process as if the system had ended it because no one reads its output."""
    # Python would try to write the rest when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(_CLOSED_PIPE)


def _tell_usage(error: Exception) -> None:
    """Tell a mistake in the command line in one line, where the error is one.

    Whether typer brings its own copy of click depends on its version, so these errors are known
    by what they can do.
    """
    if not (hasattr(error, "format_message") and hasattr(error, "ctx")):
        return
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]
        sys.exit(2)
    command = error.ctx.command_path if error.ctx else "llmexam"
    _fail(f"{error.format_message().rstrip('.')}. See: {command} --help")


def _prepare_streams() -> None:
    """Let a terminal show what it can, rather than fail on the rest or obey it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    escape_output()


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _fail(message: str) -> NoReturn:
    line = " ".join(message.splitlines())
    # A field of 30 MB may be part of a message.
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} [...] {line[-_LONGEST // 2 :]}"
    # Names and ids come from files, and may hold commands to the terminal.
    line = "".join(c if c.isprintable() else "\ufffd" for c in line)
    print(f"error: {line}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
