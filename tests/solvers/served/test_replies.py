import math

import numpy as np
import pytest

from llmexam.solvers.served.replies import letter_scores, read_reply


def chat(content, **more):
    return {
        "model": "m",
        "choices": [{"message": {"content": "B"}, "logprobs": {"content": content}}],
        **more,
    }


def place(token, logprob, *others):
    tops = [{"token": t, "logprob": v} for t, v in others]
    return {"token": token, "logprob": logprob, "top_logprobs": tops}


def test_a_letter_with_and_without_a_space_adds_up():
    listed = (("A", math.log(0.3)), (" A", math.log(0.2)), ("\u2581B", math.log(0.1)))
    found = letter_scores(listed, 3)
    assert np.exp(found[:2]) == pytest.approx([0.5, 0.1])
    assert found[2] == pytest.approx(math.log(0.1) - 1)


def test_words_small_letters_and_letters_of_no_option_are_no_letters():
    assert letter_scores((("a", -1.0), ("An", -1.0), ("D", -1.0)), 3) is None


def test_the_letters_place_is_found_behind_other_words():
    reply = read_reply(
        chat(
            [
                place("The", -0.1, ("The", -0.1), ("A", -9.0)),
                place(" B", -0.2, (" B", -0.2), (" A", -2.0)),
                place("A", -0.3, ("A", -0.3)),
            ]
        )
    )
    assert reply.tokens == ((" B", -0.2), (" A", -2.0))


def test_the_chosen_token_counts_where_the_list_leaves_it_out():
    reply = read_reply(chat([place("B", -0.2, ("A", -2.0))]))
    assert reply.tokens == (("B", -0.2), ("A", -2.0))


def test_the_older_form_of_completions():
    logprobs = {"tokens": [" B"], "top_logprobs": [{" B": -0.2, " A": -2.0}]}
    reply = read_reply({"choices": [{"text": " B", "logprobs": logprobs}]})
    assert reply.tokens == ((" B", -0.2), (" A", -2.0))
    assert (reply.text, reply.prompt_tokens, reply.model) == (" B", None, "")


def test_numbers_that_are_none_are_left_out():
    reply = read_reply(chat([place("B", -0.2, ("B", -0.2), ("A", float("-inf")), ("C", None))]))
    assert reply.tokens == (("B", -0.2),)


@pytest.mark.parametrize("logprobs", [None, {}, {"content": []}, {"content": None}, []])
def test_an_answer_without_log_probabilities(logprobs):
    body = {"choices": [{"message": {"content": None}, "logprobs": logprobs}], "usage": None}
    reply = read_reply(body)
    assert (reply.text, reply.tokens, reply.completion_tokens) == ("", None, None)


@pytest.mark.parametrize("body", [None, [], {}, {"choices": []}, {"choices": [1]}])
def test_what_is_no_answer(body):
    with pytest.raises(ValueError, match=r"expected a JSON object|the reply has no"):
        read_reply(body)


def test_texts_that_files_cannot_hold_are_mended():
    reply = read_reply({"choices": [{"message": {"content": "a\0b\ud83dc"}}]})
    assert reply.text == "ab?c"
