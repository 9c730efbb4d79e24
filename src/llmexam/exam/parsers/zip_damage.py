"""What zipfile and its decoders raise for damaged, encrypted or unknown archives."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib

ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""Errors of archives that cannot be read; zipfile lets many kinds through."""
