import io
import zipfile
from pathlib import Path

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam, read_rows
from llmexam.exam.parsers.qti_item import canonical
from llmexam.exam.parsers.source import SourceFile

BODY = (
    "<p>Look.</p><choiceInteraction responseIdentifier='RESPONSE' shuffle='true' maxChoices='1'>"
    "<prompt>Which <em>one</em>?</prompt><simpleChoice identifier='A'>one<feedbackInline "
    "outcomeIdentifier='F' identifier='A'>wrong!</feedbackInline></simpleChoice>"
    "<simpleChoice identifier='B'>10<sup>3</sup></simpleChoice></choiceInteraction>"
)
KEY = "<correctResponse><value>B</value></correctResponse>"


def item(name="i1", *, body=BODY, key=KEY, cardinality="single", before=""):
    return (
        f'<?xml version="1.0"?><assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" '
        f'identifier="{name}" title="T {name}">{before}<responseDeclaration identifier="RESPONSE" '
        f'cardinality="{cardinality}" baseType="identifier">{key}</responseDeclaration>'
        f"<itemBody>{body}</itemBody></assessmentItem>"
    )


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


TEST = (
    '<assessmentTest xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="t"><testPart '
    'identifier="p"><assessmentSection identifier="s" title="Part one"><assessmentItemRef '
    'identifier="r2" href="../items/i2.xml"/><assessmentItemRef identifier="r1" '
    'href="../items/i1.xml"/></assessmentSection></testPart></assessmentTest>'
)
MANIFEST = (
    '<manifest xmlns="http://www.imsglobal.org/xsd/imscp_v1p1" identifier="M"><resources>'
    '<resource identifier="a" type="imsqti_item_xmlv2p1" href="items/i1.xml"/>'
    '<resource identifier="c" type="imsqti_item_xmlv2p1" href="items/te.xml"/>'
    '<resource identifier="t" type="imsqti_test_xmlv2p1" href="tests/test.xml">'
    '<file href="tests/test.xml"/></resource></resources></manifest>'
)
PACKAGE = {
    "imsmanifest.xml": MANIFEST,
    "tests/test.xml": TEST,
    "items/i1.xml": item("i1"),
    "items/i2.xml": item("i2"),
    "items/te.xml": item("te", body="<textEntryInteraction responseIdentifier='RESPONSE'/>"),
}


def test_a_single_item_is_read(write):
    exam = read_exam(write(item(), "item.xml"))
    assert exam.format == "qti"
    (question,) = exam
    assert question.id == "i1"
    assert question.prompt == "Look.\nWhich one?"
    assert question.options == ("one", "10^3")
    assert question.answer_letter == "B"
    assert question.metadata == {"title": "T i1"}


def test_an_item_of_version_3_with_several_right_options(write):
    text = (
        '<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="m">'
        '<qti-response-declaration identifier="RESPONSE" cardinality="multiple">'
        "<qti-correct-response><qti-value>A</qti-value><qti-value>C</qti-value>"
        "</qti-correct-response></qti-response-declaration><qti-item-body>"
        '<p>Solve <math xmlns="http://www.w3.org/1998/Math/MathML"><msup><mi>x</mi><mn>2</mn></msup>'
        "<mo>=</mo><mn>4</mn></math></p>"
        '<qti-choice-interaction response-identifier="RESPONSE" max-choices="0">'
        '<qti-simple-choice identifier="A"><p>2</p></qti-simple-choice>'
        '<qti-simple-choice identifier="B">3</qti-simple-choice>'
        '<qti-simple-choice identifier="C"><img src="x.png" alt="minus two"/></qti-simple-choice>'
        "</qti-choice-interaction></qti-item-body></qti-assessment-item>"
    )
    question = read_exam(write(text))[0]
    assert question.prompt == "Solve x^2=4"
    assert question.options == ("2", "3", "[image: minus two]")
    assert question.right_letters == "A, C"


