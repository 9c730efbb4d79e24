"""The `llmexam` command: exit code 0 for success, 1 for a failed check, 2 for bad input."""

from __future__ import annotations

import errno
import sys

from llmexam.errors import LlmExamError


def main() -> None:
    """Run the command line; errors a user can mend become one line on stderr."""
    from llmexam.cli.app import app

    try:
        app()
    except LlmExamError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(
                f"the disk is full: {error.filename or 'a file'} was not written; free some space"
            )
        if isinstance(error, BrokenPipeError):
            # The reader of our output went away (`llmexam search ... | head`): no error.
            sys.stderr.close()
            sys.exit(0)
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOENT, errno.EISDIR, errno.ENOTDIR):
            _fail(f"{error.filename}: {error.strerror}")
        raise


def _fail(message: str) -> None:
    print(f"error: {' '.join(message.splitlines())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
