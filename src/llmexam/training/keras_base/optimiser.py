"""Optimiser of Keras trainings: AdamW with a schedule and learning rates by layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmexam.errors import SettingsError
from llmexam.lm.keras_models.session import keras
from llmexam.training.keras_base.settings import KerasTrainingSettings

# `transformer_layer_3/`, `disentangled_attention_encoder_layer_3/`, `decoder_block_3/`.
_LAYER = re.compile(r"(?:layer|block)_(\d+)(?:/|$)")
# Variables without weight decay, by the end of their path: biases and norms.
_NO_DECAY = ("bias", "beta", "gamma", "scale")
# That of torch, so that both trainers take about the same steps; Keras's own is 1e-7.
_EPSILON = 1e-8


class PerStep(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule by steps, where the optimiser counts the passes of gradient accumulation.

    Keras asks a schedule for the learning rate of a pass; without this, a schedule would end
    `n_passes` times too early.

    Args:
        schedule: The schedule by steps.
        n_passes: Passes of a step.
    """

    def __init__(self, schedule: Any, n_passes: int) -> None:
        self.schedule = schedule
        self.n_passes = n_passes

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a pass."""
        return self.schedule(keras.ops.floor_divide(step, self.n_passes))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"schedule": self.schedule, "n_passes": self.n_passes}


class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Warm-up from 0, then linear decay to 0 or a constant rate, as transformers' schedules.

    Args:
        peak: Learning rate at the end of the warm-up.
        warmup_steps: Steps of the warm-up.
        decay_steps: Steps of the decay after it; None for a constant rate.
    """

    def __init__(self, peak: float, warmup_steps: int, decay_steps: int | None) -> None:
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.decay_steps = decay_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step."""
        ops = keras.ops
        step = ops.cast(step, "float32")
        share = ops.minimum(step / max(1, self.warmup_steps), 1.0) if self.warmup_steps else 1.0
        if self.decay_steps is not None:
            left = 1.0 - (step - self.warmup_steps) / max(1, self.decay_steps)
            share = ops.minimum(share, ops.clip(left, 0.0, 1.0))
        return self.peak * share

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("peak", "warmup_steps", "decay_steps")
        return {name: getattr(self, name) for name in names}


def learning_rates(settings: KerasTrainingSettings, n_steps: int) -> Any:
    """Return the schedule of the learning rate by passes.

    Args:
        settings: `learning_rate`, `schedule`, `warmup_ratio` and `gradient_accumulation`.
        n_steps: Steps of the training.
    """
    n_warmup = -int(-n_steps * min(settings.warmup_ratio, 1 - 1e-9) // 1)
    peak, n_rest = settings.learning_rate, max(1, n_steps - n_warmup)
    if settings.schedule == "cosine" and n_warmup:
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, n_rest, warmup_target=peak, warmup_steps=n_warmup
        )
    elif settings.schedule == "cosine":
        schedule = keras.optimizers.schedules.CosineDecay(peak, n_rest)
    else:
        decay = n_rest if settings.schedule == "linear" else None
        schedule = LinearDecay(peak, n_warmup, decay)
    return PerStep(schedule, settings.gradient_accumulation)


def create_optimiser(
    model: Any, settings: KerasTrainingSettings, n_steps: int, head: Sequence[Any] = ()
) -> Any:
    """Return AdamW for the trainable variables of a model.

    Biases and norms have no weight decay. The top layer and everything above it except the head
    gets `learning_rate`; each lower layer gets that of the layer above times `layer_decay`.

    Args:
        model: The model, with frozen layers frozen.
        settings: Training settings.
        n_steps: Steps of the training.
        head: Variables of a new head, which get `head_learning_rate`.

    Raises:
        SettingsError: `layer_decay` is set and no layer names are recognised, or there is nothing
            to train.
    """
    variables = model.trainable_variables
    if not variables:
        raise SettingsError(
            "all layers are frozen, so there is nothing to train", hint="Freeze fewer layers"
        )
    factors = _factors(variables, settings, {id(one) for one in head})
    optimiser = _adamw(factors)(
        learning_rate=learning_rates(settings, n_steps),
        weight_decay=settings.weight_decay,
        epsilon=_EPSILON,
        global_clipnorm=settings.max_grad_norm,
        use_ema=settings.ema_decay is not None,
        ema_momentum=settings.ema_decay if settings.ema_decay is not None else 0.99,
        gradient_accumulation_steps=settings.gradient_accumulation
        if settings.gradient_accumulation > 1
        else None,
    )
    optimiser.exclude_from_weight_decay(
        var_list=[one for one in variables if len(one.shape) < 2 or one.name in _NO_DECAY]
    )
    return optimiser


def freeze(backbone: Any, settings: KerasTrainingSettings) -> None:
    """Freeze the token embeddings and the lowest layers of a backbone.

    Raises:
        SettingsError: There are too few layers, or no embeddings are found.
    """
    layers = {}
    n_embeddings = 0
    for layer in backbone.layers:
        found = _LAYER.search(layer.name)
        if found:
            layers[int(found.group(1))] = layer
        elif "embedding" in layer.name and "projection" not in layer.name:
            n_embeddings += 1
            if settings.freeze_embeddings:
                _freeze_embedding(layer)
    if settings.freeze_embeddings and not n_embeddings:
        raise SettingsError("cannot find the embeddings of this model", field="freeze_embeddings")
    if settings.freeze_layers > len(layers):
        raise SettingsError(
            f"cannot freeze {settings.freeze_layers} layers: the model has {len(layers)}",
            field="freeze_layers",
        )
    for number, layer in layers.items():
        if number < settings.freeze_layers:
            layer.trainable = False


def _freeze_embedding(layer: Any) -> None:
    """Freeze an embedding, but not the untied output layer that KerasHub keeps in it."""
    if getattr(layer, "tie_weights", True):
        layer.trainable = False
        return
    for variable in layer.weights:
        if variable is not layer.reverse_embeddings:
            variable.trainable = False


def _factors(
    variables: Sequence[Any], settings: KerasTrainingSettings, head: set[int]
) -> dict[int, float]:
    """Return factors of the learning rate by variable, those that differ from 1."""
    depths = [_LAYER.search(one.path) for one in variables]
    n_layers = max((int(found.group(1)) + 1 for found in depths if found), default=0)
    if settings.layer_decay < 1 and not n_layers:
        raise SettingsError("cannot find the layers of this model", field="layer_decay")
    factors = {}
    for variable, found in zip(variables, depths, strict=True):
        if id(variable) in head:
            rate = settings.head_learning_rate or settings.learning_rate
            factor = rate / settings.learning_rate
        else:
            depth = int(found.group(1)) + 1 if found else n_layers
            if not found and "embedding" in variable.path:
                depth = 0
            factor = settings.layer_decay ** (n_layers - depth)
        if factor != 1:
            factors[id(variable)] = factor
    return factors


def _adamw(factors: Mapping[int, float]) -> type[Any]:
    """Return the class AdamW, or one that multiplies the learning rates of some variables."""
    # On torch this is a class of its own, which updates all variables at once.
    base = type(keras.optimizers.AdamW())

    class AveragedAdamW(base):  # type: ignore[misc,valid-type]
        """AdamW whose moving average is that of the torch families: by steps, with a warm-up."""

        def _update_model_variables_moving_average(
            self, trainable_variables: Sequence[Any]
        ) -> None:
            # Keras updates it at each pass of gradient accumulation, with a constant decay.
            ops = keras.ops
            n_passes = self.gradient_accumulation_steps or 1
            n_done = self._iterations + 1
            step = ops.cast(n_done // n_passes, "float32")
            decay = ops.minimum(self.ema_momentum, (1.0 + step) / (10.0 + step))
            # It begins with the weights after the first step.
            decay = ops.where(step <= 1.0, 0.0, decay)
            decay = ops.where(n_done % n_passes == 0, decay, 1.0)
            for variable, average in zip(
                trainable_variables, self._model_variables_moving_average, strict=True
            ):
                if average is not None:
                    average.assign(decay * average + (1.0 - decay) * variable)

    if not factors:
        return AveragedAdamW

    class LayeredAdamW(AveragedAdamW):
        """AdamW with a learning rate for each group of variables."""

        weight_decay: float

        def _backend_update_step(
            self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
        ) -> None:
            groups: dict[float, list[tuple[Any, Any]]] = {}
            for gradient, variable in zip(grads, trainable_variables, strict=True):
                factor = factors.get(id(variable), 1.0)
                groups.setdefault(factor, []).append((gradient, variable))
            for factor, pairs in groups.items():
                gradients, variables = zip(*pairs, strict=True)
                super()._backend_update_step(
                    list(gradients), list(variables), learning_rate * factor
                )

        def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
            # Weight decay is in proportion to the learning rate of the variable, as in torch.
            groups: dict[float, list[Any]] = {}
            for variable in variables:
                if self._use_weight_decay(variable):
                    groups.setdefault(factors.get(id(variable), 1.0), []).append(variable)
            decay: float = self.weight_decay
            try:
                for factor, own in groups.items():
                    self.weight_decay = decay * factor
                    super()._apply_weight_decay(own)
            finally:
                self.weight_decay = decay

    return LayeredAdamW
