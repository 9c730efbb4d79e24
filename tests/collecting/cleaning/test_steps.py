# ruff: noqa: RUF001
"""Steps that treat each document alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaning_samples import clean_text
from llmexam.errors import SettingsError

collected = pytest.mark.needs("collect")

SCIENCE = [
    "volume of 5 Å³ per atom",
    "10³ µm², 5 Å² and 1.5 Å±0.2",
    "2 Å\u00a0wide, ﬁne, x̄, ΔG° = −RT ln K, 10⁻⁶ Ω",
    "“quoted” – it’s a < b & c > d",
    "H₂O ⇌ H⁺ + OH⁻ at 25 °C; ½ ‰ ± × ÷ ≠ ∑ ∫ ℏ",
    "Å³ and Ångström, Schrödinger’s ψ, naïve café",
]


@collected
@pytest.mark.parametrize("text", SCIENCE)
def test_science_text_is_not_changed(text: str) -> None:
    assert clean_text("encoding", text).text == text


@collected
@pytest.mark.parametrize(
    ("broken", "repaired", "label"),
    [
        ("cost â‚¬5 and Â±3, donâ€™t", "cost €5 and ±3, don’t", "mojibake"),
        ("San Luis PotosÃ\u00ad", "San Luis Potosí", "mojibake"),
        ("25 Â°C and 5 Å³", "25 °C and 5 Å³", "mojibake"),
        ("&alpha; &lt; &#946; < 3", "α < β < 3", "HTML entities"),
        ("a\x1b[31mred\x1b[0m\x00 b", "ared b", "control characters"),
        ("equi\u00adlibrium", "equilibrium", "invisible characters"),
        ("e\u0301tude", "\u00e9tude", "normal form NFC"),
        ("a\r\nb", "a\nb", "line breaks"),
    ],
)
def test_broken_text_is_repaired(broken: str, repaired: str, label: str) -> None:
    found = clean_text("encoding", broken)
    assert (found.text, label in found.changes) == (repaired, True)


@collected
def test_settings_of_the_encoding() -> None:
    assert clean_text("encoding", "10³ ﬁ", normal_form="NFKC").text == "103 fi"
    assert clean_text("encoding", "ﬁne", ligatures=True).text == "fine"
    assert clean_text("encoding", "“a”", straight_quotes=True).text == '"a"'
    assert clean_text("encoding", "donâ€™t", mojibake=False).text == "donâ€™t"
    assert clean_text("encoding", "\x00\x01").dropped == "no text left"


@collected
@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&")))
def test_plain_ascii_needs_no_repair(text: str) -> None:
    # The step skips such texts; ftfy itself changes none of them.
    import ftfy

    assert ftfy.fix_text(text, unescape_html=True) == text


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("navigation", "Skip to main content"),
        ("navigation", "Jump to the next Clinical Focus box. Go back to the previous one."),
        ("navigation", "Home > Physics > Optics"),
        ("navigation", "Articles | Videos | About us"),
        ("cookies", "We use cookies to improve your experience."),
        ("copyright", "© 2016 Example University"),
        ("copyright", "Copyright (c) 2020 by the authors"),
        ("copyright", "Example Press. All rights reserved."),
        ("copyright", "This work is licensed under a Creative Commons licence"),
        ("exercises", "Exercise 3.4"),
        ("exercises", "See Problems 12 and 13."),
        ("exercises", "Check Your Understanding"),
        ("captions", "Figure 3.2 Orbit of Mars around the Sun."),
        ("captions", "Fig. 4: The cell"),
        ("captions", "TABLE 2.1 Physical constants"),
        ("credits", "Credit: NASA/JPL"),
        ("credits", "(credit a: modification of work by A. Person)"),
        ("contents", "Measurement ..... 12"),
        ("contents", "3.2 Orbits of Planets 57"),
        ("empty", "* * *"),
    ],
)
def test_a_rule_removes_its_line(rule: str, line: str) -> None:
    text = f"The first sentence stays.\n{line}\nSo does the last."
    found = clean_text("boilerplate", text, rules=[rule], repeated_in=0)
    assert found.text == "The first sentence stays.\nSo does the last."
    assert found.changes == {rule: 1}
    assert clean_text("boilerplate", line, repeated_in=0).dropped == f"only {rule}"
    others = [
        one
        for one in ("navigation", "cookies", "copyright", "exercises", "captions", "contents")
        if one != rule
    ]
    assert clean_text("boilerplate", line, rules=others, repeated_in=0).text == line


@pytest.mark.parametrize(
    "line",
    [
        "Figure 3.2 shows the orbit of Mars.",
        "Table 2 lists the constants.",
        "a > b > c",
        "(c) Calculate the energy at 2000 K.",
        "12 Magnesium 24",
        "Copyright law protects the expression of ideas.",
        "Solution The speed is 3 m/s.",
        "Problem 5 asks for the mass of the Sun.",
        "The source of the energy is fusion.",
        "Example 3.4 uses the same method.",
    ],
)
def test_content_is_kept(line: str) -> None:
    found = clean_text("boilerplate", line, repeated_in=0)
    assert (found.text, found.dropped) == (line, "")


def test_a_credit_inside_a_line_and_a_rule_of_ones_own() -> None:
    text = "A cell (credit b: work by X (CDC)) divides.\nUnit 4"
    found = clean_text("boilerplate", text, patterns={"units": r"Unit \d+$"}, repeated_in=0)
    assert found.text == "A cell divides."
    assert found.changes == {"credits": 1, "units": 1}


def test_rules_remove_little_of_real_passages(shared_data) -> None:
    path = shared_data / "corpus" / "openstax_passages_19324.jsonl"
    lines = path.read_text("utf-8").splitlines()[::50]
    texts = [json.loads(line)["text"] for line in lines]
    found = [clean_text("boilerplate", text, repeated_in=0) for text in texts]
    assert all(one.dropped in ("", "only navigation") for one in found)
    assert sum(bool(one.dropped) for one in found) <= 5


@collected
def test_languages() -> None:
    german = (
        "Die Photosynthese ist ein biochemischer Vorgang, bei dem mithilfe von Lichtenergie aus "
        "energiearmen Stoffen energiereiche Verbindungen erzeugt werden."
    )
    english = (
        "Photosynthesis converts light energy into chemical energy that is stored in organic "
        "compounds."
    )
    assert clean_text("language", german).dropped == "language de"
    assert clean_text("language", german, keep=["en", "de"]).dropped == ""
    assert clean_text("language", english).dropped == ""
    # Too few letters to tell, which is no reason to drop a formula.
    assert clean_text("language", "K a = [ H 3 O + ] [ CH 3 CO 2 − ] = 1.8 × 10 −5").dropped == ""
    assert clean_text("language", "Kurzer Text").dropped == ""
    assert clean_text("language", "Kurzer Text auf Deutsch", min_letters=0).dropped
    with pytest.raises(SettingsError, match=r"unknown language 'eng'.*Available"):
        clean_text("language", english, keep=["eng"])


def test_lengths() -> None:
    assert clean_text("length", "four words are few").dropped == "too few words"
    assert (
        clean_text("length", "one two three", min_words=0, max_words=2).dropped == "too many words"
    )
    assert (
        clean_text("length", "abc", min_words=0, min_characters=4).dropped == "too few characters"
    )
    assert (
        clean_text("length", "abcde", min_words=0, max_characters=4).dropped
        == "too many characters"
    )
    assert clean_text("length", "1 2 3 4 a", min_letters=0.5).dropped == "too few letters"
    assert clean_text("length", "1 2 3 4 a", max_digits=0.5).dropped == "too many digits"
    assert clean_text("length", "five words are just enough", min_letters=0.9).dropped == ""
    with pytest.raises(SettingsError, match="max_words of at least min_words, got 2"):
        clean_text("length", "", max_words=2)


def test_sections_and_their_subsections() -> None:
    assert clean_text("sections", "x", section="References").dropped == "section References"
    assert clean_text("sections", "x", section="SEE ALSO > More").dropped == "section See also"
    assert clean_text("sections", "x", section="History of references").dropped == ""
    assert clean_text("sections", "x").dropped == ""
    assert clean_text("sections", "x", section="History", titles="history").dropped


@collected
@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Write to ada.l+x@mail.example.org.", "Write to [email]."),
        ("Call (650) 253-0000 or +44 20 7031 3000 now", "Call [phone] or [phone] now"),
        ("Phone: 650 253 0000", "Phone: [phone]"),
        ("1-800-356-9377", "[phone]"),
    ],
)
def test_personal_data_is_replaced(text: str, cleaned: str) -> None:
    assert clean_text("personal_data", text).text == cleaned


@collected
@pytest.mark.parametrize(
    "text",
    [
        "the caesium frequency of 9 192 631 770 Hz, or 9192631770 cycles",
        "water (CAS 7732-18-5), formaldehyde 50-00-0",
        "e = 1.602 176 634 × 10−19 C, N = 6.022 140 76 × 10^23",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2, ISBN 650-253-0000",
        "48.8566 N 2.3522 E, 40°26′46″N",
        "NM_000546.6, ENSG00000141510, rs1234567890, GenBank 212-555-0143",
        "3.141 592 653, 4.135 667 696 and 206 265 3589 m",
        "PMID 212 555 2368; doi 10.1000/650-253-0000; 1998-2004-2010",
        "@article, 5 @ 3, Science@NASA",
    ],
)
def test_numbers_of_science_are_no_phone_numbers(text: str) -> None:
    found = clean_text("personal_data", text)
    assert (found.text, dict(found.changes)) == (text, {})


@collected
def test_actions_and_regions() -> None:
    text = "See https://example.org/a?b=1, and mail a@b.org"
    assert clean_text("personal_data", text, urls="replace", emails="keep").text == (
        "See [url], and mail a@b.org"
    )
    assert clean_text("personal_data", text, urls="remove", emails="remove").text == (
        "See , and mail"
    )
    assert clean_text("personal_data", "a@b.org", emails="remove").dropped == "no text left"
    german = "Tel. 030 901820"
    assert clean_text("personal_data", german).text == german
    assert clean_text("personal_data", german, regions="DE").text == "Tel. [phone]"
    with pytest.raises(SettingsError, match="unknown region 'UK'"):
        clean_text("personal_data", "x", regions=["UK"])


@collected
@pytest.mark.slow
def test_no_passage_of_a_textbook_has_a_phone_number(shared_data) -> None:
    path = shared_data / "corpus" / "openstax_passages_19324.jsonl"
    texts = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    assert [
        one.text for one in (clean_text("personal_data", text) for text in texts) if one.changes
    ] == []
