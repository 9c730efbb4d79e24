import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.evidence.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t ", []),
        ("One sentence without an end", ["One sentence without an end"]),
        ("It rains. It pours!  Does it? Yes…", ["It rains.", "It pours!", "Does it?", "Yes…"]),
        ("Dr. Smith met Mrs. Jones vs. Mr. Bean.", ["Dr. Smith met Mrs. Jones vs. Mr. Bean."]),
        ("J. R. R. Tolkien wrote it. He did.", ["J. R. R. Tolkien wrote it.", "He did."]),
        ("A mass of 3.5 kg. Or 4.0.", ["A mass of 3.5 kg.", "Or 4.0."]),
        ("Metals, e.g. Gold, i.e. Au, sink.", ["Metals, e.g. Gold, i.e. Au, sink."]),
        ("Rare metals.Though it shines.", ["Rare metals.", "Though it shines."]),
        ("See Fig. 3 and Eq. 4.", ["See Fig. 3 and Eq. 4."]),
        ("Smith et al. Nature. It works.", ["Smith et al. Nature.", "It works."]),
        ("He lives in the U.S. The house is big.", ["He lives in the U.S.", "The house is big."]),
        ("The U.S. Army came.", ["The U.S. Army came."]),
        ("Pick vitamin C. The rest is air.", ["Pick vitamin C.", "The rest is air."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("(It ended.) Next came night.", ["(It ended.)", "Next came night."]),
        ("It is known.[1][23] More follows.", ["It is known.[1][23]", "More follows."]),
        ("Wait... what is it? Well...", ["Wait... what is it?", "Well..."]),
        ("We saw spp. of fish. Done.", ["We saw spp. of fish.", "Done."]),
        ("Was it 1905? No. It was later.", ["Was it 1905?", "No.", "It was later."]),
        ("It emits CO. Carbon burns.", ["It emits CO.", "Carbon burns."]),
        ("It orbits the Sun. Mercury is hot.", ["It orbits the Sun.", "Mercury is hot."]),
        ("It is No. 5 on the list.", ["It is No. 5 on the list."]),
        ("Written in Node.js and asp.net today.", ["Written in Node.js and asp.net today."]),
        ("See www.example.com for more. Bye.", ["See www.example.com for more.", "Bye."]),
    ],
)
def test_sentence_ends(text: str, expected: list[str]):
    assert sentences(text) == expected


def test_lines_bullets_and_paragraphs():
    text = (
        "Heading\nFirst line of it.\n\nNew paragraph\n\n- one item\n- two items\n* three\n1. four"
    )
    assert sentences(text) == [
        "Heading",
        "First line of it.",
        "New paragraph",
        "- one item",
        "- two items",
        "* three",
        "1. four",
    ]


def test_a_wrapped_line_does_not_end_a_sentence():
    text = (
        "the structural and aeroelastic problems associated with\n"
        "flight of high speed aircraft .  the next one was first seen by\n"
        "Newton and others ."
    )
    assert len(sentences(text)) == 2


def test_text_in_lower_case_is_cut_at_full_stops():
    text = "the lift was found .  the flow is slow. it agrees with theory, e.g. with a wing."
    assert sentences(text) == [
        "the lift was found .",
        "the flow is slow.",
        "it agrees with theory, e.g. with a wing.",
    ]


def test_carriage_returns_and_wide_punctuation():
    assert sentences("One thing.\r\nTwo things.\r\n\r\nThree") == [
        "One thing.",
        "Two things.",
        "Three",
    ]
    assert sentences("水是湿的。火是热的。") == ["水是湿的。", "火是热的。"]


def test_a_number_of_a_list_belongs_to_its_sentence():
    assert sentences("1. First do this. 2. Then do that.") == [
        "1. First do this.",
        "2. Then do that.",
    ]


def test_long_text_takes_one_pass():
    text = "A short one. " * 50_000
    assert len(split_sentences(text)) == 50_000


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet="abcAB .!?\n\"')(3,-é。", max_size=80))
def test_spans_are_ordered_trimmed_and_lose_nothing(text: str):
    spans = split_sentences(text)
    at = 0
    for start, end in spans:
        assert at <= start < end <= len(text)
        assert text[at:start].strip() == ""
        assert text[start:end] == text[start:end].strip()
        at = end
    assert text[at:].strip() == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u4e00\u3002\u4e8c\uff01\u4e09\uff1f", ["\u4e00\u3002", "\u4e8c\uff01", "\u4e09\uff1f"]),
        (
            "\u300c\u306f\u3044\u3002\u300d\u4e8c\u3002",
            ["\u300c\u306f\u3044\u3002\u300d", "\u4e8c\u3002"],
        ),
        (
            "\u0930\u093e\u092e\u0964 \u0938\u0940\u0924\u093e\u0964",
            ["\u0930\u093e\u092e\u0964", "\u0938\u0940\u0924\u093e\u0964"],
        ),
        ("\u0645\u0646\u061f \u0623\u0646\u0627", ["\u0645\u0646\u061f", "\u0623\u0646\u0627"]),
        ("\u1780\u17d4\u1781\u17d4", ["\u1780\u17d4", "\u1781\u17d4"]),
        ("\u1000\u104b \u1001\u104b", ["\u1000\u104b", "\u1001\u104b"]),
        (
            "\u0e21\u0e32 \u0e44\u0e1b 5 \u0e04\u0e19",
            ["\u0e21\u0e32", "\u0e44\u0e1b 5 \u0e04\u0e19"],
        ),
    ],
)
def test_sentences_of_other_scripts(text, expected):
    assert sentences(text) == expected
