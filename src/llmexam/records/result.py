"""What every record of a result says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from llmexam.evaluation.results import Evaluation

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """A graded result, and what it is the result of.

    Attributes:
        evaluation: The metrics.
        model: Name of the model or system, such as `google/gemma-3-270m`.
        dataset: Name of the exam, such as `cais/mmlu`.
        when: When it was graded.
        command: The command that made it; empty if unknown.
        content_hash: SHA-256 of the file of metrics.
        version: Version of llmexam.
        is_hub_dataset: Whether `dataset` is the name of a dataset on the Hugging Face Hub.
        revision: Revision of that dataset; empty if unknown.
        split: Split of the dataset, such as `test`; empty if unknown.
        organization: Who ran the evaluation; empty if not said.
        relationship: Relation of the evaluator to the model: `first_party`, `third_party`,
            `collaborative` or `other`.
        url: Where traces or a description are; empty if nowhere.
        details: Further facts, such as versions, as texts.
    """

    evaluation: Evaluation
    model: str
    dataset: str
    when: datetime
    command: str
    content_hash: str
    version: str
    is_hub_dataset: bool = False
    revision: str = ""
    split: str = ""
    organization: str = ""
    relationship: str = "other"
    url: str = ""
    details: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    @property
    def interval_method(self) -> str:
        """How the intervals were computed, as a phrase."""
        clusters = self.evaluation.clusters
        unit = f"clusters ({clusters.by})" if clusters else "items"
        return f"bootstrap over {unit}"
