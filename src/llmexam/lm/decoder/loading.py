"""Load a decoder with transformers: safetensors only, all weights present, no remote code."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from llmexam.errors import ModelError
from llmexam.lm.decoder.binary_head import auto_class, require_binary_head
from llmexam.lm.models.loading import ModelFolder, quiet_transformers


def read_weights(
    folder: ModelFolder, *, binary_head: bool, new: Collection[str] = (), **options: Any
) -> Any:
    """Return the transformers model of a folder, without randomly initialised weights.

    Args:
        folder: The model folder.
        binary_head: Whether to load a sequence classifier with one label instead of a causal
            language model.
        new: Parameters that the folder may lack, because the caller sets them.
        **options: Arguments of `from_pretrained`.

    Raises:
        ModelError: It is not such a decoder, lacks weights, or its files are damaged.
    """
    try:
        with quiet_transformers():
            model, told = auto_class(binary_head=binary_head).from_pretrained(
                str(folder.path),
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
                **options,
            )
    except Exception as error:  # hostile values in a config lead to any exception
        text = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(
            f"cannot be loaded as a decoder model: {text}", file=folder.path
        ) from error
    # Checked first, because a head of another shape also makes weights missing.
    if binary_head:
        require_binary_head(model, folder)
    missing = sorted(set(told["missing_keys"]) - set(new))
    if missing:
        # transformers initialises missing weights at random, such as a head that is absent.
        kind = (
            "decoder with a binary classification head" if binary_head else "causal language model"
        )
        raise ModelError(
            f"expected a {kind}, but weights are missing for '{missing[0]}' "
            f"({len(missing)} in all)",
            file=folder.path,
        )
    return model
