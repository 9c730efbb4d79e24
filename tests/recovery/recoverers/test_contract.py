import numpy as np
import pytest

from llmexam.errors import ExamError, SettingsError
from llmexam.recovery.embeddings import sharpen, text_vectors
from llmexam.recovery.phrase_search import SearchSettings, frequent_phrases, search_mean_prompt
from llmexam.recovery.recoverers.registry import recoverer_class, recoverer_names
from llmexam.testing import check_recoverer

SETTINGS = {
    "mean-prompt": {"n_steps": 2, "n_proposals": 60},
    "regressor": {"bank": "bundled"},
    "bank-ranker": {"bank": "bundled"},
}
ASK_A_MODEL = {"few-shot-lm", "fine-tuned", "served-few-shot-lm", "served-lm", "zero-shot-lm"}


@pytest.mark.parametrize(
    "name",
    [
        # The search takes seconds; `TestSearch` checks its parts.
        pytest.param(name, marks=pytest.mark.slow if name == "mean-prompt" else ())
        for name in sorted(set(recoverer_names()) - ASK_A_MODEL)
    ],
)
def test_every_recoverer_keeps_the_contract(name, sample):
    kind = recoverer_class(name)
    train, items = sample.subset(range(0, 24, 2)), sample.subset(range(1, 10, 2))
    check_recoverer(lambda: kind(**SETTINGS.get(name, {})), train, items)


@pytest.mark.parametrize("name", ["regressor", "nearest-neighbours"])
def test_known_prompts_are_found_again(name, sample):
    recoverer = recoverer_class(name)(temperature=0.001, consensus=False)
    # Most of these rows have vectors from the contract above.
    rows = sample.subset(range(20))
    recoverer.fit(rows)
    found = [one.text for one in recoverer.recover(rows)]
    right = np.mean([a == b for a, b in zip(found, rows.prompts, strict=True)])
    assert right > 0.9


def test_unknown_names_are_told():
    with pytest.raises(SettingsError, match="Did you mean 'regressor'"):
        recoverer_class("regresor")


def test_too_few_rows_are_an_error(sample):
    with pytest.raises(ExamError, match="at least 2 training rows, got 1"):
        recoverer_class("regressor")().fit(sample.subset([0]))


class TestSearch:
    def search(self, prompts, **values):
        vectors = text_vectors("bundled")
        settings = SearchSettings(**{"n_steps": 2, "n_proposals": 120, **values})
        return search_mean_prompt(prompts, vectors, settings), vectors

    @pytest.mark.slow
    def test_the_score_is_that_of_the_text_and_never_falls(self, sample):
        prompts = sample.prompts[:10]
        found, vectors = self.search(prompts)
        target = vectors.encode([found.text])[0]
        score = sharpen(vectors.encode(prompts) @ target).mean()
        assert found.score == pytest.approx(float(score), abs=1e-5)
        scores = [step.score for step in found.steps]
        assert scores == sorted(scores)
        assert found.score > scores[0]
        assert found.n_scored <= 10 + 5 + 2 * 120

    @pytest.mark.slow
    def test_the_seed_decides(self, sample):
        first, _ = self.search(sample.prompts[:10], seed=1, n_steps=1)
        again, _ = self.search(sample.prompts[:10], seed=1, n_steps=1)
        assert first == again

    def test_one_prompt_is_its_own_mean(self):
        found, _ = self.search(["Turn it into a limerick."])
        assert found.text == "Turn it into a limerick."
        assert found.score == pytest.approx(1, abs=1e-5)

    def test_texts_stay_short(self, sample):
        found, _ = self.search(sample.prompts[:10], max_words=4)
        assert all(len(step.text.split()) <= 4 for step in found.steps)

    def test_without_prompts_it_is_an_error(self):
        with pytest.raises(ExamError, match="at least 1 prompt"):
            self.search([])

    def test_phrases_are_counted_by_prompt(self):
        found = frequent_phrases(["as a poem", "as a song", "as a poem"], 3)
        assert found == ["as a", "a", "a poem"] or found[0] == "as a"
