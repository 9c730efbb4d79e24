"""Wikitext to text: exact outputs for samples, and no crash on any text."""

# ruff: noqa: RUF001, E501

import signal
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.collecting.wikipedia.documents import PageConverter
from llmexam.collecting.wikipedia.numbers import find_numbers, lost_numbers
from llmexam.collecting.wikipedia.page import Counts, Page
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.collecting.wikipedia.source import count_source
from llmexam.collecting.wikipedia.templates import Dropped
from llmexam.collecting.wikipedia.wikitext import wikitext_to_sections

SETTINGS = WikipediaSettings()


def sections(text, **changed):
    return wikitext_to_sections(text, "A page", WikipediaSettings(**changed), Dropped())


def plain(text, **changed):
    return "\n---\n".join(section.text for section in sections(text, **changed))


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("{{val|1.602|0.003|e=-19|u=C}}", "(1.602 ± 0.003) × 10⁻¹⁹ C"),
        ("{{val|6.674|(15)|e=-11|u=m3.kg-1.s-2}}", "(6.674(15)) × 10⁻¹¹ m³⋅kg⁻¹⋅s⁻²"),
        ("{{val|5.1|0.2|0.3|ul=GeV}}", "5.1 +0.2 −0.3 GeV"),
        ("{{val|299792458|u=m/s}}", "299792458 m/s"),
        ("{{val|e=9|u=years}}", "10⁹ years"),
        ("{{convert|5|km|mi|abbr=on}}", "5 km"),
        ("{{convert|10|-|20|km2|sqmi|0}}", "10–20 km²"),
        ("{{convert|3|to|4|C|F}}", "3 to 4 °C"),
        ("{{convert|5|ft|10|in|cm}}", "5 ft 10 in"),
        ("{{convert|3|x|4|m|ft|1}}", "3 × 4 m"),
        ("{{cvt|6|by|8|in}}", "6 by 8 in"),
        ("{{convert|87|e6acre|e6ha}}", "87 million acre"),
        ("{{chem|SO|4|2-}}", "SO₄²⁻"),
        ("{{chem|H|2|O}} and {{chem2|Fe2(SO4)3}}", "H₂O and Fe₂(SO₄)₃"),
        ("{{chem2|SO4(2-)}}", "SO₄²⁻"),
        ("{{frac|1|2}} {{sfrac|3|4}} {{frac|2|1|2}} {{frac|8}}", "1/2 3/4 2 1/2 1/8"),
        ("{{math|''E'' {{=}} ''mc''{{sup|2}}}}", "E = mc²"),
        ("{{mvar|x}} {{nowrap|1=2 m}}", "x 2 m"),
        ("{{nowrap|1 m}}", "1 m"),
        ("x{{su|p=2|b=1}}", "x₁²"),
        ("3{{e|5}} and {{10^|6}}", "3×10⁵ and 10⁶"),
        ("{{gaps|6.022|140|76|e=23|u=mol-1}}", "6.022\u2009140\u200976 × 10²³ mol⁻¹"),
        ("{{formatnum:12345.6}}", "12345.6"),
        ("{{circa|1500}}", "c. 1500"),
        ("{{lang|de|Wasser}} ({{lang-fr|eau}})", "Wasser (eau)"),
        ("{{as of|2010|3}}, {{as of|2011|lc=y}}", "As of March 2010, as of 2011"),
        ("{{abbr|km|kilometre}}", "km"),
        ("{{birth date and age|1954|7|17}}", "17 July 1954"),
        ("{{death date and age|1982|03|06|1905|02|02}}", "6 March 1982 (born 2 February 1905)"),
        ("{{coord|51|30|N|0|7|W|display=title}}", "51°30′N 0°7′W"),
        ("H<sub>2</sub>O, 10<sup>&minus;19</sup>, 19<sup>th</sup>", "H₂O, 10⁻¹⁹, 19th"),
        ("x<sub>max</sub><ref>p. 3</ref><!-- 4 -->", "x_(max)"),
        ("<math>E = mc^2</math>", "$E = mc^2$"),
        ("<chem>H2O</chem> <ce>CO2</ce>", "H2O CO2"),
        ("'''Bold''' and ''italic'' of ''''x'''", "Bold and italic of 'x"),
        ("[[Neon]] is a [[noble gas|gas]]s [[Mercury (planet)|]]", "Neon is a gass Mercury"),
        ("[[File:A.jpg|thumb|200px|A [[cat]] of 3 kg]]Text[[Category:B]]", "Text"),
        ("[https://example.com/1 a page] [https://example.com/2]", "a page"),
        ("; Term : its meaning\n; Other\n: more", "Term: its meaning\nOther: more"),
        ("* one\n** two\n# three\n: four", "- one\n- two\n- three\nfour"),
        ("<nowiki>{{val|3}}</nowiki> &amp; 1&nbsp;m", "{{val|3}} & 1 m"),
        ("__NOTOC__{{DEFAULTSORT:A}}a<br/>b", "a\nb"),
        ("Only {{unknown thing|5|x=7}} this", "Only this"),
        ("{{main|Other}}{{citation needed|date=May 2012}}Text{{sfn|A|2012|p=3}}", "Text"),
    ],
)
def test_samples(wikitext, text):
    assert plain(wikitext) == text


def test_unicode_formulas():
    text = r"<math>\frac{1}{2} m v^2 \le \hbar\omega</math> <ce>SO4^2-</ce>"
    assert plain(text, formulas="unicode") == "1/2 m v² ≤ ħω SO₄²⁻"