@pytest.mark.parametrize(
    ("key", "cardinality", "right"),
    [
        ("<correctResponse><value> B </value></correctResponse>", "single", "B"),
        ('<mapping><mapEntry mapKey="A" mappedValue="1"/></mapping>', "single", "A"),
        (
            '<mapping><mapEntry mapKey="B" mappedValue="nan"/><mapEntry mapKey="A" '
            'mappedValue="1"/></mapping>',
            "single",
            "A",
        ),
        (
            '<mapping><mapEntry mapKey="A" mappedValue="1"/><mapEntry mapKey="B" '
            'mappedValue="0.5"/></mapping>',
            "multiple",
            "A, B",
        ),
        ("", "single", ""),
    ],
)
def test_the_declaration_of_the_response_tells_the_right_options(write, key, cardinality, right):
    assert read_exam(write(item(key=key, cardinality=cardinality)))[0].right_letters == right


def test_an_inline_choice_leaves_a_gap(write):
    body = (
        "<p>The sky is <inlineChoiceInteraction responseIdentifier='RESPONSE'>"
        "<inlineChoice identifier='A'>green</inlineChoice><inlineChoice identifier='B'>blue"
        "</inlineChoice></inlineChoiceInteraction> today.</p>"
    )
    question = read_exam(write(item(body=body)))[0]
    assert (question.prompt, question.options) == ("The sky is _____ today.", ("green", "blue"))


def test_two_choices_of_one_item_are_two_questions(write):
    second = BODY.replace("RESPONSE", "R2").replace("Which", "What").replace("<p>Look.</p>", "")
    before = (
        '<responseDeclaration identifier="R2" cardinality="single"><correctResponse><value>A'
        "</value></correctResponse></responseDeclaration>"
    )
    exam = read_exam(write(item(body=BODY + second, before=before)))
    assert [(q.id, q.prompt, q.answer_letter) for q in exam] == [
        ("i1/RESPONSE", "Look.\nWhich one?", "B"),
        ("i1/R2", "Look.\nWhat one?", "A"),
    ]


@pytest.mark.parametrize("form", ["zip", "folder", "manifest"])
def test_a_package_is_read_in_the_order_of_its_test(tmp_path, form):
    path = tmp_path / "quiz.zip"
    path.write_bytes(zipped(PACKAGE))
    if form != "zip":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / "quiz")
        path = tmp_path / "quiz"
        path = path / "imsmanifest.xml" if form == "manifest" else path
    exam = read_exam(path)
    assert exam.ids == ("i2", "i1")
    assert exam[0].metadata == {"category": "Part one", "title": "T i2", "file": "items/i2.xml"}
    assert exam.notes == ("1 question of another type was left out: 1 textEntryInteraction",)


def test_a_test_reads_the_items_that_it_names(tmp_path):
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "imsmanifest.xml").unlink()
    assert read_exam(tmp_path / "tests" / "test.xml").ids == ("i2", "i1")
    (tmp_path / "items" / "i1.xml").unlink()
    with pytest.raises(ExamError, match=r"refers to '../items/i1.xml', which is not there"):
        read_exam(tmp_path / "tests" / "test.xml")


def test_an_archive_without_a_manifest_is_read_by_name(write):
    files = {"b.xml": item("b"), "a.xml": item("a"), "__MACOSX/a.xml": "no", "notes.xml": "no"}
    assert read_exam(write(zipped(files), "quiz.zip")).ids == ("a", "b")


