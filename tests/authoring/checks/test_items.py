"""Checks of single questions, on questions that they reject and on similar ones."""

import pickle

import pytest

from llmexam.authoring.checks.flaws import FlawsCheck, FlawsSettings
from llmexam.authoring.checks.options import OptionsCheck, OptionsSettings
from llmexam.authoring.checks.overlap import OverlapCheck, OverlapSettings
from llmexam.authoring.checks.plausible import PlausibleCheck
from llmexam.authoring.checks.quotes import QuoteCheck, QuoteSettings
from llmexam.authoring.checks.readers import (
    ReadersCheck,
    ReadersSettings,
    ReferenceCheck,
    ReferenceSettings,
    margins_of,
)
from llmexam.authoring.checks.support import SupportCheck
from llmexam.authoring.checks.wrong import WrongCheck
from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.writers import write_exam


def reason(check, item):
    (found,) = check.judge([item])
    return found


class TestQuote:
    def test_quotes_may_differ_in_spacing_and_quotation_marks(self, make):
        item = make("What is mined?", ("precious opal", "gold"), quote='"Precious  opal" shows')
        assert reason(QuoteCheck(), item) is None

    @pytest.mark.parametrize("quote", ["", "opal is a hydrated form", "Opal is a form of silica."])
    def test_missing_or_altered_quotes_are_rejected(self, make, quote):
        assert reason(QuoteCheck(), make(quote=quote)) is not None

    def test_quote_is_optional_if_set(self, make):
        assert reason(QuoteCheck(QuoteSettings(required=False)), make(quote="")) is None

    def test_quote_must_have_words_of_the_key(self, make):
        item = make(quote="Quartz is a crystalline mineral of silica.")
        assert "0%" in reason(QuoteCheck(), item)

    def test_short_keys_must_be_in_the_quote(self, make):
        item = make("How much water?", ("+", "-"), quote="Opal is a hydrated form of silica.")
        assert reason(QuoteCheck(), item) == "the right option is not in the quote"

    def test_negated_prompts_need_no_support(self, make):
        item = make("Which mineral is NOT a form of silica?", ("topaz", "opal", "quartz"))
        assert reason(QuoteCheck(), item) is None


class TestSupport:
    def test_another_supported_option_is_rejected(self, make):
        assert "'opal'" in reason(SupportCheck(), make(answer=1))

    def test_unsupported_key_is_rejected(self, make):
        assert "0%" in reason(SupportCheck(), make(answer=2))

    def test_distractors_of_other_sentences_are_accepted(self, make):
        item = make("Which mineral is crystalline?", ("quartz", "opal", "garnet"))
        assert reason(SupportCheck(), item) is None

    def test_nothing_is_said_without_passage(self, make):
        assert reason(SupportCheck(), make(text="", answer=2)) is None


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            ("opal", " ", "quartz"),
            ("opal", "None", "quartz"),
            ("opal", "quartz", "Quartz"),
            ("opal", "precious opal", "quartz"),
            ("opal", "quartz", "all of the above"),
            ("opal", "quartz", "both A and B"),
        ],
    )
    def test_options_that_are_no_answers_are_rejected(self, make, options):
        assert reason(OptionsCheck(), make(options=options)) is not None

    def test_what_is_allowed_is_a_setting(self, make):
        settings = OptionsSettings(allow_nested=True, allow_references=True)
        options = ("opal", "precious opal", "all of the above")
        assert reason(OptionsCheck(settings), make(options=options)) is None

    def test_an_answer_is_needed(self, make):
        assert reason(OptionsCheck(), make(answer=None)) == "no answer"


class TestWrong:
    @pytest.mark.parametrize(
        ("key", "distractor"),
        [
            ("the opal", "Opals"),
            ("galaxies", "galaxy"),
            ("DNA", "deoxyribo nucleic acid"),
            ("United States of America", "U.S.A."),
            ("2 km", "2,000 metres"),
            ("1.000 g", "1 gram"),
            ("two hours", "120 minutes"),
            ("50%", "50 percent"),
            ("3.14", "3.1416"),
        ],
    )
    def test_other_forms_of_the_key_are_rejected(self, make, key, distractor):
        item = make(options=(key, distractor, "something else"))
        assert distractor in reason(WrongCheck(), item)

    @pytest.mark.parametrize(
        ("key", "distractor"),
        [
            ("+5", "-5"),
            ("x > y", "x < y"),
            ("2 km", "2 kg"),
            ("5", "5 m"),
            ("1987", "1988"),
            ("3", "3.4"),
            ("0.50 m", "0.51 m"),
            ("mass", "mas"),
            ("NA", "north"),
            ("Ca2+", "Ca+"),
        ],
    )
    def test_other_texts_are_accepted(self, make, key, distractor):
        assert reason(WrongCheck(), make(options=(key, distractor, "something else"))) is None


