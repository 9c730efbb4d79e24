"""Generate text with a Keras decoder: greedy, or sampled from the k most likely tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llmexam.errors import SettingsError
from llmexam.lm.keras_models.causal import KerasDecoder, padded


class KerasGenerator:
    """Generates with one sampler, which is compiled once for each shape of a batch.

    Args:
        decoder: The decoder.
        top_k: Sample from this many most likely tokens; None takes the most likely one.
        temperature: Temperature of sampling.
        seed: Random seed of sampling; the draws of later batches continue those of earlier ones.
        stop_ids: Tokens that end a text; they are not returned.
        pad_id: Token id to pad with.
        multiple: Widths are padded to multiples of this, so that JAX compiles a few shapes.
    """

    def __init__(
        self,
        decoder: KerasDecoder,
        *,
        top_k: int | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        stop_ids: Sequence[int] = (),
        pad_id: int = 0,
        multiple: int = 32,
    ) -> None:
        from keras import ops
        from keras_hub import samplers

        self._task = decoder.task
        self._longest = decoder.longest
        self._stop_ids = tuple(stop_ids)
        self._pad_id = pad_id
        self._multiple = multiple
        self._sampler = (
            samplers.GreedySampler()
            if top_k is None
            else samplers.TopKSampler(k=top_k, seed=seed, temperature=temperature)
        )
        self._first_state = [np.array(ops.convert_to_numpy(one)) for one in self._sampler.variables]
        self._task.compile(optimizer=None, loss=None, sampler=self._sampler)
        self._step = self._task.make_generate_function()

    def restart(self) -> None:
        """Draw the numbers of a new generator with this seed, without compiling again."""
        for variable, value in zip(self._sampler.variables, self._first_state, strict=True):
            variable.assign(value)

    def generate(self, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> list[list[int]]:
        """Return the new tokens of each prompt of one batch.

        Args:
            prompts: Token ids of each prompt.
            max_new_tokens: Most new tokens of a prompt; fewer where the context of the model ends.

        Raises:
            SettingsError: A prompt is empty.
        """
        from keras import ops

        if not prompts:
            return []
        if not all(map(len, prompts)):
            raise SettingsError("expected prompts with tokens, got an empty one")
        longest = max(map(len, prompts)) + max_new_tokens
        rows = [list(prompt) for prompt in prompts]
        width = -(-longest // self._multiple) * self._multiple
        if self._longest is not None:
            # A text ends where the context does.
            width = min(width, self._longest)
        inputs = padded(rows, width, pad_id=self._pad_id)
        # The samplers tell prompts from the rest by a boolean mask. The method `generate` of
        # Gemma 3 fails without a preprocessor of images.
        mask = inputs["padding_mask"].astype(bool)
        made = self._step(
            {
                "token_ids": ops.convert_to_tensor(inputs["token_ids"]),
                "padding_mask": ops.convert_to_tensor(mask),
            },
            stop_token_ids=self._stop_ids or None,
        )
        ids = np.asarray(ops.convert_to_numpy(made["token_ids"])).tolist()
        found = []
        for prompt, row in zip(rows, ids, strict=True):
            new = row[len(prompt) : len(prompt) + max_new_tokens]
            end = next((i for i, one in enumerate(new) if one in self._stop_ids), len(new))
            found.append(new[:end])
        return found
