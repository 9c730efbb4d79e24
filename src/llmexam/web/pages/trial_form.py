"""The form of the page "Try it": its fields, and the requests that they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmexam.errors import SettingsError
from llmexam.storage.yaml_text import load_yaml
from llmexam.workflows.trial.offers import Offers
from llmexam.workflows.trial.requests import RecoverRequest, SolveRequest

Form = Mapping[str, list[str]]
_MOST_SETTINGS = 2_000
_FIELDS = (
    "text prompt options answer passages index k settings way original rewritten train".split()
)


def solve_request(form: Form, offers: Offers) -> SolveRequest:
    """Return the question of a form.

    Args:
        form: The fields.
        offers: What can be chosen.

    Raises:
        SettingsError: A field cannot be read.
    """
    parts = last(form, "passages").split("\n\n")
    index = last(form, "index")
    values: dict[str, Any] = {
        "text": last(form, "text"),
        "prompt": last(form, "prompt"),
        "options": [line.strip() for line in last(form, "options").split("\n") if line.strip()],
        "answer": last(form, "answer").strip() or None,
        "passages": [part.strip() for part in parts if part.strip()],
        "indexes": [index] if index else [],
        "k": _number(form, "k"),
        **_way(form, offers, "solver"),
    }
    return SolveRequest.parse(values, subject="the question")


def recover_request(form: Form, offers: Offers) -> RecoverRequest:
    """Return the pair of texts of a form; arguments and errors are those of `solve_request`."""
    for field in ("original", "rewritten"):
        if not last(form, field).strip():
            raise SettingsError(f"there is no {field} text", field=field, hint="Paste both texts")
    values: dict[str, Any] = {
        "original": last(form, "original"),
        "rewritten": last(form, "rewritten"),
        "train": last(form, "train"),
        **_way(form, offers, "recoverer"),
    }
    return RecoverRequest.parse(values, subject="the texts")


def fields_of(request: SolveRequest | RecoverRequest) -> dict[str, str]:
    """Return the fields of the form that makes a request."""
    fields = dict.fromkeys(_FIELDS, "")
    if isinstance(request, SolveRequest):
        what, name = "solver", request.solver
        fields |= {
            "text": request.text,
            "prompt": request.prompt,
            "options": "\n".join(request.options),
            "answer": request.answer or "",
            "passages": "\n\n".join(request.passages),
            "index": request.indexes[0] if request.indexes else "",
            "k": str(request.k or ""),
        }
    else:
        what, name = "recoverer", request.recoverer
        fields |= {
            "original": request.original,
            "rewritten": request.rewritten,
            "train": request.train,
        }
    settings = dict(request.settings)
    model = settings.pop("model", None)
    way = f"plan:{request.plan}" if request.plan else f"{what}:{name}"
    fields["way"] = f"model:{model}" if model else way
    fields["settings"] = "\n".join(f"{key}: {value}" for key, value in settings.items())
    return fields


def shown_fields(form: Form) -> dict[str, str]:
    """Return all fields as they were sent; those that were not are empty."""
    return {name: last(form, name) for name in _FIELDS}


def last(form: Form, name: str) -> str:
    """Return a field, or an empty text."""
    return form.get(name, [""])[-1].replace("\r\n", "\n")


def _way(form: Form, offers: Offers, what: str) -> dict[str, Any]:
    """Return who answers, with settings."""
    kind, _, name = last(form, "way").partition(":")
    settings = _settings(form)
    if kind == "plan":
        return {"plan": name, "settings": settings}
    if kind == "model":
        found = offers.find("model", name)
        if found is None:
            raise SettingsError(
                f"there is no trained model '{name[:200]}' in the folder that is served",
                field="way",
                hint="Choose one of those that the page lists",
            )
        return {what: found.solver, "settings": {**settings, "model": name}}
    return {what: name, "settings": settings}


def _settings(form: Form) -> dict[str, Any]:
    text = last(form, "settings")
    if not text.strip():
        return {}
    hint = "Write one setting in each line, such as 'reach: 5'"
    if len(text) > _MOST_SETTINGS:
        raise SettingsError(
            f"expected at most {_MOST_SETTINGS:,} characters of settings, got {len(text):,}",
            field="settings",
            hint=hint,
        )
    values = load_yaml(text.replace("=", ": ") if ":" not in text else text, file="settings")
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SettingsError("expected names and values", field="settings", hint=hint)
    return values


def _number(form: Form, name: str) -> int | None:
    text = last(form, name).strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise SettingsError(f"expected a number, got '{text[:50]}'", field=name)
    return int(text)