CANVAS = """<questestinterop xmlns="http://www.imsglobal.org/xsd/ims_qtiasiv1p2"><assessment
 ident="g" title="Quiz 1"><section ident="root_section">
<item ident="gi1"><presentation><material><mattext texttype="text/html">&lt;p&gt;2 + 2 = ?&lt;/p&gt;
</mattext></material><response_lid ident="response1" rcardinality="Single"><render_choice>
<response_label ident="1"><material><mattext texttype="text/plain">3</mattext></material>
</response_label><response_label ident="2"><material><mattext texttype="text/plain">4</mattext>
</material></response_label></render_choice></response_lid></presentation><resprocessing>
<respcondition continue="Yes"><conditionvar><other/></conditionvar></respcondition>
<respcondition continue="No"><conditionvar><varequal respident="response1">2</varequal>
</conditionvar><setvar action="Set" varname="SCORE">100</setvar></respcondition></resprocessing>
</item><item ident="gi2"><presentation><material><mattext>Primes?</mattext></material><response_lid
 ident="response1" rcardinality="Multiple"><render_choice><response_label ident="1"><material>
<mattext>2</mattext></material></response_label><response_label ident="2"><material>
<mattext>4</mattext></material></response_label>
<response_label ident="3"><material><mattext>5</mattext></material>
</response_label></render_choice></response_lid></presentation><resprocessing><respcondition>
<conditionvar><and><varequal respident="response1">1</varequal><not>
<varequal respident="response1">2</varequal></not>
<varequal respident="response1">3</varequal></and></conditionvar>
<setvar action="Set" varname="SCORE">100</setvar></respcondition></resprocessing></item>
<item ident="gi3"><itemmetadata><qtimetadata><qtimetadatafield>
<fieldlabel>question_type</fieldlabel><fieldentry>essay_question</fieldentry></qtimetadatafield></qtimetadata></itemmetadata>
<presentation><response_str ident="r"><render_fib/></response_str></presentation></item>
</section></assessment></questestinterop>"""


def test_a_quiz_of_canvas_is_read(write):
    exam = read_exam(write(CANVAS, "quiz.xml"))
    assert [(q.id, q.prompt, q.options, q.right_letters) for q in exam] == [
        ("gi1", "2 + 2 = ?", ("3", "4"), "B"),
        ("gi2", "Primes?", ("2", "4", "5"), "A, C"),
    ]
    assert exam[0].metadata["category"] == "Quiz 1"
    assert exam.notes == ("1 question of another type was left out: 1 essay_question",)


def test_a_key_that_is_no_option_is_named(write):
    read = read_rows(write(item(key=KEY.replace("B", "Z"))))
    assert "the right option 'Z' is none of the choices: A, B" in str(read.faults[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped({"a.xml": item()})[:-30], "zip"),
        (zipped({"a.txt": "hello"}), "zip"),
        ('<assessmentTest xmlns="x" identifier="t"/>', "no item was found"),
    ],
)
def test_what_holds_no_items_is_refused(write, content, words):
    with pytest.raises(ExamError, match=words):
        read_exam(write(content, "quiz.zip" if isinstance(content, bytes) else "test.xml"))


def test_names_of_all_versions_are_the_same():
    assert {canonical(one) for one in ("qti-simple-choice", "simpleChoice", "simple_choice")} == {
        "simplechoice"
    }


SETVAR = '<setvar varname="{}" action="{}">{}</setvar>'


def choices_v1(cardinality, changes):
    """Return an item of version 1 with options a, b and c, and the change of points by each."""
    labels = "".join(
        f'<response_label ident="{name}"><flow_mat><material><mattext>{name}</mattext></material>'
        "</flow_mat></response_label>"
        for name in "abc"
    )
    conditions = "".join(
        f"<respcondition><conditionvar><varequal respident='r'>{name}</varequal></conditionvar>"
        f"{change}</respcondition>"
        for name, change in zip("abc", changes, strict=True)
    )
    return (
        '<!DOCTYPE questestinterop SYSTEM "ims_qtiasiv1p2.dtd"><questestinterop><item ident="i">'
        "<presentation><flow><material><mattext>Which?</mattext></material><response_lid ident='r' "
        f"rcardinality='{cardinality}'><render_choice>{labels}</render_choice></response_lid></flow>"
        f"</presentation><resprocessing>{conditions}</resprocessing></item></questestinterop>"
    )


@pytest.mark.parametrize(("cardinality", "letters"), [("Single", "A"), ("Multiple", "A, C")])
def test_a_condition_for_each_option_of_version_1(write, cardinality, letters):
    changes = [SETVAR.format("que_score", "Add", points) for points in (2, 0, 1)]
    (question,) = read_exam(write(choices_v1(cardinality, changes), "quiz.xml"))
    assert (question.options, question.right_letters) == (("a", "b", "c"), letters)


