"""A decoder without weights, whose layers are computed one at a time with given weights.

The model's own code runs before, between and after the layers; placeholders in place of the layers
record the arguments of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from llmexam.errors import ModelError
from llmexam.lm.decoder.attention import register
from llmexam.lm.decoder.binary_head import (
    HEAD_NAME,
    BinaryHead,
    auto_class,
    has_binary_head,
    require_binary_head,
)
from llmexam.lm.decoder.head import TokenHead
from llmexam.lm.decoder.streaming.weight_files import Part, Stored, WeightFiles

_N_TRIED = 3


class _StandIn(torch.nn.Module):
    """Placeholder of a layer: records its arguments, and returns given states."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        # In a tuple, so that torch does not register the layer as a submodule.
        self.held = (layer,)
        self.returned: Tensor | None = None
        self.given: tuple[Tensor, tuple[Any, ...], dict[str, Any]] | None = None

    def forward(self, hidden_states: Tensor, *args: Any, **options: Any) -> Tensor:
        self.given = (hidden_states, args, options)
        return hidden_states if self.returned is None else self.returned

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            # Some models read attributes of a layer, such as its attention type.
            return getattr(self.__dict__["held"][0], name)


class Skeleton:
    """A decoder with weights only outside of its layers, embeddings and head.

    Args:
        files: The weights.
        dtype: Type of weights and states.
        device: Where it computes.

    Attributes:
        head: The head over the last states; a binary head has its weights.
        layers: The layers, without weights.
        parts: The tensors to read for each layer.

    Raises:
        ModelError: Its layers are not a plain sequence, or its files have unexpected names.
    """

    def __init__(self, files: WeightFiles, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype, self.device = dtype, device
        self.folder = files.folder
        self._files = files
        self._binary = has_binary_head(files.folder)
        self._model = self._build()
        self.config = self._model.config.get_text_config()
        self._base = self._model.base_model
        layers = self._take_out_layers()
        made = BinaryHead if self._binary else TokenHead
        self.head: BinaryHead | TokenHead = made(self._model)
        self._stand_ins: list[_StandIn] = list(self._base._modules[self._layers_name])
        self.layers = layers
        self.parts = [
            self._part(f"layer {i}", f"{self._base_name()}{self._layers_name}.{i}.", layer)
            for i, layer in enumerate(layers)
        ]
        self.table = self._find_tables()
        self.use_shared_attention()
        self._require_sequence()

    @property
    def architecture(self) -> str:
        """Model type in transformers."""
        return str(self._model.config.model_type)

    def use_shared_attention(self) -> None:
        """Compute attention with shared blocks, set by `seeing`."""
        self._model.set_attn_implementation(register())

    def use_own_attention(self) -> None:
        """Compute attention by the model's own code."""
        self._model.set_attn_implementation("eager")

    def embed(self, ids: Tensor, places: Tensor, table: Tensor) -> Tensor:
        """Return the states before the first layer, shape `[n_rows, n_tokens, hidden_size]`.

        Args:
            ids: Rows of `table`, shape `[n_rows, n_tokens]`.
            places: Positions, same shape.
            table: The needed rows of the embeddings, shape `[n, hidden_size]`.
        """
        name = self._table_name.removeprefix(self._base_name())
        self._walk(
            places, lambda **asked: functional_call(self._base, {name: table}, (), asked), ids
        )
        return self._noted(0)[0]

    def layer(
        self, index: int, weights: dict[str, Tensor], states: Tensor, places: Tensor
    ) -> Tensor:
        """Return the states after a layer, shape `[n_rows, n_tokens, hidden_size]`."""
        self._walk(places, self._base)
        _, args, options = self._noted(index)
        return self._through(index, weights, states, args, options)

    def own_layer(self, index: int, weights: dict[str, Tensor], states: Tensor) -> Tensor:
        """Return the states after a layer, computed by the model's own attention."""
        n_rows, n_tokens, _ = states.shape
        places = torch.arange(n_tokens, device=self.device).expand(n_rows, -1)
        self.use_own_attention()
        try:
            real = torch.ones(n_rows, n_tokens, dtype=torch.long, device=self.device)
            self._walk(places, self._base, mask=real)
            _, args, options = self._noted(index)
            return self._through(index, weights, states, args, options)
        finally:
            self.use_shared_attention()

    def finish(self, states: Tensor) -> Tensor:
        """Return the input of the head from last states, shape `[n, hidden_size]`."""
        places = torch.zeros(1, len(states), dtype=torch.long, device=self.device)
        # The last placeholder returns the states, so only the code after the layers sees them.
        last = self._stand_ins[-1]
        last.returned = states[None]
        try:
            out = self._walk(places, self._base)
        finally:
            last.returned = None
        self._noted(0)
        return out[0]

    def head_parts(self, most_bytes: int) -> list[Part]:
        """Return slices of the head over the vocabulary, none above a size in bytes.

        A binary head has none, because it is small and loaded already.
        """
        if self._head_stored is None:
            return []
        weight, bias = self._head_stored
        n = weight.shape[0]
        each = max(1, int(most_bytes // (self.dtype.itemsize * weight.shape[1] + 128)))
        # The same number of slices, but of nearly equal size.
        each = -(-n // -(-n // each))
        parts = []
        for begin in range(0, n, each):
            end = min(n, begin + each)
            tensors = {f"{self._head_name}.weight": (weight.rows(begin, end), self.dtype)}
            if bias is not None:
                tensors[f"{self._head_name}.bias"] = (bias.rows(begin, end), self.dtype)
            parts.append(Part(f"head {begin}-{end}", tensors))
        return parts

    def _build(self) -> Any:
        import transformers
        from accelerate import init_empty_weights

        path = self._files.folder.path
        try:
            config = transformers.AutoConfig.from_pretrained(
                str(path), trust_remote_code=False, local_files_only=True
            )
            if getattr(config, "quantization_config", None):
                raise ValueError("its weights are quantised")
            # Buffers such as rotary frequencies are computed by the constructor, not stored.
            with init_empty_weights(include_buffers=False):
                model = auto_class(binary_head=self._binary).from_config(
                    config, dtype=self.dtype, trust_remote_code=False
                )
        except Exception as error:  # hostile values in a config lead to any exception
            text = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
            raise ModelError(f"cannot be streamed: {text}", file=path) from error
        if self._binary:
            require_binary_head(model, self._files.folder)
        for module in model.modules():
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = buffer.to(self.device)
        return model.eval().requires_grad_(False)

    def _take_out_layers(self) -> list[torch.nn.Module]:
        n_layers = self.config.num_hidden_layers
        lists = [
            name
            for name, child in self._base.named_children()
            if isinstance(child, torch.nn.ModuleList) and len(child) == n_layers
        ]
        if len(lists) != 1 or self._base is self._model:
            raise self._refused("its layers are not one list")
        self._layers_name = lists[0]
        layers = list(self._base._modules[lists[0]])
        self._base._modules[lists[0]] = torch.nn.ModuleList([_StandIn(one) for one in layers])
        return layers

    def _find_tables(self) -> Stored:
        """Find the embeddings and the head, and load all other weights outside the layers."""
        table, head = self._model.get_input_embeddings(), self._model.get_output_embeddings()
        if self._binary:
            head = self._model.get_submodule(HEAD_NAME)
        if not isinstance(table, torch.nn.Embedding) or not isinstance(head, torch.nn.Linear):
            raise self._refused("its embeddings or its head have an unknown structure")
        # Only some rows are loaded, so the index of the padding row would be wrong.
        table.padding_idx = None
        names = {id(module): name for name, module in self._model.named_modules()}
        self._table_name = f"{names[id(table)]}.weight"
        self._head_name = names[id(head)]
        self._head_stored: tuple[Stored, Stored | None] | None = None
        own = {self._table_name}
        if not self._binary:
            tied = bool(self.config.tie_word_embeddings)
            weight = self._table_name if tied else f"{self._head_name}.weight"
            bias = self._stored(f"{self._head_name}.bias") if head.bias is not None else None
            self._head_stored = (self._stored(weight), bias)
            own |= {f"{self._head_name}.weight", f"{self._head_name}.bias"}
        for name, tensor in self._model.state_dict().items():
            if name not in own:
                read = self._files.read(self._stored(name), tensor.dtype, self.device)
                holder, _, key = name.rpartition(".")
                module = self._model.get_submodule(holder)
                if key in module._parameters:
                    module._parameters[key] = torch.nn.Parameter(read, requires_grad=False)
                else:
                    module._buffers[key] = read
        return self._stored(self._table_name)

    def _part(self, name: str, prefix: str, layer: torch.nn.Module) -> Part:
        tensors = {}
        for key, tensor in layer.state_dict().items():
            stored = self._stored(prefix + key)
            if stored.shape != tuple(tensor.shape):
                raise self._refused(f"'{prefix + key}' has another shape than in its configuration")
            tensors[key] = (stored, tensor.dtype)
        return Part(name, tensors)

    def _stored(self, name: str) -> Stored:
        # Some files lack the prefix of the base model in tensor names.
        for spelt in (name, name.removeprefix(self._base_name())):
            if spelt in self._files:
                return self._files[spelt]
        raise self._refused(f"its files have no '{name}'")

    def _base_name(self) -> str:
        return f"{self._model.base_model_prefix}."

    def _walk(
        self,
        places: Tensor,
        run: Callable[..., Any],
        ids: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Run the model's code around the layers; placeholders record the layers' arguments."""
        if mask is None:
            # A 4D mask makes transformers skip its own mask; `seeing` sets the real one.
            mask = torch.zeros(1, 1, 1, 1, device=self.device, dtype=self.dtype)
        asked: dict[str, Any] = {"input_ids": ids}
        if ids is None:
            nothing = torch.zeros(1, device=self.device, dtype=self.dtype)
            asked = {"inputs_embeds": nothing.expand(*places.shape, self.config.hidden_size)}
        out = run(position_ids=places, attention_mask=mask, use_cache=False, **asked)
        states: Tensor = out.last_hidden_state
        return states

    def _noted(self, index: int) -> tuple[Tensor, tuple[Any, ...], dict[str, Any]]:
        given = self._stand_ins[index].given
        for one in self._stand_ins:
            one.given = None
        assert given is not None
        return given

    def _through(
        self,
        index: int,
        weights: dict[str, Tensor],
        states: Tensor,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> Tensor:
        out = functional_call(self.layers[index], weights, (states, *args), dict(options))
        found: Tensor = out[0] if isinstance(out, tuple) else out
        return found

    def _require_sequence(self) -> None:
        """Check that layers differ only in their input states, each the previous layer's output.

        Raises:
            ModelError: They do not.
        """
        try:
            # The runs differ in the embeddings, not in the outputs of the layers, so that any
            # difference is a path around the layers.
            first, last = self._trace(0), self._trace(1)
        except Exception as error:  # a model's own code may raise anything
            raise self._refused(f"its code fails without layers ({error})") from error
        if first is None or last is None or not _same(first, last):
            raise self._refused("its layers are not a plain sequence")

    def _trace(self, seed: int) -> list[Any] | None:
        generator = torch.Generator().manual_seed(seed)
        shape = (1, _N_TRIED, self.config.hidden_size)
        embedded = torch.randn(shape, generator=generator).to(self.device, self.dtype)
        given = torch.Generator().manual_seed(2)
        for one in self._stand_ins:
            one.returned = torch.randn(shape, generator=given).to(self.device, self.dtype)
        places = torch.arange(_N_TRIED, device=self.device)[None]
        mask = torch.zeros(1, 1, 1, 1, device=self.device, dtype=self.dtype)
        try:
            out = self._base(
                inputs_embeds=embedded, position_ids=places, attention_mask=mask, use_cache=False
            ).last_hidden_state
            noted = [one.given for one in self._stand_ins]
            returned = [one.returned for one in self._stand_ins]
        finally:
            for one in self._stand_ins:
                one.given = one.returned = None
        for before, behind in zip(returned, noted[1:], strict=False):
            if behind is None or behind[0] is not before:
                return None
        return [out, *(one[1:] for one in noted if one is not None)]

    def _refused(self, reason: str) -> ModelError:
        return ModelError(
            f"{self._model.config.model_type} cannot be streamed layer by layer: {reason}",
            file=self._files.folder.path,
            hint="Set `streamed: false`, with int8 or nf4 if it does not fit into memory",
        )


def _same(first: Any, last: Any) -> bool:
    if isinstance(first, Tensor):
        return isinstance(last, Tensor) and torch.equal(first, last)
    if isinstance(first, Mapping):
        return first.keys() == last.keys() and all(_same(first[k], last[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(last) and all(map(_same, first, last))
    return bool(first == last)
