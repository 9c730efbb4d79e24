"""A decoder: hidden states, head, limits, and whether its layers can share prefixes."""

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
from llmexam.lm.decoder.int8_layers import int8_name, quantise_layers
from llmexam.lm.decoder.loading import read_weights
from llmexam.lm.decoder.rounding import keep_products_plain, rounding_config
from llmexam.lm.models.device import torch_device
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, require_packages, resolve_model
from llmexam.lm.models.precision import choose_dtype

DecoderPrecision = Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"]
_LOG = logging.getLogger(__name__)


class Decoder:
    """A causal language model, prepared to compute shared tokens once.

    Args:
        model: A transformers model for causal language modelling, or for sequence classification
            with one label, in evaluation mode.
        tokenizer: Its tokenizer.
        folder: Its folder; None for a model created in memory.
        quantised: Name of the quantisation of its weights; empty for none.
        shares: Whether its layers support shared prefixes; None tests it.

    Attributes:
        shares: Whether shared tokens are computed once. If the layers do not support it
            (recurrent state, custom attention), each request is computed alone.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        folder: ModelFolder | None = None,
        *,
        quantised: str = "",
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
        """The device."""
        found: torch.device = self.model.device
        return found

    @property
    def dtype(self) -> torch.dtype:
        """Type of the hidden states."""
        found: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return found

    @property
    def has_binary_head(self) -> bool:
        """Whether it has a binary head instead of a language-model head."""
        return isinstance(self.head, BinaryHead)

    @property
    def computes(self) -> str:
        """Arithmetic that results depend on, such as `bfloat16` or `float32 int8`."""
        return f"{str(self.dtype).removeprefix('torch.')} {self.quantised}".strip()

    @property
    def longest(self) -> int | None:
        """Context length in tokens; None without a limit."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    @cached_property
    def rotations_change_at(self) -> int | None:
        """Length beyond which LongRoPE switches its scaling factors; None for other models."""
        return rotations_change_at(self.model.config.get_text_config())

    @cached_property
    def cache_bytes_per_token(self) -> int:
        """Bytes of keys and values per token, over all layers."""
        config = self.model.config.get_text_config()
        size = torch.empty(0, dtype=self.dtype).element_size()
        n_all = getattr(config, "num_attention_heads", None)
        # Models without attention store no keys; assume one state per layer.
        n_heads = getattr(config, "num_key_value_heads", None) or n_all or 1
        dim = getattr(config, "head_dim", None) or config.hidden_size // (n_all or 1)
        return int(2 * config.num_hidden_layers * n_heads * dim * size)

    def require_fits(self, n_tokens: int) -> None:
        """Check that a request fits the context length.

        Raises:
            ModelError: It does not.
        """
        if self.longest is not None and n_tokens > self.longest:
            raise ModelError(
                f"a prompt has {n_tokens} tokens, more than the model's limit of {self.longest}",
                hint="Use less evidence or fewer examples",
            )

    def require_room(self, n_prompt: int, n_new: int, *, subject: str, hint: str) -> None:
        """Check that a prompt and the tokens generated after it fit the context length.

        Args:
            n_prompt: Tokens of the prompt.
            n_new: Maximum new tokens.
            subject: What the prompt is of, for the error.
            hint: What to do about it.

        Raises:
            ModelError: They do not.
        """
        if self.longest is not None and n_prompt + n_new > self.longest:
            raise ModelError(
                f"{subject}: a prompt of {n_prompt} tokens and {n_new} new tokens exceed the "
                f"model's context length of {self.longest}",
                hint=hint,
            )

    @property
    def shares(self) -> bool:
        """Whether requests may share tokens; tested once with a few tokens."""
        if self._probed is None:
            from llmexam.lm.decoder.probe import difference, tolerance

            try:
                apart = difference(self)
                self._probed = apart <= tolerance(self.dtype)
            except Exception as error:  # a model's own code may raise anything
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
        """Return last hidden states, shape `[n_rows, n_tokens, hidden_size]`, under `seeing`."""
        self.model.set_attn_implementation(register())
        try:
            # A 4D mask makes transformers skip its own mask; `seeing` sets the real one.
            nothing = torch.zeros(1, 1, 1, 1, device=ids.device, dtype=self.dtype)
            out = self.model.base_model(
                input_ids=ids, position_ids=places, attention_mask=nothing, use_cache=False
            )
        finally:
            # `plain_states` and training use the attention of the model itself.
            self.model.set_attn_implementation(self._own_attention)
        states: Tensor = out.last_hidden_state
        return states

    def plain_states(self, ids: Tensor, real: Tensor) -> Tensor:
        """Return last hidden states by the model's own attention, padded at the end.

        Args:
            ids: Token ids, shape `[n_rows, n_tokens]`.
            real: False for padding, same shape.

        Returns:
            Shape `[n_rows, n_tokens, hidden_size]`.
        """
        out = self.model.base_model(input_ids=ids, attention_mask=real.long(), use_cache=False)
        states: Tensor = out.last_hidden_state
        return states

    def plain_logits(self, ids: Tensor, real: Tensor, keep: Tensor) -> Tensor:
        """Return logits by the model's own attention, padded at the end.

        Args:
            ids: Token ids, shape `[n_rows, n_tokens]`.
            real: False for padding, same shape.
            keep: Positions to return logits for, shape `[n_keep]`.

        Returns:
            float32, shape `[n_rows, n_keep, n_vocabulary]`.
        """
        out = self.model(
            input_ids=ids, attention_mask=real.long(), use_cache=False, logits_to_keep=keep
        )
        logits: Tensor = out.logits
        # Models without `logits_to_keep` return all logits.
        return (logits if logits.shape[1] == len(keep) else logits[:, keep]).float()


