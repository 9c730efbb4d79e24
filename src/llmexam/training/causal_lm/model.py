"""The decoder to train: all weights, or adapters over frozen, possibly quantised weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmexam.errors import MissingDependencyError, SettingsError
from llmexam.lm.decoder import (
    Continuation,
    ends_in_binary_head,
    keep_products_plain,
    plain_answers,
    read_weights,
    rounding_config,
    tolerance,
    whole_text,
)
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, require_packages, resolve_model
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.optimiser import freeze, set_dropout
from llmexam.training.causal_lm.binary_head import (
    load_with_head,
    require_objective,
    score_every_token,
    set_padding,
)
from llmexam.training.causal_lm.examples import Example, Part
from llmexam.training.causal_lm.objective import head_logits, log_probs
from llmexam.training.causal_lm.rows import collate
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.settings import LoraSettings

ADAPTER_FOLDER = "adapter"
_TRUNK, _BRANCHES = 6, (3, 2, 4)


@dataclass(frozen=True, slots=True)
class Trainee:
    """The model at the start of a training.

    Attributes:
        source: The initial weights.
        tokenizer: The tokenizer.
        model: The decoder as passed to the Trainer, wrapped by adapters if there are any.
        shares: Whether answers of a question can share a row under a tree mask.
        boolean_mask: Whether that mask is boolean; otherwise it is additive.
        pad_id: Token id to pad with.
    """

    source: ModelFolder
    tokenizer: Any
    model: Any
    shares: bool
    boolean_mask: bool
    pad_id: int

    @property
    def decoder(self) -> Any:
        """The transformers model without the wrapper of adapters."""
        return self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model

    @property
    def longest(self) -> int | None:
        """Context length in tokens; None without a limit."""
        return longest_input(self.decoder.config)


def load_trainee(settings: CausalLmTrainingSettings) -> Trainee:
    """Load the model to train.

    Raises:
        ModelError: The weights are missing or unusable.
        SettingsError: A setting does not match the model or another setting.
        MissingDependencyError: A package that a setting needs is not installed.
    """
    check_settings(settings)
    source = resolve_model(settings.model)
    require_objective(source, settings)
    tokenizer = load_tokenizer(source)
    model = load_weights(source, settings)
    if settings.objective == "binary-head":
        set_padding(model, tokenizer)
        score_every_token(model)
    set_dropout(model, settings.dropout)
    boolean = model.config._attn_implementation == "sdpa"
    shares = settings.objective != "answer" and _shares(model, settings, boolean=boolean)
    if settings.lora is not None:
        model = add_adapters(model, settings.lora, quantised=settings.quantise is not None)
    else:
        freeze(model, settings)
    pads = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    pad_id = next(token for token in pads if token is not None)
    return Trainee(source, tokenizer, model, shares, boolean, pad_id)


def check_settings(settings: CausalLmTrainingSettings) -> None:
    """Check combinations of settings.

    Raises:
        SettingsError: Settings are incompatible.
    """
    if settings.quantise is not None and settings.lora is None:
        raise SettingsError(
            "quantized weights cannot be trained without adapters",
            field="quantise",
            hint="Set `lora` as well (QLoRA)",
        )
    if settings.lora is not None and (settings.freeze_layers or settings.freeze_embeddings):
        raise SettingsError(
            "cannot be combined with `lora`, which freezes all weights already",
            field="freeze_layers",
        )
    if settings.objective == "answer" and settings.label_smoothing:
        raise SettingsError(
            "label smoothing is not supported by objective 'answer'",
            field="label_smoothing",
        )


def weights_dtype(settings: CausalLmTrainingSettings) -> torch.dtype:
    """Return the type of loaded weights.

    Trained weights have 32 bits; frozen weights, and those with 32-bit copies in DeepSpeed, have
    the training precision.
    """
    device = training_device(settings.device)
    precision = training_precision(settings.precision, device)
    if settings.lora is None and settings.deepspeed is None:
        return torch.float32
    return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)


def load_weights(source: ModelFolder, settings: CausalLmTrainingSettings) -> Any:
    """Return the transformers model of a folder.

    Raises:
        ModelError: It is not a causal language model, lacks weights, or its files are damaged.
        MissingDependencyError: bitsandbytes is needed and not installed.
    """
    options: dict[str, Any] = {}
    dtype = weights_dtype(settings)
    if settings.quantise is not None:
        require_packages(f"quantise '{settings.quantise}'", "bitsandbytes")
        options["quantization_config"] = rounding_config(settings.quantise, dtype, twice=True)
        options["device_map"] = {"": training_device(settings.device)}
    binary = settings.objective == "binary-head"
    model = _read(source, binary_head=binary, seed=settings.seed, dtype=dtype, **options)
    if settings.quantise is not None:
        keep_products_plain(model)
    return model


def add_adapters(model: Any, lora: LoraSettings, *, quantised: bool) -> Any:
    """Return a model wrapped with adapters, with all other weights frozen.

    Raises:
        MissingDependencyError: peft is not installed.
        SettingsError: No linear layer has one of the names.
    """
    try:
        from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    except ModuleNotFoundError:
        raise MissingDependencyError("training with adapters", "peft", "train") from None
    if quantised:
        # Gradient checkpointing is enabled by the Trainer.
        prepare: Any = prepare_model_for_kbit_training
        model = prepare(model, use_gradient_checkpointing=False)
    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # any number will do
        lora_dropout=lora.dropout,
        target_modules=targets,
        # A binary head is fully trained, in addition to the adapters.
        task_type="SEQ_CLS" if ends_in_binary_head(model) else "CAUSAL_LM",
    )
    try:
        with warnings.catch_warnings():
            # Names that transformers 6 drops.
            warnings.simplefilter("ignore", FutureWarning)
            adapted = get_peft_model(model, config)
    except ValueError as error:
        text = str(error).splitlines()[0][:200]
        raise SettingsError(
            f"adapters cannot be added to this model: {text}", field="lora.targets"
        ) from None
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            # Adapters already have 32 bits; a head has the type of the weights.
            parameter.data = parameter.data.float()
    return adapted


def save_trained(trainee: Trainee, folder: Path) -> None:
    """Write the weights in the type that the base model has on disk.

    Adapters are merged into the unquantised base weights, and also stored in `adapter/`.
    """
    model = merged(trainee, folder / ADAPTER_FOLDER)
    model.to(stored_dtype(trainee.source))
    model.save_pretrained(folder)


def merged(trainee: Trainee, adapter: Path) -> Any:
    """Write the adapters into a folder, and return the model with adapters merged."""
    if not hasattr(trainee.model, "peft_config"):
        return trainee.model
    trainee.model.save_pretrained(str(adapter))
    # peft writes an empty model page.
    (adapter / "README.md").unlink(missing_ok=True)
    rounded = getattr(trainee.decoder, "quantization_method", None) is not None
    # In a narrower type than on disk, small updates would be lost in rounding.
    if not rounded and trainee.decoder.dtype == stored_dtype(trainee.source):
        return trainee.model.merge_and_unload()
    from peft import PeftModel

    binary = ends_in_binary_head(trainee.decoder)
    whole = _read(trainee.source, binary_head=binary, seed=0, dtype=torch.float32)
    if binary:
        set_padding(whole, trainee.tokenizer)
    with warnings.catch_warnings():
        # Names that transformers 6 drops.
        warnings.simplefilter("ignore", FutureWarning)
        return PeftModel.from_pretrained(whole, str(adapter)).merge_and_unload()


def stored_dtype(source: ModelFolder) -> torch.dtype:
    """Return the type of a model's weights on disk; float32 if the config has none."""
    config = source.read_json("config.json") or {}
    name = config.get("dtype") or config.get("torch_dtype") or "float32"
    found = getattr(torch, str(name), None)
    return found if isinstance(found, torch.dtype) else torch.float32