@pytest.mark.parametrize(
    ("cardinality", "wrong"),
    [
        ("Multiple", SETVAR.format("SCORE", "Subtract", 1)),
        ("Multiple", SETVAR.format("SCORE", "subtract", "0.5")),
        ("Multiple", SETVAR.format("SCORE", "Add", "-1")),
        ("Single", SETVAR.format("SCORE", "Subtract", 200)),
        ("Single", SETVAR.format("SCORE", "Multiply", 300)),
        ("Single", SETVAR.format("SCORE", "Divide", 300)),
        ("Single", SETVAR.format("SCORE", "Set", "inf")),
        ("Single", SETVAR.format("SCORE", "Set", "0") + SETVAR.format("ATTEMPTS", "Add", 101)),
        ("Single", "<setvar>0</setvar>"),
    ],
)
def test_options_that_cost_points_in_version_1_are_wrong(write, cardinality, wrong):
    right = SETVAR.format("SCORE", "Set", 100)
    (question,) = read_exam(write(choices_v1(cardinality, (wrong, right, wrong)), "quiz.xml"))
    assert question.right_letters == "B"


def test_a_damaged_archive_is_refused_wherever_the_damage_is():
    data = zipped(PACKAGE)
    for place in range(0, len(data), 7):
        for damaged in (data[:place], data[:place] + b"\xff" + data[place + 1 :]):
            try:
                read_rows(SourceFile(Path("quiz.zip"), damaged))
            except ExamError:
                continue


def test_a_package_is_unpacked_up_to_the_limit(write, monkeypatch):
    path = write(zipped({**PACKAGE, "items/i2.xml": item("i2") + " " * 100_000}), "quiz.zip")
    assert len(read_exam(path)) == 2
    monkeypatch.setenv("LLMEXAM_MAX_UNPACKED", "50000")
    with pytest.raises(ExamError, match="larger than 50,000 bytes when unpacked"):
        read_exam(path)


def test_a_package_of_version_3_with_a_stimulus(write):
    names = {
        "assessmentItem": "qti-assessment-item",
        "responseDeclaration": "qti-response-declaration",
        "correctResponse": "qti-correct-response",
        "itemBody": "qti-item-body",
        "choiceInteraction": "qti-choice-interaction",
        "simpleChoice": "qti-simple-choice",
        "feedbackInline": "qti-feedback-inline",
        "responseIdentifier": "response-identifier",
        "<prompt": "<qti-prompt",
        "</prompt": "</qti-prompt",
        "<value": "<qti-value",
        "</value": "</qti-value",
        "imsqti_v2p1": "imsqtiasi_v3p0",
    }
    before = '<qti-assessment-stimulus-ref identifier="S" href="../stimuli/s.xml" title="Text"/>'
    text = item("i1", before=before)
    for old, new in names.items():
        text = text.replace(old, new)
    files = {
        "imsmanifest.xml": MANIFEST.replace("items/te.xml", "stimuli/s.xml").replace(
            "v2p1", "v3p0"
        ),
        "tests/test.xml": '<qti-assessment-test identifier="t"><qti-test-part identifier="p">'
        '<qti-assessment-section identifier="s" title="One"><qti-assessment-item-ref '
        'identifier="i1" href="../items/i1.xml"/></qti-assessment-section></qti-test-part>'
        "</qti-assessment-test>",
        "items/i1.xml": text,
        "stimuli/s.xml": '<qti-assessment-stimulus identifier="S" title="Salt"><qti-stimulus-body>'
        "<p>Salt melts.</p></qti-stimulus-body></qti-assessment-stimulus>",
    }
    (question,) = read_exam(write(zipped(files), "quiz.zip"))
    assert (question.prompt, question.options, question.answer) == (
        "Look.\nWhich one?",
        ("one", "10^3"),
        1,
    )
    assert [(one.title, one.text) for one in question.passages] == [("Salt", "Salt melts.")]
    assert question.metadata["category"] == "One"
