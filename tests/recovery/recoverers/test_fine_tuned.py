from pathlib import Path

import pytest

from llmexam.errors import ModelError, SettingsError, UntrainedModelError
from llmexam.lm.models.card import ModelCard, write_card
from llmexam.recovery.recoverers.fine_tuned import FineTunedLm
from llmexam.recovery.recoverers.prompted import ZeroShotLm
from llmexam.recovery.trained_rows import TrainedRows, save_trained_rows
from llmexam.testing import check_recoverer

PROMPTING = {"format": "gemma", "instructions": "Which prompt?", "max_text_tokens": 32}


@pytest.fixture
def tuned(tmp_path, lm_tokenizer):
    """A function that writes the folder of a fine-tuned model with a card."""
    from tests.tiny_decoder import save_decoder

    def make(**values):
        folder = save_decoder(tmp_path / "tuned", lm_tokenizer)
        told = {"family": "recoverer", "encoding": PROMPTING, **values}
        write_card(folder, ModelCard(base_model="base", base_weights_hash="", **told))
        return str(folder)

    return make


def test_it_keeps_the_contract(tuned, rewrites):
    model = tuned()
    drawn = {"do_sample": True, "n_candidates": 3, "max_new_tokens": 6}
    check_recoverer(lambda: FineTunedLm(model=model, **drawn), rewrites, rewrites)


def test_it_asks_as_the_card_says(tuned, rewrites):
    model = tuned()
    found = FineTunedLm(model=model, max_new_tokens=6).recover(rewrites)
    same = ZeroShotLm(model=model, prompting=PROMPTING, max_new_tokens=6).recover(rewrites)
    other = ZeroShotLm(model=model, max_new_tokens=6).recover(rewrites)
    assert [one.text for one in found] == [one.text for one in same]
    assert [one.text for one in found] != [one.text for one in other]


def test_how_the_model_is_asked_is_a_part_of_its_hash(tuned):
    before = FineTunedLm(model=tuned()).weights_hash
    assert FineTunedLm(model=tuned()).weights_hash == before
    changed = tuned(encoding={**PROMPTING, "max_text_tokens": 16})
    assert FineTunedLm(model=changed).weights_hash != before


def test_other_models_are_refused(tuned, lm_folder, rewrites):
    with pytest.raises(UntrainedModelError, match=r"no llmexam\.json"):
        FineTunedLm(model=str(lm_folder)).recover(rewrites)
    with pytest.raises(UntrainedModelError, match="got one for 'causal-lm'"):
        FineTunedLm(model=tuned(family="causal-lm")).recover(rewrites)
    with pytest.raises(ModelError, match=r"llmexam\.json.*encoding\.format"):
        FineTunedLm(model=tuned(encoding={"format": "verse"})).recover(rewrites)
    # How the model is asked is not a setting.
    with pytest.raises(SettingsError, match="prompting"):
        FineTunedLm(model=tuned(), prompting=PROMPTING)


def test_rows_of_its_training_are_known(tuned, rewrites):
    model = tuned()
    assert FineTunedLm(model=model).seen_rows == TrainedRows()
    save_trained_rows(Path(model), rewrites.rows)
    assert FineTunedLm(model=model).seen_rows == TrainedRows.of(rewrites)
