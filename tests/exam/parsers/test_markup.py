import pytest

from llmexam.exam.parsers.markup import formatted_text, html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a &lt; b &amp; c&nbsp;d", "a < b & c d"),
        ("if a<b and List<String> x", "if a<b and List<String> x"),
        ("a <b and c> d", "a <b and c> d"),
        ("one<br>two<p>three</p>", "one\ntwo\nthree"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
        (
            "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
            "a | b\n| c".replace("| c", "c"),
        ),
        ("x<sup>2</sup>, 10<sup>-3</sup>, e<sup>x + 1</sup>", "x^2, 10^-3, e^(x + 1)"),
        ("H<sub>2</sub>O, x<sub>i</sub>", "H2O, x_i"),
        ("<pre>for x:\n    y</pre>", "for x:\n    y"),
        ("<script>alert(1)</script>a<!-- b -->c", "ac"),
        ('<img src="a>b" alt="a cat"> and <img src="x">', "[image: a cat] and [image]"),
        (
            "<math><mfrac><mn>1</mn><mrow><mi>x</mi><mo>+</mo><mn>2</mn></mrow></mfrac></math>",
            "1/(x+2)",
        ),
        ("<math><msubsup><mi>a</mi><mi>i</mi><mn>2</mn></msubsup></math>", "a_i^2"),
        ('<math alttext="x^2"><mi>x</mi></math>', "x^2"),
        ("</p></sup></math>a", "a"),
        ("<p>never ends", "never ends"),
        ("5 <", "5 <"),
    ],
)
def test_html_becomes_text(html, text):
    assert html_to_text(html) == text


def test_line_breaks_stay_where_the_format_keeps_them():
    assert formatted_text("one\n two", "moodle_auto_format") == "one\ntwo"
    assert formatted_text("one\n two", "html") == "one two"
    assert formatted_text(" <b>x</b> ", "plain_text") == "<b>x</b>"


@pytest.mark.parametrize(
    "piece", ["<!--", "<a ", '<a x="', "<", "<sup>a", "<mi>", "</mi>", "<script>", '<img alt="']
)
def test_a_long_text_takes_no_longer_than_its_length(piece):
    assert len(html_to_text(piece * 20_000)) <= 2 * len(piece) * 20_000