def _read(source: ModelFolder, *, binary_head: bool, seed: int, **options: Any) -> Any:
    if binary_head:
        return load_with_head(source, seed=seed, **options)
    return read_weights(source, binary_head=False, **options)


def longest_input(config: Any) -> int | None:
    """Return a decoder's context length in tokens; None without a limit."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)


@torch.no_grad()
def _shares(model: Any, settings: CausalLmTrainingSettings, *, boolean: bool) -> bool:
    """Return whether answers in a shared row get the same log-probabilities as alone."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    limits = (settings.encoding.max_tokens, longest_input(config))
    longest = min((n for n in limits if n is not None), default=None)
    # One mask serves all layers, so sliding windows in some layers are not supported.
    looks_back = window if getattr(config, "use_sliding_window", True) else None
    if looks_back and (longest is None or longest > looks_back):
        return False
    draw = np.random.default_rng(0)
    trunk = tuple(draw.integers(0, config.vocab_size, _TRUNK).tolist())
    texts = [(*trunk, *draw.integers(0, config.vocab_size, n).tolist()) for n in _BRANCHES]
    binary = settings.objective == "binary-head"
    requests = [whole_text(text) if binary else Continuation(text, _TRUNK) for text in texts]
    parts = tuple(Part(request, i) for i, request in enumerate(requests))
    batch = collate([Example(parts, len(parts), 0)], [True], by_token=False, boolean_mask=boolean)
    asked = {k: v.to(model.device) for k, v in batch["asked"].items() if isinstance(v, Tensor)}
    inputs = {k: batch[k].to(model.device) for k in ("input_ids", "position_ids", "attention_mask")}
    was_training = model.training
    model.eval()
    try:
        logits = model(**inputs, use_cache=False).logits[:, -batch["logits_to_keep"] :]
        plain = torch.cat([plain_answers(model, request) for request in requests])
        shared = head_logits(logits, asked) if binary else log_probs(logits, asked)
        # Logits of a new head are small, so the tolerance is relative to their size.
        apart = float((shared - plain).abs().max() / (plain.abs().max() if binary else 1.0))
    except (RuntimeError, ValueError, TypeError, NotImplementedError):
        return False
    finally:
        model.train(was_training)
    return apart <= tolerance(model.dtype)
