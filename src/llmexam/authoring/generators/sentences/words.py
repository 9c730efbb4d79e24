"""Word lists and small functions on English words."""

from __future__ import annotations

import re
from functools import lru_cache

WORD = re.compile(r"[A-Za-z0-9α-ωΑ-Ω]+(?:[-'’][A-Za-z0-9α-ωΑ-Ω]+)*")  # noqa: RUF001


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


DETERMINERS = word_set(
    """
    a an the this that these those my your his her its our their some any no each every
    either neither both all many much few several most more less fewer another other such
    what which whose one two three four five six seven eight nine ten certain various enough
    """
)
PREPOSITIONS = word_set(
    """
    of in on at by for with from to into onto upon about above across after against along
    amid among around as before behind below beneath beside between beyond despite down
    during except inside like near off out outside over past per since through throughout
    toward towards under underneath unlike until up via within without than
    """
)
CONJUNCTIONS = word_set(
    """
    and or but nor so yet because although though while whereas if when where whether that
    which who whom whose once unless why how
    """
)
PRONOUNS = word_set(
    """
    i we you he she it they me us him them one ones something anything nothing everything
    someone everyone anyone itself themselves himself herself ourselves who whom
    """
)
AUXILIARIES = word_set(
    """
    is are was were be been being am has have had do does did can could may might must shall
    should will would cannot
    """
)
_ADVERBS = word_set(
    """
    not also only very often always never usually sometimes just even still already again
    then there here now however therefore thus hence too almost quite rather perhaps
    together first second third last next today far ever instead
    """
)
FUNCTION_WORDS = DETERMINERS | PREPOSITIONS | CONJUNCTIONS | PRONOUNS | AUXILIARIES | _ADVERBS

_VERB_TEXT = """
    absorb accelerate act adhere affect aggregate allow appear assist attach attack attract
    balance become begin belong bind block boil break bring burn carry catalyze cause change
    circle circulate collide colonize combine come compete compress comprise conduct confirm
    consist contain contract contribute convert cool cover create cycle decay decrease
    defend degrade demonstrate depend deposit derive describe destroy detach detect determine
    develop differ differentiate diffuse disappear dissolve divide dominate drive eject
    eliminate emit enable encode encounter engulf enhance enter equal erode escape establish
    evaporate evolve exert exist expand explain expose express extend fall feed ferment fight
    float flow follow form freeze fuse generate germinate give grow happen harm heat help hold
     ignite imply impose include increase indicate induce infect inhibit initiate inject
    interact invade involve keep kill know lack last lead lie live lose maintain make
    mean measure mediate melt migrate mimic move need neutralize obey occupy occur offer orbit
    originate oscillate oxidize pass penetrate perform permit persist play possess precipitate
    predict preserve prevent prey produce promote propagate protect protrude prove
    provide pull push radiate raise range reach react receive recognize recover reduce refer
    reflect regulate relate release rely remain remove repel replace replicate represent
    reproduce require resemble reside resist respond restore result retain reveal revolve rise
    rotate secrete secure separate serve show shrink slow specify split spread
    stabilize stain start stimulate stop store strengthen suffer suggest supply support
    surround survive switch take tell tend transfer transmit transport travel
     turn undergo unite use utilize vary vibrate weaken work yield
"""
_VERB_STEMS = _VERB_TEXT.split()


