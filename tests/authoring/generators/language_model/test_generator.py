from dataclasses import replace

import pytest

from llmexam.authoring.generators.language_model.generator import LanguageModelGenerator
from llmexam.authoring.generators.language_model.prompting import Prompting
from llmexam.authoring.generators.language_model.settings import LanguageModelSettings
from llmexam.authoring.generators.protocol import Generator, Request
from llmexam.errors import SettingsError
from llmexam.generation.writer import WrittenText

REQUEST = Request(n_options=3)


def reply(request, **changes):
    """Return a good reply for either passage."""
    passage = request.user.rpartition("Passage: ")[2]
    words = passage.split()
    fields = {
        "Quote": " ".join(words[:4]),
        "Question": f"What does {words[0]} do in water?",
        "Answer": f"It {words[1]}",
        **changes,
    }
    lines = [f"{name}: {text}" for name, text in fields.items() if text]
    return "\n".join([*lines, "Wrong: It burns | Not in water.", "Wrong: It boils"])


def test_each_passage_gives_a_question_with_its_provenance(scripted, sources):
    model = scripted(reply)
    generator = LanguageModelGenerator(model)
    assert isinstance(generator, Generator)
    ice, iron, short = generator.write(iter(sources), REQUEST)
    assert (short.items, short.reasons) == ((), {"passage too short": 1})
    (item,) = ice.items
    assert item.quote in ice.source.passage.text
    assert item.question.options[item.question.answer] == "It floats"
    assert dict(zip(item.question.options, item.distractor_notes, strict=True)) == {
        "It floats": "",
        "It burns": "Not in water.",
        "It boils": "written by scripted",
    }
    assert (item.generator, item.cluster) == ("language-model:scripted", "a")
    assert item.prompt_version == generator.version
    assert generator.version.startswith(f"{Prompting('whole').version}+")
    assert len(iron.items) == 1
    assert len(model.asked) == 2
    assert list(generator.write(sources, REQUEST)) == [ice, iron, short]


def test_bad_answers_are_counted_and_drawn_again(scripted, sources):
    answers = iter(
        [
            WrittenText("", is_refused=True),
            WrittenText("Quote: Ice floats on", is_cut=True),
            "I cannot think of one.",
        ]
    )
    model = scripted(lambda request: next(answers, None) or reply(request))
    settings = LanguageModelSettings(max_draws=4)
    (found,) = LanguageModelGenerator(model, settings).write(sources[:1], REQUEST)
    assert found.reasons == {"refused": 1, "cut off": 1, "no question": 1}
    assert len(found.items) == 1
    assert [one.draw for one in model.asked] == [0, 1, 2, 3]


def test_a_model_that_never_answers_well_is_asked_a_bounded_number_of_times(scripted, sources):
    model = scripted(lambda request: reply(request, Quote="Nothing of the kind is there."))
    request = replace(REQUEST, per_passage=5, styles=("definition",))
    ice, iron, short = LanguageModelGenerator(model).write(sources, request)
    assert ice.items == iron.items == short.items == ()
    assert ice.reasons == {"quote not in passage": 15}
    assert short.reasons == {"passage too short": 5}
    assert len(model.asked) == 2 * 5 * 3
    assert len({one.draw for one in model.asked}) == 15


def test_one_question_is_not_taken_twice(scripted, sources):
    request = replace(REQUEST, per_passage=2)
    (found,) = LanguageModelGenerator(scripted(reply)).write(sources[:1], request)
    assert (len(found.items), found.reasons) == (1, {"repeated question": 3})


def test_a_corrected_quote_is_counted(scripted, sources):
    model = scripted(lambda request: reply(request, Quote="ICE FLOATS ON WATER!"))
    (found,) = LanguageModelGenerator(model).write(sources[:1], REQUEST)
    assert found.items[0].quote == "Ice floats on water"
    assert found.reasons == {"quote corrected": 1}


