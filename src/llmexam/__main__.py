"""The `llmexam` command.

Exit code 0 means success, 1 a failed check, 2 bad input, 130 that it was interrupted.
"""

from __future__ import annotations

import errno
import io
import sys

from llmexam.cli.interrupts import INTERRUPTED, end_interrupted
from llmexam.errors import LlmExamError
from llmexam.machine import mark_as_command

_LONGEST = 2000


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
        sys.exit(code)
    except LlmExamError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(
                f"no space left on the disk: {error.filename or 'a file'} was not "
                "written. Free some space"
            )
        if isinstance(error, BrokenPipeError):
            # The reader of our output went away (`llmexam search ... | head`): no error.
            sys.stderr.close()
            sys.exit(0)
        # What the system refuses about a file is the user's to mend; the rest is a bug.
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        end_interrupted()
    except MemoryError as error:
        _fail(f"out of memory: {error or 'use smaller batches'}")
    except Exception as error:
        _tell_usage(error)
        raise


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
    """Let a terminal that is not UTF-8 show what it can, rather than fail on the rest."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _fail(message: str) -> None:
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
