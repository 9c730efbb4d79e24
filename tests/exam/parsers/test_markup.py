from time import process_time

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


QUADRATIC = 60
"""Text this many times as long takes far longer where the time grows with its square."""


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "<a ",
        '<a x="',
        "<",
        "<sup>a",
        "<mi>",
        "</mi>",
        "<script>",
        '<img alt="',
        "<b x=",
        "<b x='",
        "<b x='<",
        '<b x "=',
        "<b '='",
        """<b x="' <i y='" """,
        """<b "'" '"' """,
        "<b x='a<b' ",
        "<b x=' >",
        '<td "',
    ],
)
@pytest.mark.parametrize("end", ["", ">", '">', "<>", '"<>', "'<>"])
def test_a_long_text_takes_no_longer_than_its_length(piece, end):
    def seconds(n):
        text = piece * n + end
        begin = process_time()
        assert len(html_to_text(text)) <= 2 * len(text)
        return process_time() - begin

    assert seconds(12_000) < QUADRATIC * (min(seconds(400) for _ in range(3)) + 0.005)


def test_long_attributes_and_signs_in_them_stay_attributes():
    data = "data:image/png;base64," + "A" * 20_000
    assert html_to_text(f'<p>a <img src="{data}" alt="x > y"> b</p>') == "a [image: x > y] b"
    assert html_to_text(f"<img src='{data}' alt='x<y'> b") == "[image: x<y] b"
    many = " ".join(f'data-{i}="a>b"' for i in range(40))
    assert html_to_text(f"<span {many}>c</span>") == "c"