def test_passages_are_read_as_they_are_needed(scripted, sources):
    read = []

    def stream():
        for one in sources * 3:
            read.append(one)
            yield one

    settings = LanguageModelSettings(together=2)
    written = LanguageModelGenerator(scripted(reply), settings).write(stream(), REQUEST)
    assert read == []
    next(written)
    assert len(read) == 2


def test_styles_are_balanced_and_numbers_need_digits(scripted, sources):
    model = scripted(reply)
    styles = ("cloze", "number", "cause")
    request = replace(REQUEST, styles=styles, per_passage=2)
    ice, iron, _ = LanguageModelGenerator(model).write(sources, request)
    assert {item.style for item in ice.items} == {"cause"}
    tasks = {one.user.rpartition("\n\n")[2].partition(".")[0] for one in model.asked}
    assert tasks == {
        "Ask for a number, with its unit",
        "Ask why something happens, or what it leads to",
    }
    assert iron.items
    with pytest.raises(SettingsError, match="'cloze' alone"):
        list(LanguageModelGenerator(model).write(sources, replace(REQUEST, styles=("cloze",))))


def test_a_base_model_continues_a_text_with_two_examples(scripted, sources):
    model = scripted(lambda request: reply(request).removeprefix("Quote:"), "plain")
    ice, *_ = LanguageModelGenerator(model).write(sources, REQUEST)
    assert len(ice.items) == 1
    asked = model.asked[0]
    assert asked.user.endswith("Quote:")
    assert (asked.system, asked.shots) == ("", ())
    assert asked.user.count("Passage: ") == 3
    assert asked.user.count("Wrong: ") == 4
    assert "###" in asked.stop


@pytest.mark.parametrize("n_options", [3, 5, 10])
@pytest.mark.parametrize("style", ["definition", "cause", "comparison", "number", "statement"])
@pytest.mark.parametrize("format", ["chat", "plain"])
def test_examples_have_as_many_options_as_are_wanted(n_options, style, format):
    request = Prompting("whole").request(
        "A passage.", style, n_options, format=format, subject="x", draw=0
    )
    shown = request.user if format == "plain" else request.shots[0].answer
    assert shown.count("Wrong: ") == (n_options - 1) * (2 if format == "plain" else 1)
    assert "{" not in request.user + request.system
    assert request.likely_answer.count("\n") == n_options + 1


def test_the_examples_are_good_drafts_themselves():
    from llmexam.authoring.generators.language_model.drafts import Draft, draft_of
    from llmexam.authoring.generators.language_model.prompting import _examples
    from llmexam.authoring.generators.language_model.replies import read_reply

    for one in _examples().examples:
        for example in one.styles.values():
            found = draft_of(read_reply(example.lines("whole", 9)), one.passage, 10)
            assert isinstance(found, Draft), (example.question, found)
            assert found.is_exact
            assert all(note for _, note in found.distractors)


def test_versions_differ_by_wording_model_and_settings(scripted):
    model, other = scripted(reply), scripted(reply)
    other.version = "2"
    versions = {
        LanguageModelGenerator(model).version,
        LanguageModelGenerator(other).version,
        LanguageModelGenerator(model, LanguageModelSettings(max_draws=2)).version,
    }
    assert len(versions) == 3
    assert len({Prompting(part).version for part in ("whole", "stem", "distractors")}) == 3


def test_a_forecast_asks_nothing(scripted, sources):
    model = scripted(reply)
    found = LanguageModelGenerator(model).forecast(sources, replace(REQUEST, per_passage=2))
    assert model.asked == []
    assert (found.n_requests, found.prompt_tokens, found.completion_tokens) == (4, 400, 40)
    assert (found.max_completion_tokens, found.cost, found.max_cost) == (240, 4.0, 24.0)
    assert "4 requests" in str(found)


def test_half_a_character_at_the_end_of_an_answer_is_left_out(scripted, sources):
    model = scripted(lambda request: f"{reply(request)} \ud83d")

    ice, *_ = LanguageModelGenerator(model).write(iter(sources), REQUEST)

    (item,) = ice.items
    assert "It boils" in item.question.options
