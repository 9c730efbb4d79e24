"""Questions by local models: a tiny random one for the mechanics, and real ones."""

import pytest

from llmexam.authoring.generators.language_model.generator import LanguageModelGenerator
from llmexam.authoring.generators.language_model.mixed import MixedGenerator
from llmexam.authoring.generators.language_model.settings import LanguageModelSettings
from llmexam.authoring.generators.protocol import Request
from llmexam.generation.local import LocalWriter, LocalWriterSettings


def local(model, folder, **settings):
    own = {"model": str(model), "cache_dir": str(folder / "cache"), "top_p": 0.95}
    return LocalWriter(LocalWriterSettings(**{**own, **settings}))


@pytest.fixture(scope="session")
def lm_folder(tmp_path_factory):
    """The folder of a tiny random decoder."""
    from tests.tiny_decoder import make_tokenizer, save_decoder

    return save_decoder(tmp_path_factory.mktemp("models") / "tiny", make_tokenizer())


@pytest.mark.parametrize("format", ["chat", "plain"])
def test_a_random_model_gives_reasons_and_no_questions(lm_folder, base, sources, tmp_path, format):
    writer = local(lm_folder, tmp_path, format=format)
    settings = LanguageModelSettings(max_draws=2)
    # Its prompts of examples do not fit into the context of the tiny model, those of parts do.
    generator = MixedGenerator(base, writer, "distractors", settings)
    expected = generator.forecast(sources[:1], Request(n_options=3))
    (found,) = generator.write(sources[:1], Request(n_options=3))
    assert found.items == ()
    assert sum(found.reasons.values()) == 1 + 2
    assert writer.usage.n_written == 2
    assert writer.usage.prompt_tokens == 2 * expected.prompt_tokens


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "gemma-3-270m"])
def test_a_real_model_writes_the_question_of_a_given_answer(
    shared_models, base, sources, tmp_path, name
):
    if not (shared_models / name).is_dir():
        pytest.skip(f"{name} is not in {shared_models}")
    writer = local(shared_models / name, tmp_path)
    found = list(MixedGenerator(base, writer, "stem").write(sources[:1] * 4, Request(n_options=3)))
    items = [item for one in found for item in one.items]
    assert items
    assert all(item.question.prompt.endswith("?") for item in items)
    assert all(item.quote in item.question.passages[0].text for item in items)


@pytest.mark.slow
def test_a_real_chat_model_writes_whole_questions(shared_models, sources, tmp_path):
    name = "qwen2.5-coder-0.5b"
    if not (shared_models / name).is_dir():
        pytest.skip(f"{name} is not in {shared_models}")
    writer = local(shared_models / name, tmp_path)
    request = Request(n_options=3, per_passage=2)
    found = list(LanguageModelGenerator(writer).write(sources[:2], request))
    items = [item for one in found for item in one.items]
    assert items, [dict(one.reasons) for one in found]
    assert all(item.quote in item.question.passages[0].text for item in items)
    assert all(len(item.question.options) == 3 for item in items)