def test_headings_become_paths():
    text = "Lead.\n== A ==\nOne.\n=== B <!-- c --> ===\nTwo.\n== ''C'' ==\nThree."
    assert [(s.path, s.text) for s in sections(text)] == [
        ("", "Lead."),
        ("A", "One."),
        ("A > B", "Two."),
        ("C", "Three."),
    ]


TABLE = """{| class="wikitable" style="width:50%"
|+ Planets
! Name !! Mass (10<sup>24</sup> kg)
|-
| [[Earth]] || style="color:#123" | 5.97
|-
| Mars || {{val|0.642}}
|}
After."""


def test_table_as_rows():
    assert plain(TABLE) == (
        "Planets\nName: Earth; Mass (10²⁴ kg): 5.97\nName: Mars; Mass (10²⁴ kg): 0.642\n\nAfter."
    )


def test_table_in_table_and_a_table_that_is_never_closed():
    assert plain("{|\n| a\n|\n{|\n| 1 || 2\n|}\n|}") == "a; 1; 2"
    assert plain("{|\n| a || 7") == "a; 7"


def test_a_span_of_a_billion_cells_takes_no_memory():
    assert plain('{|\n| colspan="999999999" | a\n| b\n|}') == "a; b"


INFOBOX = """{{Infobox planet
| name = Earth
| image = Earth.jpg
| image_size = 250px
| mass = {{val|5.97|e=24|u=kg}}
| altitude = 3
| empty =
}}
Text."""


def test_infobox_as_rows_or_dropped():
    rows = "name: Earth\nmass: 5.97 × 10²⁴ kg\naltitude: 3"
    assert [(s.path, s.text) for s in sections(INFOBOX)] == [("", "Text."), ("Infobox", rows)]
    dropped = Dropped()
    found = wikitext_to_sections(INFOBOX, "A", WikipediaSettings(infoboxes=False), dropped)
    assert [s.text for s in found] == ["Text."]
    assert dropped.numbers["(infoboxes)"] > 0


def test_captions_by_setting():
    text = "[[File:A.jpg|thumb|upright=1.2|A cat]]\n<gallery>\nB.jpg|A dog\n</gallery>"
    assert plain(text, captions=True) == "A cat\n\nA dog"


def test_unknown_templates_are_counted_with_their_numbers():
    dropped = Dropped()
    wikitext_to_sections("{{Odd|5|6 m|a=7}} {{odd}} {{cite web|year=1999}}", "A", SETTINGS, dropped)
    assert dropped.uses == Counter({"odd": 2})
    assert dropped.numbers == Counter({"odd": 3})


def test_source_leaves_out_what_is_not_shown():
    text = """<!-- 1 --><ref name="a2">3</ref>[[File:4.jpg|thumb|5]][[Category:6]]
    [[1939 war|war]] [https://a.com/7 label] {{cite book|year=8|title={{lang|de|9}}}}
    <span style="width:10px" id="x11">12</span> {{convert|13|km|mi|1}} {{frac2|14|15}}
    {{unused|date=May 2016}} {{X|image_size=17|mass=18}} {{birth date|1919|2|20}} &#233;
    <math>21x</math>
    {| width=22 style="a:23"
    |- bgcolor="#24"
    | colspan=25 | 26
    |}"""
    found = count_source(text)
    assert sorted(found.numbers, key=int) == ["12", "13", "14", "15", "18", "20", "26", "1919"]
    assert found.formulas == Counter({"21x": 1})


def test_numbers_of_scripts_stand_apart():
    assert find_numbers("10²³ H₂O 1,000 02") == Counter(["10", "23", "2", "1000", "2"])
    assert lost_numbers(Counter({"5": 2}), "only one 5") == Counter({"5": 1})


PIECES = st.sampled_from(
    ["{{", "}}", "{|", "|}", "|-", "|", "||", "!", "=", "==", "\n", "[[", "]]", "[", "]", "''", "'''",
     "<ref>", "</ref>", "<math>", "</math>", "<nowiki>", "<!--", "-->", "<sup>", "</sup>", "<br", ">",
     "File:", "val", "convert", "5", "km", "chem", "Infobox", "{{{", "}}}", "\ue000", "\ue001", ":", ";",
     "*", "#", "&amp;", "é", "colspan=3", "{{!}}", "<table>", "https://a"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60))
@settings(max_examples=10, deadline=None)
def test_any_wikitext_is_converted(text):
    found = wikitext_to_sections(text, "A", SETTINGS, Dropped())
    assert all(section.text for section in found)
    assert not any(0xE000 <= ord(c) <= 0xE01F for section in found for c in section.text)
    count_source(text)


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        ("", "1"),
        ("[[", " "),
        ("[[", "//"),
        ("[http://a ", " "),
        ("|date=", " "),
        ("= a", " "),
        ("", "<ref "),
        ("", "<math "),
        ("", "<pre "),
        ("", "{|\n"),
    ],
)
def test_a_hostile_page_ends(start, unit):
    """Patterns of quadratic time take minutes to hours for each of these pages."""
    page = Page("T", "1", "1", start + unit * (200_000 // len(unit)), "wikitext", "u", "l", "s")

    def hang(*details):
        pytest.fail("the conversion takes more than 30 seconds of processor time")

    before = signal.signal(signal.SIGVTALRM, hang)
    signal.setitimer(signal.ITIMER_VIRTUAL, 30)
    try:
        PageConverter(SETTINGS).convert(page, Counts())
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_deeply_nested_tables_keep_their_cells():
    nested = "\n".join(["{|", "| 1"] * 30 + ["|}"] * 30)
    assert plain(nested).count("1") == 30
