from llmexam.exam.normalise import normalise, words_of


def test_case_spacing_punctuation_and_width_make_no_difference():
    assert normalise("  \uff37hat is\n'LIGHT'?") == "what is light"


def test_texts_without_words_keep_their_signs():
    assert normalise(" + ") == "+"
    assert normalise("") == ""


def test_words_of_other_scripts_count():
    assert words_of("Straße, 日本") == ["strasse", "日本"]
