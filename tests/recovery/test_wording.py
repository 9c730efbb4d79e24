import pytest

from llmexam.recovery.bank import read_bank
from llmexam.recovery.wording import (
    clean_prompt,
    has_preamble,
    is_refusal,
    opens_with_refusal,
    without_preamble,
)


@pytest.mark.parametrize(
    ("prompt", "cleaned"),
    [
        ("Rewrite this as a poem lucrarea", "Rewrite this as a poem"),
        ("Improve this</s> text", "Improve this text"),
        ("make it rhyme xqzrtk bcdfgh", "make it rhyme"),
        ("Shorten this shorten this shorten this", "Shorten this"),
        ("formal formal formal", "formal"),
        ("style #@!%$ style", "style style"),
        ("aaaaaargh do it", "do it"),
        ("lucrarea", ""),
    ],
)
def test_tokens_that_say_nothing_are_removed(prompt, cleaned):
    found = clean_prompt(prompt)
    assert found.text == cleaned
    assert found.removed
    assert 0 < found.share <= 1


@pytest.mark.parametrize(
    "prompt",
    [
        "Rewrite this as an FAQ for NASA's 3rd HTML5 page, very, very briefly.",
        'Write "Dear Sir/Madam" at the top & use 24-hour times (e.g. 14:30).',
        "Explain it to a 5-year-old \U0001f600",
        "\u041f\u0435\u0440\u0435\u043f\u0438\u0448\u0438 \u0442\u0435\u043a\u0441\u0442",
        "\u3053\u306e\u6587\u7ae0\u3092\u8a69\u306b\u3057\u3066\u304f\u3060\u3055\u3044",
        "\u8bf7\u5c06\u8fd9\u6bb5\u6587\u5b57\u6539\u5199\u4e3a\u8bd7\u6b4c\uff0c\u8bed\u6c14\u8f7b\u677e\u3002",
        "\u0915\u0935\u093f\u0924\u093e \u092e\u0947\u0902 \u0932\u093f\u0916\u0947\u0902",
        "Re\u0301e\u0301cris ce texte de\u0301ja\u0300",
        "Use a formal tone\u2014keep it brief.",
        "End with #motivation, and write to bob.smith@example.com!",
    ],
)
def test_prompts_stay_as_they_are(prompt):
    assert clean_prompt(prompt).text == prompt
    assert clean_prompt(prompt).share == 0


def test_words_of_the_texts_are_no_gibberish():
    assert clean_prompt("Add Przbl to it", context="Mr Przbl's shop, przbl.").text == (
        "Add Przbl to it"
    )
    assert clean_prompt("Add Qrzbl to it", context="a shop").text == "Add to it"


def test_all_prompts_of_the_sample_stay():
    assert [p for p in read_bank("bundled") if clean_prompt(p).removed] == []


@pytest.mark.slow
def test_few_real_prompts_change(shared_data):
    prompts = read_bank(shared_data / "prompt_recovery" / "prompt_bank.csv")[::10]
    changed = [prompt for prompt in prompts if clean_prompt(prompt).removed]
    assert len(changed) < 0.01 * len(prompts)


@pytest.mark.parametrize(
    "text",
    ["I'm sorry, but I can't.", "As an AI, I have no view.", "I\u2019m sorry, I can\u2019t help."],
)
def test_refusals(text):
    assert is_refusal(text)


def test_what_is_no_refusal():
    assert not is_refusal("He was sorry. " * 30 + "I cannot go on.")
    assert not has_preamble("Surely the sea is calm.")
    assert not has_preamble("Here we go again.")


@pytest.mark.parametrize("text", ["Sure, here is a poem:", "Here's the text", " Certainly! A"])
def test_preambles(text):
    assert has_preamble(text)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Sure, here is the poem:\nO sea!", "O sea!"),
        ("Of course!\n\nO sea: calm.", "O sea: calm."),
        ("Sure! Here is it at 10:30: O sea!", "O sea!"),
        ("Certainly, the sea is calm tonight.", None),
        ("Sure, here is the poem:", ""),
    ],
)
def test_an_opening_ends_with_a_colon_or_a_blank_line(text, bare):
    assert without_preamble(text) == bare


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ("I\u2019m sorry, but I can\u2019t help with that.", True),
        ("Sorry, but I cannot tell.", True),
        ("As an AI language model, I do not know.", True),
        ("Rewrite this as an AI assistant would.", False),
        ("As an AI assistant, write a poem.", False),
        ("Write it as if you are unable to provide details.", False),
        ('Write a letter that opens with "I am sorry".', False),
    ],
)
def test_a_prompt_may_ask_for_an_apology(answer, refuses):
    assert opens_with_refusal(answer) == refuses
