import json
import shutil

import pytest

from llmexam.errors import ModelError
from llmexam.lm.models.card import CARD_FILE
from llmexam.solvers.registry import create_solver

TEMPLATE = "mode: options\nquestion: '{{ prompt }}'\nanswer: ' {{ option }}'\n"


@pytest.fixture
def model(folder, tmp_path):
    """Return a function that writes a card with an encoding into a copy of the model."""
    place = tmp_path / "model"
    shutil.copytree(folder, place)

    def write(**encoding):
        card = {"family": "causal-lm", "base_model": "x", "base_weights_hash": "x"}
        (place / CARD_FILE).write_text(json.dumps({**card, "encoding": encoding}))
        return place

    return write


def test_a_model_is_asked_as_its_card_says(model):
    place = model(template="template.yaml", norm="sum", passages=2)
    (place / "template.yaml").write_text(TEMPLATE)
    solver = create_solver("causal-lm", {"model": str(place), "passages": 3})
    assert solver.template.mode == "options"
    assert (solver.settings.norm, solver.settings.passages) == ("sum", 3)
    again = create_solver("causal-lm", {"model": str(model(template="yes_no"))})
    assert again.template.mode == "yes-no"


def test_a_card_names_no_file_of_others(model, tmp_path, monkeypatch):
    (tmp_path / "other.yaml").write_text(TEMPLATE)
    monkeypatch.chdir(tmp_path)  # where a relative path would be looked for
    for name in ("../other.yaml", str(tmp_path / "other.yaml"), "other.yaml", "absent"):
        place = model(template=name)
        with pytest.raises(ModelError, match=r"field 'encoding\.template'") as caught:
            create_solver("causal-lm", {"model": str(place)})
        assert str(place / CARD_FILE) in str(caught.value)
    # What the user names may lie anywhere.
    values = {"model": str(model(template="../other.yaml")), "template": "other.yaml"}
    assert create_solver("causal-lm", values).template.mode == "options"


@pytest.mark.parametrize(
    "encoding", [{"template": 5}, {"norm": "x"}, {"max_tokens": 1}, {"chat": {}}], ids=str
)
def test_values_that_cannot_be_are_the_card_s(model, encoding):
    place = model(**encoding)
    with pytest.raises(ModelError, match=rf"field 'encoding\.{next(iter(encoding))}'") as caught:
        create_solver("causal-lm", {"model": str(place)})
    assert str(place / CARD_FILE) in str(caught.value)
