"""Choose sentences that can be understood without the text around them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from llmexam.authoring.generators.sentences.words import FUNCTION_WORDS, WORD, word_set
from llmexam.evidence.sentences import split_sentences

SHORTEST, LONGEST = 7, 40
"""Fewest and most words of a sentence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that is understood on its own.

    Attributes:
        quote: The sentence as it is in the passage.
        text: The same without references in brackets, opening connectives and stray spaces.
    """

    quote: str
    text: str


_CONNECTIVE = re.compile(
    r"(?:Thus|Therefore|Hence|However|Moreover|Furthermore|In addition|Additionally|In general|"
    r"Generally|In fact|Indeed|Nevertheless|Finally|Of course|Today|Overall|In short|Typically|"
    r"In particular|Simply put|By definition|Fortunately|Interestingly|Recall that|Note that|"
    r"Remember that|Not surprisingly|More generally|In other words|Consequently),? "
)
_OPENING = re.compile(
    r"(?:It|This|These|They|That|Those|He|She|His|Her|Its|Their|Such|Here|There|Another|Other|"
    r"Others|And|But|Or|Nor|So|Yet|Then|Also|Named|First|Second|Third|Next|Instead|Likewise|"
    r"Similarly|Conversely|Otherwise|One|Both|Each|Either|Neither|Now|Later|Earlier|Again|Still|"
    r"For (?:example|instance|this|these|that)|As a (?:result|consequence)|On the other|"
    r"In (?:this|these|that|those|such|contrast|both|each|our|another|other|the (?:same|case|"
    r"previous|next|first|second|past|example|figure|following))|At (?:this|that|the same)|"
    r"By (?:this|that|contrast)|Suppose|Consider|Imagine|Assume|Let|Note|Notice|Recall|"
    r"Remember|Calculate|Determine|Find|Explain|Describe|Use|Using|Compare|Draw|Identify|List|"
    r"Write|Give|Show|See|Check|Solve|Repeat|Discuss|Define|Name|Choose|Select|Match|Learn|State|"
    r"Eventually|Alternatively|Meanwhile|Ultimately|Afterwards|Patients|(?:An|The) alternative|"
    r"Some (?:\w+ )?(?:species|strains|of|cases|forms|types)|To \w+|According|"
    r"What|Why|How|Which|Who|Where|Whose|Can|Could|Do|Does|Did|Is|Are|Was|Were|Has|Have|Will|"
    r"The (?:other|resulting|actual|first|second|last|next|two|three|four|five)|"
    r"Should|Would|Yes|No|Well|Perhaps|Like|Unfortunately)\b"
)
_ELSEWHERE = word_set(
    """
    Chapter Chapters Equation Equations Example Examples Exercise Exercises Figure Figures
    Hint I Learning Let OpenStax Our Section Sections Significance Solution Strategy Table
    Tables These This Us We You Your above aforementioned ago below calculate
    chapter chapters currently depicted described discussed earlier equation equations etc
    example examples exercise exercises figure figures following former he her here hers him
    his homework illustrated imagine instructor just latter learning let link listed
    mentioned module my now nowadays our ours problem quiz recall recently remember
    respectively section sections shall she shown student students suppose table
    tables textbook these this today tomorrow us video we website yesterday you your
    yours
    """
)
# Longer ones are tables or text without punctuation, and take the rules much time.
_LONGEST = 1500
_LETTERS = re.compile(r"\w+")
_ELSEWHERE_PHRASES = re.compile(
    r"\b(?:"
    r"previous(?:ly)?|"
    r"such(?! as)|"
    r"so far|"
    r"then(?=,)|"
    r"the task|"
    r"unit \d|"
    r"note that|"
    r"given by|"
    r"e\.g|"
    r"i\.e|"
    r"those(?! that| who| of| in| with)|"
    r"(?:of|in|for|from|by|at|on|with) that|"
    r"\d-year-old|"
    r"patients?|"
    r"by contrast|"
    r"other than|"
    r"the other|"
    r"in question"
    r")\b"
)
_SYMBOLS = re.compile(r"[=×→±√∑∫∂∆Δ^_<>≤≥≈∝·⋅|\\{}\[\]•°′″ℏ∞∙*#/]|\b[B-HJ-Zb-hj-z]\b(?![-.'’])")  # noqa: RUF001
_SPLIT_NUMBER = re.compile(r"\d \d|\d [-−–+]|[-−] \d| [-−–] |\d[−–] ")  # noqa: RUF001
_SUBSCRIPT = re.compile(r"\b(?:[A-Z][a-z]?)+ ?\d? [\d+−-]")  # noqa: RUF001
_BACKWARD = re.compile(
    r"(?:For|In|At|On|By|With|During|After|Before|Over|From|To|Because|When|If|As|Although|While|"
    r"Since|Unlike|Due|\w+ing|\w+ed)\b[^.,]*(?:, )?\b(?:its|their|them)\b"
)
# "The disease" of a sentence is one that the text told of before; "the Sun" is not.
_POINTING = re.compile(
    r"\b[Tt]he (?!(?:universe|body|heart|brain|sky|skin|blood|lungs?|liver|atmosphere|environment|"
    r"air|ocean|oceans|retina|cornea|kidneys?|stomach|intestines?|nucleus|cytoplasm|world|bladder|"
    r"mouth|nose|eyes?|throat|ground|surface|equator|seasons?|tides?|planets|stars|galaxies|"
    r"halogens|colon|skull|spine|spleen|pancreas|esophagus|trachea|uterus|placenta|genome|ribosome|"
    r"bloodstream|host|center|outside|inside|rest|time|way|speed|number|CNS|presence|"
    r"same|most|least|first|second|third|only|ability|need|production|use|formation|\w+est)\b)"
    r"[a-z][\w-]*(?= (?:is|are|was|were|has|have|had|can|may|will|would|could|also|and|or|but|by|"
    r"then|does|do|to|as|because|when|with|at|for|from|into|on|during|through|"
    r"after|before|if)\b|[.,])"
)
# "Our Galaxy" is known without a text.
_OURS = re.compile(
    r"\b[Oo]ur (?=(?:own )?(?:Sun|Galaxy|Moon|Milky|[Ss]olar [Ss]ystem|planet|universe)\b)"
)
# A pronoun so early that nothing in the sentence can be meant by it.
_EARLY = re.compile(r".{0,40}\b(?:it|they|them|themselves)\b")
_BRACKETS = re.compile(r" ?\([^()]*\)| ?\[[^\[\]]*\]")
_SPACES = re.compile(r"\s+")
# A plural ending that markup has cut off: "electron s".
_CUT_PLURAL = re.compile(r"(?<=[a-z]{3}) s(?=[ .,;)])")
_SPACE_BEFORE = re.compile(r" +([.,;:?!%’)])")  # noqa: RUF001
_INSIDE = re.compile(r"[?!:;…—]| - |\.\.")
# A heading that runs into its text, and a sentence with a reference cut out.
_HEADING = re.compile(
    r"\w+ing (?:\w+ ){0,3}?[A-Z]\w+ (?:\w+ ){0,2}?[A-Z]|(?:[A-Z][a-z]+ ){2,}(?:The|A|An|In) "
)
# A heading or a title of an exercise before an article with a capital: "Atomic Radius The edge".
_GLUED = re.compile(
    r"(?<![Tt]ype)(?<![Gg]roup)(?<![Vv]itamin)(?<!epatitis)(?<!nfluenza)(?<!lass)(?<!egion)"
    r"[\w)] (?:A|An|The|It|This|In|What|How|Many|Consider|Suppose) (?=[a-z])|Part \d"
)
_CONNECTED = r"(?:(?:of|for|and|in|the|to|on|with|using|by|from) )+"
_TITLED = re.compile(
    rf"[A-Z][\w-]+ {_CONNECTED}[A-Z][\w-]+ [A-Z][a-z]|(?:[A-Z][\w-]+ ){{2,}}{_CONNECTED}[A-Z][a-z]"
)
_BROKEN = re.compile(
    r",\.|\b(?:in|of|by|from|with|at|for) (?:is|are|was|were|bears|shows|resembles|contains|has|"
    r"have)\b|"
    r"\. [a-z]|\b(?:in|of|by|to|the|a|an|with|for|from|at|on|and|or|as|see|is|are|that)\.$|^\W"
)
_PERSON = re.compile(r"\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]ers?|him|himself|herself|\d-year-old)\b")


def tidy(text: str) -> str:
    """Return a sentence without brackets, stray spaces and an opening connective."""
    plain = with_spaces_mended(_BRACKETS.sub("", text))
    opening = _CONNECTIVE.match(plain)
    if opening is not None and opening.end() < len(plain):
        plain = plain[opening.end() :]
        plain = plain[0].upper() + plain[1:]
    return plain


def with_spaces_mended(text: str) -> str:
    """Return a text with single spaces, none of them before a mark or a plural ending."""
    plain = _SPACE_BEFORE.sub(r"\1", _SPACES.sub(" ", text)).strip()
    return _CUT_PLURAL.sub("s", plain)


def reason_to_leave(sentence: Sentence) -> str | None:
    """Return why a sentence cannot be used alone, or None if it can."""
    text = sentence.text
    n_words = text.count(" ") + 1
    if not SHORTEST <= n_words <= LONGEST:
        return "sentence too short or too long"
    if not text.endswith(".") or not text[0].isupper():
        return "not a full sentence"
    if _OPENING.match(text):
        return "sentence opens with a reference or a question"
    if not _ELSEWHERE.isdisjoint(
        _LETTERS.findall(_OURS.sub("", text))
    ) or _ELSEWHERE_PHRASES.search(text):
        return "sentence refers to text around it"
    if _SYMBOLS.search(sentence.text) or _SPLIT_NUMBER.search(text):
        return "sentence has formulas or symbols"
    if _INSIDE.search(text[:-1]) or text.count('"') % 2 or text.count("“") != text.count("”"):
        return "sentence has more than one part"
    if _SUBSCRIPT.search(text):
        return "sentence has formulas or symbols"
    if _BACKWARD.match(text) or _EARLY.match(text) or _POINTING.search(text) or " do so" in text:
        return "sentence refers to text around it"
    if "(" in text or ")" in text:
        return "sentence has more than one part"
    if _HEADING.match(text) or _TITLED.match(text) or _GLUED.search(text) or _BROKEN.search(text):
        return "not a full sentence"
    words = [word.lower() for word in WORD.findall(text)]
    if sum(word in FUNCTION_WORDS for word in words) < 2:
        return "not a full sentence"
    return None


def clean_sentences(text: str) -> tuple[list[Sentence], Counter[str]]:
    """Return the sentences of a passage that are understood alone, and why the others are not."""
    kept: list[Sentence] = []
    reasons: Counter[str] = Counter()
    if tells_of_a_person(text):
        return kept, Counter({"passage tells of a person": 1})
    for start, end in split_sentences(text):
        quote = text[start:end]
        if len(quote) > _LONGEST:
            reasons["not a full sentence"] += 1
            continue
        sentence = Sentence(quote, tidy(quote))
        reason = reason_to_leave(sentence) if sentence.text else "not a full sentence"
        if reason is None:
            kept.append(sentence)
        else:
            reasons[reason] += 1
    return kept, reasons


def all_sentences(text: str) -> list[Sentence]:
    """Return all sentences of a passage, with brackets, also those that need their context."""
    spans = split_sentences(text)
    return [
        Sentence(text[start:end], with_spaces_mended(text[start:end]))
        for start, end in spans
        if end - start <= _LONGEST
    ]


def tells_of_a_person(text: str) -> bool:
    """Return whether a passage is about a person: its sentences are no general statements."""
    return _PERSON.search(text) is not None
