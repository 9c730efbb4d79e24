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
    assert np.exp(found.values[:2]) == pytest.approx([0.5, 0.1])
    assert found.share == pytest.approx(0.6)
    assert found.values[2] == pytest.approx(math.log(0.1) - 1)


def test_words_and_letters_of_no_option_are_no_letters():
    assert letter_scores((("Both", -1.0), ("An", -1.0), ("D", -1.0), ("Aa", -2.0)), 3) is None


def test_lower_case_letters_count_where_a_model_prefers_them():
    small = (("b", math.log(0.7)), ("a", math.log(0.1)), ("B", math.log(0.1)))
    assert np.exp(letter_scores(small, 2).values) == pytest.approx([0.1, 0.8])
    article = (("B", math.log(0.6)), ("a", math.log(0.3)))
    found = letter_scores(article, 2)
    assert found.share == pytest.approx(0.6)
    assert found.values[0] < math.log(0.3)


def test_letters_in_brackets_and_bold_count():
    listed = (("(B", math.log(0.5)), ("**B", math.log(0.25)), ("A)", math.log(0.2)))
    assert np.exp(letter_scores(listed, 2).values) == pytest.approx([0.2, 0.75])


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


def test_the_letters_place_is_found_behind_thoughts():
    letters = [place(t, -0.1, (t, -0.1)) for t in ("<think>", "A", "?", "</think>", "\n\n", "C")]
    assert read_reply(chat(letters)).tokens == (("C", -0.1),)
    assert read_reply(chat(letters[:3])).tokens == (("A", -0.1),)


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


@pytest.mark.parametrize(
    ("message", "finish", "text"),
    [
        (
            {
                "content": [
                    {"type": "text", "text": "The answer "},
                    {"type": "text", "text": "is B"},
                ]
            },
            "stop",
            "The answer is B",
        ),
        ({"content": None, "reasoning_content": "so it is B"}, "stop", "so it is B"),
        ({"content": "", "reasoning": "A or"}, "length", ""),
        ({"content": None, "refusal": "I cannot help"}, "stop", "I cannot help"),
        ({"content": {"a": 1}}, "stop", ""),
        (
            {"content": None, "tool_calls": [{"function": {"arguments": '{"answer": "B"}'}}]},
            "tool_calls",
            '{"answer": "B"}',
        ),
        ({"content": None, "tool_calls": [7, {"function": [1]}]}, "tool_calls", ""),
        ({"content": 7}, "stop", ""),
    ],
)
def test_the_text_of_a_message(message, finish, text):
    reply = read_reply({"choices": [{"message": message, "finish_reason": finish}]})
    assert reply.text == text


@pytest.mark.parametrize("strange", [["B"], {"B": 1}, None, 7, True, 10**400, "B\ud83d"])
def test_strange_values_make_no_error(strange):
    tops = [{"token": strange, "logprob": strange}, {"token": "B", "logprob": -0.1}]
    content = [{"token": strange, "logprob": strange, "top_logprobs": tops}]
    body = chat(content, usage={"prompt_tokens": strange, "completion_tokens": -1})
    body["choices"][0]["finish_reason"] = strange
    body["model"] = strange
    reply = read_reply(body)
    assert ("B", -0.1) in reply.tokens
    assert reply.completion_tokens is None
    assert reply.model_dump_json()
    old = {"tokens": [strange], "top_logprobs": [{"B": -0.1}]}
    assert read_reply({"choices": [{"text": strange, "logprobs": old}]}).tokens == (("B", -0.1),)


def test_the_word_i_is_no_letter_of_many_options():
    listed = (("I", -0.05), ("The", -3.5), ("A", -5.0))
    found = letter_scores(listed, 10)
    assert found is not None
    # Too small a share: the answer is asked for as text.
    assert found.share < 0.1
    sure = letter_scores((("B", -0.05), ("I", -4.0)), 10)
    assert sure is not None
    assert sure.share > 0.9
