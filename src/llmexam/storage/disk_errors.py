"""Errors of the disk in the messages of libraries that do not pass on their number."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

_OFTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES)
# As Rust's standard library writes it.
_RUST = re.compile(r"os error (\d{1,4})\)")
_LITTLE_BYTES = 32_000_000


def disk_error(message: str, path: Path) -> OSError | None:
    """Return the error of the disk that a library's message tells of, or None.

    Args:
        message: The message.
        path: What was written: the disk may be full though the message does not say so.
    """
    number = next((one for one in _OFTEN if os.strerror(one) in message), None)
    if number is None and (found := _RUST.search(message)):
        number = int(found[1])
    if number is None:
        folder = next((one for one in (path, *path.parents) if one.is_dir()), Path())
        if shutil.disk_usage(folder).free < _LITTLE_BYTES:
            number = errno.ENOSPC
    return None if number is None else OSError(number, os.strerror(number), str(path))
