from collections import Counter

import pytest

from llmexam.authoring.generators.assembly import assemble, question_id, stable_random
from llmexam.authoring.generators.protocol import Generator, Request
from llmexam.authoring.generators.sentences import SentenceGenerator
from llmexam.authoring.item import Source
from llmexam.errors import SettingsError
from llmexam.exam.question import Passage

SOURCE = Source(Passage("Tin melts at 232 degrees.", id="p1"), "c1")


def made(prompt="At how many degrees does tin melt?", quote="Tin melts at 232 degrees.", seed=0):
    return assemble(
        SOURCE,
        style="number",
        prompt=prompt,
        answer="232 degrees",
        distractors=[("140 degrees", "half"), ("390 degrees", "double"), ("90 degrees", "less")],
        quote=quote,
        generator="test",
        version="1",
        seed=seed,
    )


def test_answer_and_notes_follow_the_options():
    item = made()
    assert item.question.options[item.question.answer] == "232 degrees"
    assert item.distractor_notes[item.question.answer] == ""
    notes = dict(zip(item.question.options, item.distractor_notes, strict=True))
    assert notes["140 degrees"] == "half"


def test_positions_of_the_answer_are_even():
    positions = Counter(made(prompt=f"Question {n}").question.answer for n in range(2000))
    # Expected 500 each; the standard deviation is 19.
    assert set(positions) == {0, 1, 2, 3}
    assert all(420 < count < 580 for count in positions.values())


def test_id_is_the_same_in_every_process():
    assert made().question.id == question_id(
        SOURCE, "test", "At how many degrees does tin melt?", "232 degrees"
    )
    assert made(seed=1).question.id == made(seed=2).question.id
    assert stable_random(3, "a").random() == stable_random(3, "a").random()
    assert stable_random(3, "a").random() != stable_random(4, "a").random()


def test_a_quote_that_is_not_in_the_passage_is_refused():
    with pytest.raises(ValueError, match="expected a quote from passage 'p1'"):
        made(quote="Tin melts at 231 degrees.")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_options": 2}, "expected n_options from 3 to 26, got 2"),
        ({"per_passage": 0}, "expected per_passage of at least 1, got 0"),
        ({"styles": ("cloze", "cloze")}, "expected different styles"),
        ({"styles": ("riddle",)}, "got riddle"),
        ({"styles": ()}, "got none"),
    ],
)
def test_wrong_requests_are_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        Request(**values)


def test_the_generator_has_the_interface():
    assert isinstance(SentenceGenerator(), Generator)
