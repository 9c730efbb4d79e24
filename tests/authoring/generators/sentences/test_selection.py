import pytest

from llmexam.authoring.generators.sentences.selection import clean_sentences, tidy

GOOD = "Wet wool carries heat away from the legs of a marsh walker."


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("It carries heat away from the legs of a marsh walker.", "reference or a question"),
        ("These wet coats carry heat away from the legs of walkers.", "reference or a question"),
        ("Why does wet wool carry heat away from the legs of walkers?", "not a full sentence"),
        ("As shown in Figure 3.2, wet wool carries heat away from legs.", "text around it"),
        ("As we saw with cotton, wet wool carries heat away from legs.", "text around it"),
        ("Wet wool of a marsh walker, by contrast, carries heat from legs.", "text around it"),
        ("Calculate the heat that wet wool carries away from the legs.", "reference or a question"),
        ("Wet wool carries heat.", "too short or too long"),
        ("Wet wool obeys Q = m c and carries heat away from the legs.", "formulas or symbols"),
        ("wet wool carries heat away from the legs of a marsh walker.", "not a full sentence"),
        ("For people in its reach, wet wool carries heat away from legs.", "text around it"),
        ("Heat leaves quickly in wool after the disease was cured by walkers.", "text around it"),
        ("Wet wool is warm; dry wool is warmer in most of the cold months.", "more than one part"),
    ],
)
def test_sentences_that_need_their_text_are_left_out(sentence, reason):
    kept, reasons = clean_sentences(f"{sentence} {GOOD}")
    assert [one.text for one in kept] == [GOOD]
    (found,) = reasons
    assert reason in found


def test_a_passage_about_a_person_is_left_out():
    kept, reasons = clean_sentences(f"She fell ill. {GOOD}")
    assert kept == []
    assert reasons == {"passage tells of a person": 1}


def test_the_text_is_tidied_and_the_quote_is_not():
    text = "However, wet wool ( ) carries heat (by conduction) away from the legs of walkers ."
    (sentence,) = clean_sentences(text)[0]
    assert sentence.quote == text
    assert sentence.text == "Wet wool carries heat away from the legs of walkers."


def test_only_brackets_leaves_nothing():
    assert tidy("(see above)") == ""
    assert clean_sentences("(see above)")[0] == []
