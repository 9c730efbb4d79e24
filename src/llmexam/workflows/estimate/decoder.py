"""A decoder as `workflows.estimate` asks it: what it takes to load, and what it would read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmexam.exam.question import Question
from llmexam.solvers.registry import create_solver
from llmexam.workflows.estimate.prediction import LIBRARIES, WEIGHTS

if TYPE_CHECKING:
    from llmexam.lm.decoder import Group, LikelihoodScorer
    from llmexam.solvers.causal_lm.solver import CausalLmSolver


class DecoderReads:
    """Solver `causal-lm`, counted and timed.

    Args:
        settings: Its settings; what it keeps on disk is not used, for that takes no time.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.solver: CausalLmSolver = create_solver(  # type: ignore[assignment]
            "causal-lm", {**settings, "cache_dir": None}
        )

    @property
    def n_tokens(self) -> int:
        """Tokens of a batch, padding included."""
        return self._scorer.n_tokens

    @property
    def shares(self) -> bool:
        """Whether what requests have in common is computed once."""
        return self._scorer.decoder.shares

    def load(self) -> Mapping[str, int]:
        """Load the model, and return the bytes that its parts take; `available` is what is free."""
        import psutil
        import torch

        from llmexam.lm.decoder import LOGIT_BYTES, layer_bytes_per_token

        resident = psutil.Process().memory_info().rss
        decoder = self._scorer.decoder
        # Found out once, by a few tokens: it belongs to the loading.
        _ = decoder.shares
        on_card = decoder.device.type == "cuda"
        config = decoder.model.config.get_text_config()
        weights = int(decoder.model.get_memory_footprint())
        # The model is loaded already, and so is Python.
        free = psutil.virtual_memory().available + weights + resident
        if on_card:
            # What this process holds there it may use again, whichever model that was for.
            held = torch.cuda.memory_reserved(decoder.device)
            free = torch.cuda.mem_get_info(decoder.device)[0] + held
        return {
            WEIGHTS: weights,
            "keys and values": self.n_tokens * decoder.cache_bytes_per_token,
            "a layer's work": self.n_tokens * layer_bytes_per_token(config, decoder.dtype),
            "logits": 0 if decoder.has_binary_head else 2 * LOGIT_BYTES,
            **({} if on_card else {LIBRARIES: resident}),
            "available": free,
        }

    def requests(self, questions: Sequence[Question]) -> list[Group]:
        """Return what is asked of the model about each question."""
        return [list(group) for group in self.solver.requests(questions)]

    def compute(self, groups: Sequence[Group]) -> int:
        """Score groups as a fresh run would, and return the tokens computed, with padding."""
        from llmexam.lm.decoder import LikelihoodScorer

        fresh = LikelihoodScorer(self._scorer.decoder, n_tokens=self.n_tokens)
        fresh.score(groups)
        return fresh.work.padded

    @property
    def _scorer(self) -> LikelihoodScorer:
        from llmexam.lm.decoder import LikelihoodScorer

        scorer = self.solver.scorer
        assert isinstance(scorer, LikelihoodScorer)
        return scorer
