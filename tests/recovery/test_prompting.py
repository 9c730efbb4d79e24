import pytest

from llmexam.errors import ModelError
from llmexam.recovery.prompting import Example, Prompter, PromptingSettings

SHOT = Example("Cats sleep.", "Cats, they sleep.", "Add a\ncomma.")


def prompter(tokenizer, **settings):
    return Prompter(tokenizer, PromptingSettings(instructions="Recover it.", **settings))


def rendered(tokenizer, *, format, shots=()):
    made = prompter(tokenizer, format=format)
    return tokenizer.decode(made.encode("One.", "Two.", shots))


def test_plain_text(lm_tokenizer):
    assert rendered(lm_tokenizer, format="plain", shots=[SHOT]) == (
        "<s>Recover it.\n\n"
        "Original text:\nCats sleep.\n\nRewritten text:\nCats, they sleep.\n\n"
        "Prompt: Add a comma.\n\n"
        "Original text:\nOne.\n\nRewritten text:\nTwo.\n\nPrompt:"
    )


def test_gemma_turns(lm_tokenizer):
    assert rendered(lm_tokenizer, format="gemma", shots=[SHOT]) == (
        "<s><start_of_turn>user\nRecover it.\n\n"
        "Original text:\nCats sleep.\n\nRewritten text:\nCats, they sleep.<end_of_turn>\n"
        "<start_of_turn>model\nAdd a comma.<end_of_turn>\n"
        "<start_of_turn>user\nOriginal text:\nOne.\n\nRewritten text:\nTwo.<end_of_turn>\n"
        "<start_of_turn>model\n"
    )


def test_the_chat_template_of_the_model(lm_tokenizer):
    assert rendered(lm_tokenizer, format="chat", shots=[SHOT]) == (
        "<|system|>Recover it.\n"
        "<|user|>Original text:\nCats sleep.\n\nRewritten text:\nCats, they sleep.\n"
        "<|assistant|>Add a comma.\n"
        "<|user|>Original text:\nOne.\n\nRewritten text:\nTwo.\n<|assistant|>"
    )


@pytest.mark.parametrize(
    ("format", "answer"),
    [
        ("plain", " Add a comma.</s>"),
        ("gemma", "Add a comma.<end_of_turn></s>"),
        ("chat", "Add a comma.</s>"),
    ],
)
def test_an_answer_ends(lm_tokenizer, format, answer):
    ids = prompter(lm_tokenizer, format=format).answer_ids(SHOT.prompt)
    assert lm_tokenizer.decode(ids) == answer


def test_a_template_that_refuses_a_system_message_gets_it_in_the_first_turn(lm_tokenizer):
    known = lm_tokenizer.chat_template
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    lm_tokenizer.chat_template = strict + known
    try:
        text = rendered(lm_tokenizer, format="chat")
    finally:
        lm_tokenizer.chat_template = known
    assert text.startswith("<|user|>Recover it.\n\nOriginal text:\nOne.")


def test_long_texts_are_cut_and_counted(lm_tokenizer):
    made = prompter(lm_tokenizer, max_text_tokens=8)
    long = "word " * 200_000
    text = lm_tokenizer.decode(made.encode(long, "Two."))
    assert made.n_cut == 1
    kept = text.partition("Original text:\n")[2].partition("\n\nRewritten")[0]
    assert len(lm_tokenizer(kept, add_special_tokens=False)["input_ids"]) <= 8
    assert long.startswith(kept)
    assert "Rewritten text:\nTwo.\n" in text


def test_a_model_without_a_chat_template_is_refused(lm_tokenizer):
    known = lm_tokenizer.chat_template
    lm_tokenizer.chat_template = None
    try:
        with pytest.raises(ModelError, match=r"no chat template.*format: plain"):
            prompter(lm_tokenizer, format="chat")
    finally:
        lm_tokenizer.chat_template = known
