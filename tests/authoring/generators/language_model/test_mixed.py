import pytest

from llmexam.authoring.generators.language_model.mixed import (
    MixedGenerator,
    read_stem,
    stem_problem,
)
from llmexam.authoring.generators.language_model.settings import LanguageModelSettings
from llmexam.authoring.generators.protocol import Generator, Request
from llmexam.generation.writer import WrittenText

REQUEST = Request(n_options=3)


def test_the_model_writes_the_question_of_another_generator(scripted, base, sources):
    answers = iter(["Question: Which solid is lighter than water? It is this.", "Answer: The ice"])
    model = scripted(lambda request: next(answers))
    generator = MixedGenerator(base, model, "stem")
    assert isinstance(generator, Generator)
    generator.prepare(sources)
    assert base.prepared == 3
    ice, iron, _ = generator.write(sources, REQUEST)
    (item,) = ice.items
    assert item.question.prompt == "Which solid is lighter than water?"
    assert item.question.options[item.question.answer] == "Ice"
    assert sorted(item.distractor_notes) == ["", "a rock", "another metal"]
    assert (item.style, item.quote) == ("definition", "Ice floats on water")
    assert item.generator == "fixed+language-model:scripted"
    assert item.prompt_version.startswith("fixed-1+stem-1-")
    assert ice.reasons == {"no number": 1}
    # Statements have the same question everywhere.
    assert iron.items == ()
    assert iron.reasons["statements have no question of their own"] == 1
    assert len(model.asked) == 2
    assert model.asked[1].user.startswith(
        "Sentence: Ice floats on water\nQuestion: Which solid is lighter than water?\n\n"
    )
    assert "Sentence: Ice floats on water\nAnswer: Ice" in model.asked[0].user


def test_the_model_writes_the_wrong_options_of_another_generator(scripted, base, sources):
    answer = "Wrong: A) Lead | It sinks.\nWrong: B) Ice\nWrong: C) Tin | It sinks, too."
    model = scripted(lambda request: answer)
    ice, iron, _ = MixedGenerator(base, model, "distractors").write(sources, REQUEST)
    (item,) = ice.items
    assert set(item.question.options) == {"Ice", "Lead", "Tin"}
    assert "It sinks, too." in item.distractor_notes
    assert (item.style, item.question.prompt[:4]) == ("cloze", "____")
    assert len(iron.items) == 1


def test_a_base_model_continues_the_label(scripted, base, sources):
    model = scripted(lambda request: "Lead | It sinks.\nWrong: Tin", "plain")
    (ice,) = MixedGenerator(base, model, "distractors").write(sources[:1], REQUEST)
    assert set(ice.items[0].question.options) == {"Ice", "Lead", "Tin"}
    model = scripted(lambda request: "What floats there?", "plain")
    settings = LanguageModelSettings(round_trip=False)
    (ice,) = MixedGenerator(base, model, "stem", settings).write(sources[:1], REQUEST)
    assert ice.items[0].question.prompt == "What floats there?"
    assert model.asked[0].user.endswith("Answer: Ice\nQuestion:")
    assert model.asked[0].stop == ("\n",)


@pytest.mark.parametrize(
    ("part", "answer", "reason"),
    [
        ("stem", "It is about water.", "no question"),
        ("stem", WrittenText("What is", is_cut=True), "cut off"),
        ("stem", WrittenText("", is_refused=True), "refused"),
        ("stem", "Why does ice float on water?", "gives the answer away"),
        ("stem", "What are stomata?", "copies the example"),
        ("stem", "What does the text say about water?", "names the passage"),
        ("stem", "What is the capital of France?", "unrelated question"),
        ("stem", "un\ufffdonsons floats it?", "no question"),
        ("distractors", "Wrong: Lead", "too few options"),
        ("distractors", "Wrong: Lead\nWrong: lead", "repeated option"),
        ("distractors", WrittenText("Wrong: Lead", is_cut=True), "cut off"),
    ],
)
def test_what_cannot_be_used_is_counted(scripted, base, sources, part, answer, reason):
    settings = LanguageModelSettings(max_draws=2)
    model = scripted(lambda request: answer)
    (ice,) = MixedGenerator(base, model, part, settings).write(sources[:1], REQUEST)
    assert (ice.items, ice.reasons) == ((), {"no number": 1, reason: 2})
    assert len(model.asked) == 2


def test_a_question_that_the_model_answers_in_another_way_is_drawn_again(scripted, base, sources):
    answers = iter(["What is water?", "A liquid", "What floats there?", "ice"])
    model = scripted(lambda request: next(answers), "plain")
    (ice,) = MixedGenerator(base, model, "stem").write(sources[:1], REQUEST)
    assert ice.items[0].question.prompt == "What floats there?"
    assert ice.reasons == {"no number": 1, "question has another answer": 1}
    assert model.asked[1].user.endswith("Question: What is water?\nAnswer:")
    assert [one.draw for one in model.asked] == [0, 0, 1, 1]


def test_the_question_ends_at_its_question_mark():
    assert read_stem("What melts? Ice melts.\nWhy?") == "What melts?"
    assert read_stem("Here it is:\n\n1. What melts?").endswith("What melts?")
    assert read_stem("It melts.") == ""
    assert stem_problem("Which metal is like ironwood?", "iron", "Metals") is None


def test_a_forecast_asks_nothing(scripted, base, sources):
    model = scripted(lambda request: "")
    found = MixedGenerator(base, model, "stem").forecast(sources, REQUEST)
    # The question, and its answer by the model.
    assert (found.n_requests, model.asked) == (2, [])
    settings = LanguageModelSettings(round_trip=False)
    plain = MixedGenerator(base, model, "stem", settings)
    assert plain.forecast(sources, REQUEST).n_requests == 1
    assert MixedGenerator(base, model, "distractors").forecast(sources, REQUEST).n_requests == 3
    assert plain.version != MixedGenerator(base, model, "stem").version