class TestPlausible:
    @pytest.mark.parametrize(
        "options",
        [
            ("opal", "garnet", "1987", "quartz"),
            ("opal", "a mineral that no one has ever seen or described in any book of minerals"),
            ("the crystalline mineral of silica", "the crystalline minerals of silica"),
        ],
    )
    def test_odd_distractors_and_near_copies_are_rejected(self, make, options):
        assert reason(PlausibleCheck(), make(options=options)) is not None

    def test_numbers_may_be_alike(self, make):
        item = make("How many?", ("1,234,567 tons", "1,234,568 tons", "1,234,569 tons"))
        assert reason(PlausibleCheck(), item) is None


class TestFlaws:
    def test_warnings_reject_and_notes_do_not(self, make):
        often = ("opal", "often quartz", "garnet")
        assert reason(FlawsCheck(), make(options=often)) is None
        chosen = FlawsCheck(FlawsSettings(rules=("vague-terms",)))
        assert reason(chosen, make(options=often)).startswith("vague-terms: ")
        always = ("opal", "always quartz", "garnet")
        assert reason(FlawsCheck(), make(options=always)).startswith("absolute-terms: ")

    def test_unknown_rules_are_errors(self):
        with pytest.raises(SettingsError, match="vague-term"):
            FlawsSettings.parse({"rules": ["vague-term"]}, subject="flaws")


class TestReaders:
    def test_a_wrong_choice_rejects(self, make):
        check = ReadersCheck()
        assert check.judge([make(), make(answer=2)]) == [None, "lexical chooses A"]

    def test_every_solver_must_be_right(self, make):
        settings = ReadersSettings.parse({"solvers": ["lexical", "longest"]}, subject="readers")
        options = ("opal", "crystalline quartz", "garnet")
        assert reason(ReadersCheck(), make(options=options)) is None
        assert reason(ReadersCheck(settings), make(options=options)) == "longest chooses B"

    def test_questions_without_passage_or_answer_are_accepted(self, make):
        assert ReadersCheck().judge([make(text=""), make(answer=None)]) == [None, None]

    def test_checks_can_be_pickled_after_use(self, make):
        check = ReadersCheck()
        check.judge([make()])
        again = pickle.loads(pickle.dumps(check))
        assert again.judge([make(answer=2)]) == ["lexical chooses A"]

    def test_reference_flags_clear_disagreement_only(self, make):
        items = [make(), make(answer=2)]
        found = ReferenceCheck().judge(items)
        assert found[0] is None
        assert found[1].startswith("lexical prefers A by 0.")
        assert not ReferenceCheck().rejects
        strict = ReferenceCheck(ReferenceSettings(margin=0.999, rejects=True))
        assert strict.rejects
        assert strict.judge(items) == [None, None]

    def test_margins_are_differences_of_softmax(self):
        scores = ScoreMatrix.from_rows(["a", "b"], [[0.0, 0.0], [0.0, 0.0, 0.0]])
        assert margins_of(scores, [0, 1]).tolist() == [0, 0]
        sure = ScoreMatrix.from_rows(["a"], [[9999.0, 0.0, 0.0]])
        assert margins_of(sure, [0]).tolist() == [1]
        assert margins_of(sure, [1]).tolist() == [-1]


class TestOverlap:
    def test_questions_of_other_exams_are_rejected(self, make, tmp_path):
        other = tmp_path / "other.jsonl"
        near = make("Which mineral is a hydrated form of pure silica?", id="q2").question
        write_exam(other, Exam((make().question, near)), format="jsonl")
        check = OverlapCheck(OverlapSettings(against=(str(other),)))
        fresh = make("Until which year was precious opal mined in Slovakia?")
        again = make("Which mineral is the hydrated form of pure silica?")
        different = make(options=("a", "b", "c"))
        for found in (check, pickle.loads(pickle.dumps(check))):
            assert found.judge([make(), fresh, different]) == [
                "same question in row 1 of other.jsonl",
                None,
                "same prompt in row 1 of other.jsonl",
            ]
        loose = OverlapCheck(OverlapSettings(against=(str(other),), threshold=0.3))
        assert loose.judge([again])[0].startswith("near duplicate in row 2")

    def test_nothing_is_compared_by_default(self, make):
        assert OverlapCheck().judge([make()]) == [None]