def rotations_change_at(config: Any) -> int | None:
    """Return the length at which LongRoPE switches its scaling factors, or None.

    The longest row of a pass decides for all rows (LongRoPE, arXiv 2402.13753, has two sets).

    Args:
        config: Text config of the model.
    """
    found = getattr(config, "rope_parameters", None) or {}
    # One set of parameters, or one per type of layer.
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
    """Load a decoder, with a binary or a language-model head according to its config.

    Args:
        name: A local folder or a Hugging Face name.
        precision: Type of weights and states; int8 and nf4 quantise the weights on loading. On a
            CPU, int8 also quantises the inputs of linear layers, for speed.
        device: A torch device.

    Raises:
        ModelError: There is no such model, it is not a causal language model, its binary
            head lacks weights or has several outputs, or int8 does not support it.
        MissingDependencyError: bitsandbytes is needed and not installed.
    """
    folder = resolve_model(name)
    place = torch_device(device)
    if precision == "int8" and place.type == "cpu":
        return _load_int8(folder)
    model = _load(folder, precision, place)
    rounded = precision if precision in ("int8", "nf4") else ""
    return Decoder(model, load_tokenizer(folder), folder, quantised=rounded)


def _load_int8(folder: ModelFolder) -> Decoder:
    if "quantization_config" in (folder.read_json("config.json") or {}):
        raise ModelError(
            "expected weights that are not quantized for precision int8, got a model with "
            "`quantization_config`",
            file=folder.path / "config.json",
            hint="Use the original model",
        )
    whole = _load(folder, "fp32", torch.device("cpu"))
    # Tested before: sharing changes states by rounding errors, which may move an input to the
    # next code, so that the test would need a wide tolerance.
    shares = Decoder(whole, None).shares
    quantise_layers(whole)
    return Decoder(whole, load_tokenizer(folder), folder, quantised=int8_name(), shares=shares)


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
    """Return the type of states and of unquantised weights."""
    if precision == "fp16":
        return torch.float16
    if precision == "int8" or precision == "nf4":
        precision = "auto"
    return choose_dtype(precision, device)
