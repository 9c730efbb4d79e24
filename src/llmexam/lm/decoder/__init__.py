"""Decoder language models: log-likelihoods of continuations, with shared prefixes computed once.

Other packages import only these names, from here:

- Requests: `Continuation`, `Group` and `whole_text`.
- Scorers: `load_decoder` returns a `Decoder`; `LikelihoodScorer` scores groups with it, and
  `StreamedScorer` with a model larger than memory, both as `GroupScorer`. `SumScorer` returns one
  number per request and caches them. `count_work` counts tokens without a model.
- Generation: `Generator` writes texts after prompts as `Sampling` says, and returns `Generated`.
- Binary heads: `HEAD_NAME`, `auto_class`, `ends_in_binary_head`, `has_binary_head` and
  `require_binary_head`.
- For training: `read_weights`, `rounding_config`, `keep_products_plain`, `TokenTrie`, `build_trie`,
  and `plain_answers` with its `tolerance`, to compare with results of transformers.
- For estimates of memory: `LOGIT_BYTES` and `layer_bytes_per_token`.

Names are imported when they are first used: requests and tries need no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmexam.lm.decoder.batches import count_work as count_work
    from llmexam.lm.decoder.binary_head import HEAD_NAME as HEAD_NAME
    from llmexam.lm.decoder.binary_head import auto_class as auto_class
    from llmexam.lm.decoder.binary_head import ends_in_binary_head as ends_in_binary_head
    from llmexam.lm.decoder.binary_head import has_binary_head as has_binary_head
    from llmexam.lm.decoder.binary_head import require_binary_head as require_binary_head
    from llmexam.lm.decoder.generation import Generator as Generator
    from llmexam.lm.decoder.head import LOGIT_BYTES as LOGIT_BYTES
    from llmexam.lm.decoder.head import layer_bytes_per_token as layer_bytes_per_token
    from llmexam.lm.decoder.loading import read_weights as read_weights
    from llmexam.lm.decoder.model import Decoder as Decoder
    from llmexam.lm.decoder.model import load_decoder as load_decoder
    from llmexam.lm.decoder.probe import plain_answers as plain_answers
    from llmexam.lm.decoder.probe import tolerance as tolerance
    from llmexam.lm.decoder.protocol import GroupScorer as GroupScorer
    from llmexam.lm.decoder.requests import Continuation as Continuation
    from llmexam.lm.decoder.requests import Group as Group
    from llmexam.lm.decoder.requests import whole_text as whole_text
    from llmexam.lm.decoder.rounding import keep_products_plain as keep_products_plain
    from llmexam.lm.decoder.rounding import rounding_config as rounding_config
    from llmexam.lm.decoder.sampling import Sampling as Sampling
    from llmexam.lm.decoder.scorer import LikelihoodScorer as LikelihoodScorer
    from llmexam.lm.decoder.streaming.scorer import StreamedScorer as StreamedScorer
    from llmexam.lm.decoder.sums import SumScorer as SumScorer
    from llmexam.lm.decoder.trie import TokenTrie as TokenTrie
    from llmexam.lm.decoder.trie import build_trie as build_trie
    from llmexam.lm.decoder.written import Generated as Generated

_NAMES = {
    "batches": ("count_work",),
    "binary_head": (
        "HEAD_NAME",
        "auto_class",
        "ends_in_binary_head",
        "has_binary_head",
        "require_binary_head",
    ),
    "generation": ("Generated", "Generator"),
    "head": ("LOGIT_BYTES", "layer_bytes_per_token"),
    "loading": ("read_weights",),
    "model": ("Decoder", "load_decoder"),
    "probe": ("plain_answers", "tolerance"),
    "protocol": ("GroupScorer",),
    "requests": ("Continuation", "Group", "whole_text"),
    "rounding": ("keep_products_plain", "rounding_config"),
    "sampling": ("Sampling",),
    "scorer": ("LikelihoodScorer",),
    "streaming.scorer": ("StreamedScorer",),
    "sums": ("SumScorer",),
    "trie": ("TokenTrie", "build_trie"),
}
_HOMES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(_HOMES)
