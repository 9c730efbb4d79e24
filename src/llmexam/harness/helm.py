"""Scenario states of HELM: `scenario_state.json` of a run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError
from llmexam.harness.fields import list_of, mapping_of, number_of, order_of
from llmexam.harness.log import HarnessLog, LoggedAnswer

NAME = "HELM"
_STATS = "per_instance_stats.json"


def looks_like(record: Mapping[str, Any]) -> bool:
    """Return whether a JSON object is a scenario state."""
    return isinstance(record.get("request_states"), list) and "adapter_spec" in record


def read(path: Path, record: Mapping[str, Any]) -> HarnessLog:
    """Return the log of a run.

    Perturbed copies of questions, and trials after the first, are left out and counted. Values of
    HELM's metrics come from `per_instance_stats.json` beside the file.

    Raises:
        ExamError: A request is not one of HELM.
    """
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    n_perturbed = n_trials = 0
    for number, state in enumerate(record["request_states"], 1):
        instance = state.get("instance") if isinstance(state, Mapping) else None
        if not isinstance(instance, Mapping) or "id" not in instance:
            raise ExamError("expected a request with an instance", file=path, row=number)
        if instance.get("perturbation"):
            n_perturbed += 1
        elif state.get("train_trial_index"):
            n_trials += 1
        else:
            groups[str(instance["id"])].append(state)
    spec = record["adapter_spec"] if isinstance(record["adapter_spec"], Mapping) else {}
    values = _values(path.parent / _STATS)
    counted = ((n_perturbed, "of perturbed questions"), (n_trials, "of further trials"))
    return HarnessLog(
        path=path,
        harness=NAME,
        model=str(spec.get("model", "")),
        task=path.parent.name if (path.parent / _STATS).is_file() else "",
        answers=tuple(
            _answer(name, states, values.get(name, {})) for name, states in groups.items()
        ),
        notes=tuple(f"{n} requests {what} are left out" for n, what in counted if n),
    )


def _answer(
    name: str, states: Sequence[Mapping[str, Any]], values: Mapping[str, float]
) -> LoggedAnswer:
    instance = states[0]["instance"]
    references = [one for one in list_of(instance.get("references")) if isinstance(one, Mapping)]
    options = tuple(str(mapping_of(one.get("output")).get("text", "")) for one in references)
    right = tuple(
        place for place, one in enumerate(references) if "correct" in list_of(one.get("tags"))
    )
    scores = _separate_scores(states, len(options))
    reply = "" if scores else str(_completion(states[0]).get("text", ""))
    if scores:
        ranking = order_of(scores)
    else:
        mapping = mapping_of(states[0].get("output_mapping"))
        said = str(mapping.get(reply.strip(), reply.strip()))
        ranking = (options.index(said),) if said in options else ()
    return LoggedAnswer(
        id=name,
        prompt=str(mapping_of(instance.get("input")).get("text", "")),
        # A question with one reference has no options to choose from.
        options=options if len(options) > 1 else (),
        right=right if len(options) > 1 else (),
        ranking=ranking if len(options) > 1 else (),
        scores=scores,
        values=values,
        reply=reply,
    )


def _separate_scores(states: Sequence[Mapping[str, Any]], n_options: int) -> tuple[float, ...]:
    """Return the log-probability of each option where each had a request of its own."""
    found: dict[int, float] = {}
    for state in states:
        place = state.get("reference_index")
        if not isinstance(place, int) or state.get("request_mode") == "calibration":
            continue
        score = number_of(_completion(state).get("logprob"))
        if score is not None:
            found[place] = score
    complete = n_options > 1 and set(found) == set(range(n_options))
    return tuple(found[place] for place in range(n_options)) if complete else ()


def _completion(state: Mapping[str, Any]) -> Mapping[str, Any]:
    completions = list_of(mapping_of(state.get("result")).get("completions"))
    return mapping_of(completions[0]) if completions else {}


def _values(path: Path) -> dict[str, dict[str, float]]:
    """Return the values of metrics by question from the file of statistics, if it is there."""
    if not path.is_file():
        return {}
    try:
        records = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ExamError("the file is not JSON", file=path, hint="Copy it again") from None
    found: dict[str, dict[str, float]] = {}
    for record in map(mapping_of, list_of(records)):
        if record.get("perturbation") or record.get("train_trial_index"):
            continue
        own = found.setdefault(str(record.get("instance_id")), {})
        for stat in map(mapping_of, list_of(record.get("stats"))):
            name = mapping_of(stat.get("name")).get("name")
            value = number_of(stat.get("mean"))
            if isinstance(name, str) and value is not None and 0 <= value <= 1:
                own.setdefault(name, value)
    return found
