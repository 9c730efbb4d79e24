"""A decoder and what it can do: its states, its head, and whether its layers can share."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from llmexam.errors import ModelError
from llmexam.lm.decoder.attention import register
from llmexam.lm.decoder.binary_head import BinaryHead, ends_in_binary_head, has_binary_head
from llmexam.lm.decoder.head import Head, TokenHead
from llmexam.lm.decoder.loading import read_weights
from llmexam.lm.decoder.rounding import keep_products_plain, rounding_config
from llmexam.lm.models.device import torch_device
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, require_packages, resolve_model
from llmexam.lm.models.precision import choose_dtype

DecoderPrecision = Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"]
_LOG = logging.getLogger(__name__)


class Decoder:
    """A causal language model, made ready to share what requests have in common.

    Args:
        model: A transformers model for causal language modelling, or for sequence classification
            with one label, in evaluation mode.
        tokenizer: Its tokenizer.
        folder: Where it is from; None for one made in memory.
        quantised: What its weights were rounded to, if anything.
        shares: Whether its layers can share, if that is known; else it is found out.

    Attributes:
        shares: Whether its layers compute shared tokens once. Where they cannot (a state that
            runs through the tokens, attention of their own), each request is read alone.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        folder: ModelFolder | None = None,
        *,
        quantised: Literal["", "int8", "nf4"] = "",
        shares: bool | None = None,
    ) -> None:
        self.quantised = quantised
        self.model = model
        self.tokenizer = tokenizer
        self.folder = folder
        self.head: Head = BinaryHead(model) if ends_in_binary_head(model) else TokenHead(model)
        self._own_attention = model.config._attn_implementation
        self._probed = shares

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        found: torch.device = self.model.device
        return found

    @property
    def dtype(self) -> torch.dtype:
        """The type of its states."""
        found: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return found

    @property
    def has_binary_head(self) -> bool:
        """Whether it says one number of a whole text; else how likely tokens are."""
        return isinstance(self.head, BinaryHead)

    @property
    def computes(self) -> str:
        """What decides its numbers beside the weights, such as `bfloat16` or `float32 int8`."""
        return f"{str(self.dtype).removeprefix('torch.')} {self.quantised}".strip()

    @property
    def longest(self) -> int | None:
        """Tokens it reads at most; None where it sets no limit."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    @cached_property
    def rotations_change_at(self) -> int | None:
        """Tokens beyond which all its positions are rotated in another way; None for never."""
        return rotations_change_at(self.model.config.get_text_config())

    @cached_property
    def cache_bytes_per_token(self) -> int:
        """Bytes of keys and values of a token, all layers."""
        config = self.model.config.get_text_config()
        size = torch.empty(0, dtype=self.dtype).element_size()
        n_all = getattr(config, "num_attention_heads", None)
        # Without attention nothing is kept; count one state a layer.
        n_heads = getattr(config, "num_key_value_heads", None) or n_all or 1
        dim = getattr(config, "head_dim", None) or config.hidden_size // (n_all or 1)
        return int(2 * config.num_hidden_layers * n_heads * dim * size)

    def require_fits(self, n_tokens: int) -> None:
        """Check that a request is not longer than the model reads.

        Raises:
            ModelError: It is.
        """
        if self.longest is not None and n_tokens > self.longest:
            raise ModelError(
                f"a prompt has {n_tokens} tokens, more than the model's limit of {self.longest}",
                hint="Use less evidence or fewer examples",
            )

    @property
    def shares(self) -> bool:
        """Whether requests may share tokens; found out with a few tokens, once."""
        if self._probed is None:
            from llmexam.lm.decoder.probe import difference, tolerance

            try:
                apart = difference(self)
                self._probed = apart <= tolerance(self.dtype)
            except Exception as error:  # whatever a model's own code does not expect
                apart = float("nan")
                _LOG.debug("sharing fails: %s", error)
                self._probed = False
            if not self._probed:
                _LOG.warning(
                    "%s cannot reuse cached prefixes (difference of %.2g nats): each "
                    "prompt is processed on its own, which takes longer",
                    self.model.config.model_type,
                    apart,
                )
        return self._probed

    def states(self, ids: Tensor, places: Tensor) -> Tensor:
        """Return the last states, shape `[n_rows, n_tokens, hidden_size]`, under `seeing`."""
        self.model.set_attn_implementation(register())
        try:
            # Four dimensions, so that no mask is made: `seeing` says who sees whom.
            nothing = torch.zeros(1, 1, 1, 1, device=ids.device, dtype=self.dtype)
            out = self.model.base_model(
                input_ids=ids, position_ids=places, attention_mask=nothing, use_cache=False
            )
        finally:
            self.model.set_attn_implementation(self._own_attention)
        states: Tensor = out.last_hidden_state
        return states

    def plain_states(self, ids: Tensor, real: Tensor) -> Tensor:
        """Return last states as the model computes them itself; padding stands behind.

        Args:
            ids: Token ids, shape `[n_rows, n_tokens]`.
            real: Which are no padding, same shape.

        Returns:
            Shape `[n_rows, n_tokens, hidden_size]`.
        """
        out = self.model.base_model(input_ids=ids, attention_mask=real.long(), use_cache=False)
        states: Tensor = out.last_hidden_state
        return states

    def plain_logits(self, ids: Tensor, real: Tensor, keep: Tensor) -> Tensor:
        """Return logits as the model computes them itself; padding stands behind.

        Args:
            ids: Token ids, shape `[n_rows, n_tokens]`.
            real: Which are no padding, same shape.
            keep: Places whose logits are asked for, of any row, shape `[n_keep]`.

        Returns:
            float32, shape `[n_rows, n_keep, n_vocabulary]`.
        """
        out = self.model(
            input_ids=ids, attention_mask=real.long(), use_cache=False, logits_to_keep=keep
        )
        logits: Tensor = out.logits
        # Models that know no `logits_to_keep` return all.
        return (logits if logits.shape[1] == len(keep) else logits[:, keep]).float()


def rotations_change_at(config: Any) -> int | None:
    """Return after how many tokens a model's rotations are others (longrope), or None for never.

    The longest row of a pass decides for all of them (arXiv 2402.13753 has two sets of factors).

    Args:
        config: The model's, of its text part.
    """
    found = getattr(config, "rope_parameters", None) or {}
    # One set of parameters, or one for each type of layer.
    sets = [found, *(one for one in found.values() if isinstance(one, dict))]
    limits = [
        int(one.get("original_max_position_embeddings") or config.max_position_embeddings)
        for one in sets
        if one.get("rope_type") == "longrope"
    ]
    return min(limits, default=None)


def load_decoder(
    name: str, *, precision: DecoderPrecision = "auto", device: str = "cpu"
) -> Decoder:
    """Return a decoder by name; its config tells whether it ends in a binary head.

    Args:
        name: A local folder or a Hugging Face name.
        precision: Type of weights and states; int8 and nf4 quantise the weights as they are read.
        device: A torch device.

    Raises:
        ModelError: There is no such model, it is no causal language model, or its binary head
            lacks weights or has more than one output.
    """
    folder = resolve_model(name)
    model = _load(folder, precision, torch_device(device))
    rounded = precision if precision in ("int8", "nf4") else ""
    return Decoder(model, load_tokenizer(folder), folder, quantised=rounded)


def _load(folder: ModelFolder, precision: DecoderPrecision, device: torch.device) -> Any:
    options: dict[str, Any] = {}
    dtype = choose_decoder_dtype(precision, device)
    if precision == "int8" or precision == "nf4":
        require_packages(f"precision '{precision}'", "bitsandbytes")
        options["quantization_config"] = rounding_config(precision, dtype)
        options["device_map"] = {"": str(device)}
    model = read_weights(folder, binary_head=has_binary_head(folder), dtype=dtype, **options)
    if options:
        keep_products_plain(model)
    else:
        model = model.to(device)
    return model.eval()


def choose_decoder_dtype(precision: DecoderPrecision, device: torch.device) -> torch.dtype:
    """Return the type of states and of weights that are not quantised."""
    if precision == "fp16":
        return torch.float16
    if precision == "int8" or precision == "nf4":
        precision = "auto"
    return choose_dtype(precision, device)
