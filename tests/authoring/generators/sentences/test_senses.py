import pytest

from llmexam.authoring.generators.sentences.senses import head_of, is_named_plural, sense_of


@pytest.mark.parametrize(
    ("term", "explanation", "sense"),
    [
        ("catalase", "an enzyme that protects the fungus from peroxide", "enzyme"),
        ("sublimation", "the conversion of a solid to a gas", "process"),
        ("red tide", "a type of disease that harms algae", "condition"),
        ("capacitor", "a device used to store charge", "device"),
        ("syncytia", "Proteins fuse cells and form giant cells called syncytia.", "cell"),
        ("regulon", "An enzyme of many parts is called a regulon.", "enzyme"),
        ("gingivitis", "the usual reason for sore gums", "condition"),
        ("palindrome", "a thing that reads the same from both ends", ""),
        ("disease", "a thing that people suffer from", ""),
    ],
)
def test_the_head_of_the_explanation_tells_the_sort_of_thing(term, explanation, sense):
    assert sense_of(term, explanation) == sense


@pytest.mark.parametrize(
    ("explanation", "head"),
    [
        ("a group of organisms of one species that live together", "organisms"),
        ("a number of kinds of rocks in space", "rocks"),
        ("Salts of fatty acids are called soaps.", "Salts"),
        ("Air moves in a current, called wind, over land.", "current"),
        ("a kind", "kind"),
        ("The core is in a membrane that is called the envelope.", "membrane"),
        ("In chemistry, a substance that burns is called a fuel.", "substance"),
        ("This bond is commonly called sigma.", "bond"),
        ("an animal having a backbone", "animal"),
    ],
)
def test_the_head_is_the_noun_that_explains(explanation, head):
    assert head_of(explanation) == head


def test_verb_or_noun_tells_the_number_of_a_named_term():
    assert is_named_plural("A group of cells is called a tissue.") is False
    assert is_named_plural("Salts of fatty acids are called soaps.") is True
    assert is_named_plural("They form giant cells called syncytia.") is True
    assert is_named_plural("a group of cells") is None
