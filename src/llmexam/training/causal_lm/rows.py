"""Examples as tensors: one row per question, with its answers as branches after the shared prefix.

Rows are padded at the start, so that all target tokens are at the end and logits are needed only
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmexam.lm.decoder import TokenTrie, build_trie
from llmexam.training.base.losses import NO_LABEL
from llmexam.training.prompts.examples import Example, Part


def collate(
    examples: Sequence[Example],
    counts: Sequence[bool],
    *,
    by_token: bool,
    shares: bool = True,
    boolean_mask: bool = True,
    pad_id: int = 0,
) -> dict[str, Any]:
    """Return the model inputs of one pass, with the targets of its logits under `asked`.

    Args:
        examples: The questions.
        counts: False for a filler question, which has no loss.
        by_token: Whether the loss is a mean over target tokens instead of questions.
        shares: Whether answers of a question share a row; if not, each request has its own.
        boolean_mask: Whether the model takes a boolean mask; otherwise it is additive.
        pad_id: Token id to pad with.
    """
    groups = [
        group
        for example in examples
        for group in ([example.parts] if shares else [(part,) for part in example.parts])
    ]
    tries = [build_trie([part.request for part in group]) for group in groups]
    rows = _rows(tries, pad_id=pad_id, boolean_mask=boolean_mask)
    n_window = max(trie.n_nodes - int(min(s[0] for s in trie.states)) for trie in tries)
    question_of = [
        i for i, one in enumerate(examples) for _ in range(1 if shares else len(one.parts))
    ]
    n_options = max(example.n_options for example in examples)
    asked = _asked(groups, tries, question_of, (n_window, n_options))
    asked["shape"] = (len(examples), n_options)
    counted = torch.tensor(counts)
    if by_token:
        owner = torch.div(asked["cell"], n_options, rounding_mode="floor")
        labels = asked["token"].masked_fill(~counted[owner], NO_LABEL)
    else:
        labels = torch.tensor([one.answer for one in examples]).masked_fill(~counted, NO_LABEL)
    # The Trainer ignores the first label of a row, because it expects shifted tokens.
    labels = torch.cat([torch.tensor([NO_LABEL]), labels])[None]
    return {**rows, "logits_to_keep": n_window, "labels": labels, "asked": asked}


def _rows(tries: Sequence[TokenTrie], *, pad_id: int, boolean_mask: bool) -> dict[str, Tensor]:
    width = max(trie.n_nodes for trie in tries)
    ids = np.full((len(tries), width), pad_id, dtype=np.int64)
    places = np.zeros((len(tries), width), dtype=np.int64)
    real = np.zeros((len(tries), width), dtype=np.int64)
    for i, trie in enumerate(tries):
        ids[i, width - trie.n_nodes :] = trie.tokens
        places[i, width - trie.n_nodes :] = trie.depth
        real[i, width - trie.n_nodes :] = 1
    found = {"input_ids": torch.from_numpy(ids), "position_ids": torch.from_numpy(places)}
    if any(trie.n_branch for trie in tries):
        found["attention_mask"] = _tree_mask(tries, width, boolean=boolean_mask)
    else:
        # Plain sequences: the model creates its own causal and window masks.
        found["attention_mask"] = torch.from_numpy(real)
    return found


def _tree_mask(tries: Sequence[TokenTrie], width: int, *, boolean: bool) -> Tensor:
    """Return the tree mask, shape `[n_rows, 1, width, width]`: ancestors and self."""
    # Padding attends to itself, or its softmax would be empty (NaN).
    seen = np.tile(np.eye(width, dtype=bool), (len(tries), 1, 1))
    for i, trie in enumerate(tries):
        nodes = np.arange(trie.n_nodes)
        own = (nodes[None, :] <= nodes[:, None]) & (nodes[:, None] < trie.end[None, :])
        seen[i, width - trie.n_nodes :, width - trie.n_nodes :] = own
    mask = torch.from_numpy(seen)[:, None]
    if boolean:
        return mask
    return torch.zeros(mask.shape).masked_fill_(~mask, torch.finfo(torch.float16).min)


def _asked(
    groups: Sequence[Sequence[Part]],
    tries: Sequence[TokenTrie],
    question_of: Sequence[int],
    sizes: tuple[int, int],
) -> dict[str, Any]:
    """Return, for each target token, its index, its id, and its contribution."""
    n_window, n_options = sizes
    at: list[NDArray[np.int64]] = []
    tokens: list[NDArray[np.int64]] = []
    heads: list[tuple[int, int, int, int]] = []
    for row, (group, trie) in enumerate(zip(groups, tries, strict=True)):
        begin = trie.n_nodes - n_window
        for part, nodes, wanted in zip(group, trie.states, trie.targets, strict=True):
            at.append(row * n_window + nodes - begin)
            tokens.append(wanted)
            heads.append((question_of[row], part.option, part.length, part.sign))
    lengths = torch.tensor([len(one) for one in tokens])
    question, option, length, sign = torch.tensor(heads).T
    return {
        "at": torch.from_numpy(np.concatenate(at)),
        "token": torch.from_numpy(np.concatenate(tokens)),
        "cell": (question * n_options + option).repeat_interleave(lengths),
        # Integers, because DeepSpeed casts floats to the type of the weights.
        "length": length.repeat_interleave(lengths),
        "sign": sign.repeat_interleave(lengths),
    }
