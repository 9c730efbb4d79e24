"""Check that vectors are added to an index in the precision that it records."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import IndexMismatchError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.manifest import Manifest


def require_recorded_precision(encoder: Encoder, manifest: Manifest, folder: Path) -> None:
    """Check that an encoder has the precision of an index that passages are added to.

    A search may use another precision, because its vectors are not stored. An index without a
    recorded precision takes the default of each machine.

    Args:
        encoder: The encoder; one without the attribute `precision` is not checked.
        manifest: The manifest of the index.
        folder: The index, for error messages.

    Raises:
        IndexMismatchError: The precisions differ, such as on a processor without int8.
    """
    recorded = manifest.encoder.precision if manifest.encoder is not None else None
    actual = getattr(encoder, "precision", None)
    if recorded is None or actual is None or actual == recorded:
        return
    raise IndexMismatchError(
        f"expected an encoder in the precision of the index ({recorded}) to add passages, got "
        f"{actual}",
        file=folder,
        field="encoder.precision",
        hint="int8 needs a processor with VNNI or AMX: change the index on such a machine, or "
        "build it again with another --precision"
        if recorded == "int8"
        else f"Load the encoder in {recorded}, or leave it out",
    )
