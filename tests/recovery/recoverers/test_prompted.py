import numpy as np
import pytest

from llmexam.errors import ExamError, ModelError, SettingsError
from llmexam.lm.decoder import Generated
from llmexam.recovery.recoverers.language_model import answer_of
from llmexam.recovery.recoverers.prompted import FewShotLm, ZeroShotLm
from llmexam.testing import check_recoverer

# In bf16, which `auto` chooses where it is fast, texts depend on the other rows of a batch.
DRAWN = {
    "do_sample": True,
    "n_candidates": 3,
    "top_k": 20,
    "max_new_tokens": 6,
    "precision": "fp32",
}


@pytest.mark.parametrize("choose", ["consensus", "likelihood"])
def test_zero_shot_keeps_the_contract(lm_folder, rewrites, choose):
    settings = {"model": str(lm_folder), "choose": choose, **DRAWN}
    check_recoverer(lambda: ZeroShotLm(**settings), rewrites, rewrites)


@pytest.mark.parametrize("shots", ["random", "nearest"])
def test_few_shot_keeps_the_contract(lm_folder, rewrites, shots):
    settings = {"model": str(lm_folder), "n_shots": 2, "shots": shots, "max_new_tokens": 6}
    check_recoverer(lambda: FewShotLm(**settings), rewrites, rewrites)


def test_nearest_examples_are_similar_and_distinct(lm_folder, rewrites):
    recoverer = FewShotLm(model=str(lm_folder), n_shots=6, shots="nearest")
    recoverer.fit(rewrites)
    for row, shots in zip(rewrites, recoverer.shots(rewrites), strict=True):
        # The row itself was trained on here, so it is the nearest one.
        assert (shots[-1].original, shots[-1].prompt) == (row.original, row.prompt)
        assert len({shot.prompt for shot in shots}) == 6


def test_random_examples_are_the_same_for_all_rows_and_follow_the_seed(lm_folder, sample):
    def chosen(seed):
        recoverer = FewShotLm(model=str(lm_folder), n_shots=5, seed=seed)
        recoverer.fit(sample)
        first, *others = recoverer.shots(sample)
        assert all(shots is first for shots in others)
        return [shot.prompt for shot in first]

    assert len(set(chosen(1))) == 5
    assert chosen(1) == chosen(1) != chosen(2)


def test_consensus_takes_what_most_candidates_say(lm_folder):
    recoverer = ZeroShotLm(model=str(lm_folder), **DRAWN)
    texts = ["Write a poem.", "Translate it into French.", "Write it as a poem."]
    found = recoverer._choose([Generated(text, (1,), -1.0, True) for text in texts])
    assert found.text in (texts[0], texts[2])
    assert found.candidates[-1].text == texts[1]
    assert found.confidence == found.candidates[0].score


def test_likelihood_takes_the_likeliest_token_by_token(lm_folder):
    recoverer = ZeroShotLm(model=str(lm_folder), choose="likelihood", **DRAWN)
    texts = [Generated("long", (1, 2, 3, 4), -4.0, True), Generated("short", (1,), -2.0, True)]
    found = recoverer._choose(texts)
    assert [one.text for one in found.candidates] == ["long", "short"]
    assert np.isnan(found.confidence)


def test_blank_answers_have_no_say(lm_folder):
    recoverer = ZeroShotLm(model=str(lm_folder), choose="likelihood", **DRAWN)
    blank = [Generated(text, (1,), -0.01, True) for text in (" ", "\u200b")]
    assert recoverer._choose([*blank, Generated(" A", (1,), -0.5, True)]).text == "A"
    assert recoverer._choose(blank).text == "Improve the text to this."


def test_equal_answers_have_the_score_of_the_likeliest(lm_folder):
    recoverer = ZeroShotLm(model=str(lm_folder), choose="likelihood", **DRAWN)
    scored = [("A", -0.5), ("B", -1.0), ("A\n", -10.0)]
    found = recoverer._choose([Generated(text, (1,), score, True) for text, score in scored])
    assert [(one.text, one.score) for one in found.candidates] == [("A", -0.5), ("B", -1.0)]


def test_a_row_that_is_too_long_is_named_before_any_is_answered(lm_folder, rewrites, monkeypatch):
    recoverer = ZeroShotLm(model=str(lm_folder), max_new_tokens=2000)
    monkeypatch.setattr("llmexam.lm.decoder.Generator.generate", None)
    with pytest.raises(ModelError, match=r"row with id '0': .*2000 new tokens.*max_text_tokens"):
        recoverer.recover(rewrites)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" Rewrite it.\n", "Rewrite it."),
        ("prompt: \u201cRewrite\n it.\u201d", "Rewrite it."),
        (" \n", "Improve the text to this."),
        ('""', "Improve the text to this."),
        ('Say "no"', 'Say "no"'),
    ],
)
def test_answers_become_prompts(text, answer):
    assert answer_of(text) == answer


def test_what_does_not_fit_is_refused(lm_folder, rewrites):
    with pytest.raises(SettingsError, match="do_sample: true"):
        ZeroShotLm(model=str(lm_folder), n_candidates=4)
    with pytest.raises(ExamError, match="expected 64 training rows with distinct prompts"):
        FewShotLm(model=str(lm_folder), n_shots=64).fit(rewrites)