def _third_person(verb: str) -> str:
    if verb.endswith(("s", "x", "ch", "sh", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


SINGULAR_VERBS = frozenset(_third_person(verb) for verb in _VERB_STEMS) | {"is", "has", "was"}
PLURAL_VERBS = frozenset(_VERB_STEMS) | {"are", "have", "were"}
MODALS = frozenset({"can", "may", "cannot"})

# Nouns that name a role in a text and not a thing that a question can ask for.
GENERIC_NOUNS = word_set(
    """
    ability account addition advantage aim amount analogy analysis answer application
    approach area argument aspect assumption attempt author basis beginning behavior benefit
    bit body book branch calculation case category cause chance change chapter character
    characteristic choice class combination comparison concept conclusion condition
    consequence consideration context contribution course criterion data day debate decade
    definition degree description detail development diagram difference difficulty direction
    disadvantage discovery discussion distance distinction effect effort end event evidence
    example exception exercise existence expectation experience experiment explanation
    expression extent fact factor feature figure finding form formula function goal group
    half history hope hypothesis idea illustration image importance information instance
    interest interpretation issue item kind knowledge lack law lesson level life line link
    list location look lot majority man matter means measurement mechanism member method
    model moment month name nature need number object observation one option order origin
    other outcome page pair paper part pattern people percentage person phenomenon picture
    piece place plan point position possibility possible presence principle problem
    procedure process product project property proof proportion purpose quantity question
    range rate reader reason region relation relationship requirement research result role
    rule sample scenario scene science scientist section sense sequence series set shape
    side sign significance similarity situation size solution sort source space stage
    statement step story strategy structure student study subject substance success
    suggestion summary system table task technique term test text theme theory thing thought
    time title topic total treatment trend truth type unit use user value variable variation
    variety version view way week woman word work world worker writer year researcher key
    goal team agent use meaning term kind sort doctor physician patient nurse child mother
    father family friend car ball block box
    """
)

_PLURAL_FORMS = word_set(
    """
    bacteria protozoa fungi algae data media mitochondria spectra nuclei stimuli phenomena
    criteria people mice feet teeth children men women archaea flagella cilia genera species
    loci foci radii larvae antennae vertebrae novae supernovae nebulae maria strata quanta
    momenta hyphae cocci bacilli spirochetes helminths viruses taxa alveoli villi nova ova
    mycelia sporangia maxima minima vacuolae cysts phyla septa axes bases vortices vertices
    matrices apices syncytia endothelia epithelia cristae cysticerci
    """
)
_SINGULAR_ENDINGS = ("ss", "us", "is", "ics", "as", "os", "ys")
_SINGULAR_FORMS = word_set(
    """
    lens gas mass diabetes series rabies mars herpes ebola nova
    """
)


def is_plural(word: str) -> bool:
    """Return whether a noun has a plural form, judged by its ending."""
    lower = word.lower()
    if lower in _SINGULAR_FORMS:
        return False
    if lower in _PLURAL_FORMS:
        return True
    return lower.endswith("s") and not lower.endswith(_SINGULAR_ENDINGS)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return a word in lower case without its plural or verb ending, to compare words.

    >>> [stem(word) for word in ("Galaxies", "masses", "waves", "reacted", "reacting")]
    ['galaxy', 'mass', 'wave', 'react', 'react']
    """
    lower = word.lower().replace("’s", "").removesuffix("'s")  # noqa: RUF001
    for ending, put in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if lower.endswith(ending) and len(lower) > len(ending) + 1:
            return lower[: -len(ending)] + put
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) and len(lower) > 3:
        return lower[:-1]
    for ending in ("ing", "ed"):
        if lower.endswith(ending) and len(lower) > len(ending) + 3:
            return lower[: -len(ending)]
    return lower


def content_stems(text: str) -> list[str]:
    """Return the stems of the words of a text that are not function words, in order."""
    return [
        stem(word)
        for word in WORD.findall(text)
        if len(word) > 2 and word.lower() not in FUNCTION_WORDS
    ]


def lower_first(text: str) -> str:
    """Return a text whose first word is in lower case, unless it is a name or a symbol.

    A capitalised word is taken for a common word if it is an article or a function word;
    callers lower other words only if the corpus has them in lower case.
    """
    first = text.split(" ", 1)[0]
    if first.lower() in FUNCTION_WORDS and first != "I":
        return text[:1].lower() + text[1:]
    return text


def upper_first(text: str) -> str:
    """Return a text with a capital at the start: `a cell` becomes `A cell`."""
    return text[:1].upper() + text[1:]


def indefinite_article(term: str) -> str:
    """Return `an` before a vowel sound, else `a`."""
    lower = term.lower()
    if re.match(r"(?:uni(?!n|m)|use|usu|eu|one|ura|uro|ufo)", lower):
        return "a"
    if re.match(r"[A-Z]{2}|[A-Z]-", term):
        return "an" if term[0] in "AEFHILMNORSX" else "a"
    return "an" if lower[:1] in "aeiou" or lower.startswith(("hour", "heir", "honest")) else "a"
