"""Pairs of opposite words, by the place in a sentence where an exchange makes it false."""

from __future__ import annotations


def _pairs(text: str, *, both: bool = True) -> dict[str, str]:
    """Return opposites by word; `|` separates the words of a pair, a line has several pairs."""
    found: dict[str, str] = {}
    for pair in text.replace("\n", ";").split(";"):
        if not pair.strip():
            continue
        first, second = (side.strip() for side in pair.split("|"))
        found.setdefault(first, second)
        if both:
            found.setdefault(second, first)
    return found


COMPARATIVES = _pairs(
    """
    larger | smaller; higher | lower; longer | shorter; hotter | cooler; brighter | fainter
    faster | slower; older | younger; stronger | weaker; closer | farther; thicker | thinner
    deeper | shallower; heavier | lighter; warmer | colder; wider | narrower; richer | poorer
    earlier | later; simpler | more complex; safer | riskier; more | less
    """
) | _pairs(
    """
    bigger | smaller; greater | smaller; cooler | hotter; colder | warmer; dimmer | brighter
    nearer | farther; denser | less dense; taller | shorter; fewer | more; further | closer
    redder | bluer; bluer | redder; rarer | more common; steeper | less steep
    tougher | weaker; broader | narrower; smoother | rougher; rougher | smoother
    """,
    both=False,
)
"""Comparatives: exchanged between a verb and `than`."""

DIRECTIONS = _pairs(
    """
    increases | decreases; increase | decrease; increased | decreased; increasing | decreasing
    attracts | repels; attract | repel; attracted | repelled; expands | contracts
    expand | contract; expanding | contracting; accelerates | slows; strengthens | weakens
    strengthen | weaken; inhibits | promotes; inhibit | promote; lengthens | shortens
    lengthen | shorten
    """
) | _pairs(
    """
    grows | shrinks; grow | shrink; shrinks | grows; shrink | grow; diminishes | increases
    prevents | promotes; prevent | promote; suppresses | stimulates; suppress | stimulate
    stimulates | inhibits; stimulate | inhibit; enhances | reduces; enhance | reduce
    reduces | increases; reduce | increase; decelerates | accelerates; lowers | raises
    lower | raise
    """,
    both=False,
)
"""Verbs of change: exchanged where they are the main verb."""

PROPERTIES = _pairs(
    """
    positive | negative; positively charged | negatively charged
    gram-positive | gram-negative; aerobic | anaerobic; polar | nonpolar; soluble | insoluble
    saturated | unsaturated; prokaryotic | eukaryotic; multicellular | unicellular
    clockwise | counterclockwise; elastic | inelastic; reversible | irreversible
    exothermic | endothermic; symmetric | asymmetric; symmetrical | asymmetrical
    acidic | alkaline; common | rare; important | unimportant; necessary | unnecessary
    effective | ineffective; stable | unstable; similar to | different from; likely | unlikely
    able to | unable to; capable of | incapable of; visible | invisible; identical | different
    independent of | dependent on; parallel to | perpendicular to
    directly proportional | inversely proportional; transparent | opaque; thick | thin
    hot | cold; bright | faint; heavy | light; high | low; large | small; long | short
    strong | weak; fast | slow; rapid | slow; easy | difficult; narrow | wide; dense | sparse
    young | old; early | late; rich in | poor in; toxic | harmless; contagious | noncontagious
    single-stranded | double-stranded; single stranded | double stranded; motile | nonmotile
    resistant to | susceptible to; permeable to | impermeable to; constructive | destructive
    conservative | nonconservative; dominant | recessive; benign | malignant; dry | wet
    solid | gaseous; volatile | nonvolatile; conscious | unconscious; sterile | contaminated
    predictable | unpredictable; constant | variable; uniform | nonuniform; simple | complex
    consistent with | inconsistent with; unaffected by | affected by
    electrically neutral | electrically charged; close to | far from; rotating | nonrotating
    reactive | unreactive; flammable | nonflammable; abundant | scarce
    favorable | unfavorable; spontaneous | nonspontaneous; pure | impure
    innermost | outermost; smooth | rough; equal to | different from
    """
) | _pairs(
    """
    short-lived | long-lived; long-lived | short-lived; widespread | rare; difficult | easy
    essential | unnecessary; crucial | unimportant; vital | unimportant; useless | useful
    tiny | huge; huge | tiny; enormous | tiny; vast | tiny; great | small
    sensitive to | insensitive to; severe | mild; mild | severe; fatal | harmless
    harmless | dangerous; pathogenic | harmless; dangerous | harmless
    infectious | noninfectious; ineffective | effective; rare | common; massive | tiny
    prone to | immune to; immune to | susceptible to; the same as | different from
    the same | different; unique | commonplace; curved | straight; straight | curved
    hollow | solid; cool | hot; warm | cold; colorless | brightly colored
    difficult to | easy to; well understood | unknown; unknown | well known; unclear | clear
    basic | acidic; negligible | considerable; modest | enormous
    electrically conductive | electrically insulating; sparse | dense
    """,
    both=False,
)
"""Adjectives: exchanged after a form of `be`, or after `have` and `be` with an article."""

AMOUNTS = _pairs(
    """
    usually | rarely; always | rarely; typically | rarely; generally | rarely
    rarely | usually; often | rarely; commonly | rarely; normally | rarely
    frequently | rarely; seldom | usually; most commonly | least commonly
    almost always | almost never; nearly always | almost never; almost never | almost always
    most often | least often
    """,
    both=False,
)
"""Adverbs of frequency: exchanged after a subject."""

FIRST_AMOUNTS = {
    "Most": "Few",
    "All": "Few",
    "Almost all": "Few",
    "Nearly all": "Few",
    "Virtually all": "Few",
    "The majority of": "Few of the",
    "Few": "Most",
    "The vast majority of": "Few of the",
    "Relatively few": "Most",
    "Very few": "Most",
}
"""Amounts at the start of a sentence."""

SUPERLATIVES = _pairs(
    """
    largest | smallest; highest | lowest; longest | shortest; hottest | coldest
    brightest | faintest; fastest | slowest; oldest | youngest; strongest | weakest
    nearest | farthest; thickest | thinnest; deepest | shallowest; heaviest | lightest
    simplest | most complex; richest | poorest; innermost | outermost; densest | least dense
    most | least; greatest | smallest; earliest | latest; warmest | coldest
    widest | narrowest; easiest | hardest
    """
) | _pairs(
    """
    biggest | smallest; closest | farthest; coolest | hottest; tiniest | largest
    tallest | shortest; safest | most dangerous; rarest | most common; lightest | heaviest
    smallest | largest; coldest | hottest; commonest | rarest
    """,
    both=False,
)
"""Superlatives: exchanged after `the`."""

RELATIONS = _pairs(
    """
    contains | lacks; contain | lack; includes | excludes; include | exclude
    possesses | lacks; possess | lack; toward | away from; away from | toward; lacks | has
    lack | have; clockwise | counterclockwise; counterclockwise | clockwise
    depends on | is independent of; depend on | are independent of
    depends strongly on | is independent of; is proportional to | is independent of
    resemble | bear no resemblance to; resembles | bears no resemblance to; kills | spares
    kill | spare; releases energy | absorbs energy; release energy | absorb energy
    absorbs energy | releases energy; absorb energy | release energy
    releases heat | absorbs heat; absorbs heat | releases heat; is caused by | is unrelated to
    are caused by | are unrelated to; is composed of | is free of
    are composed of | are free of; is made of | is free of; are made of | are free of
    is associated with | is unrelated to; are associated with | are unrelated to
    is related to | is unrelated to; are related to | are unrelated to
    is based on | is unrelated to; fails to | manages to; slowly | rapidly; rapidly | slowly
    quickly | slowly; upward | downward; downward | upward; exceeds | falls short of
    exceed | fall short of; in all directions | along one line
    at the same rate | at different rates; at the same speed | at different speeds
    in the same direction | in opposite directions
    in opposite directions | in the same direction; are responsible for | are unrelated to
    is responsible for | is unrelated to; is essential for | is unnecessary for
    are essential for | are unnecessary for
    """,
    both=False,
)
"""Words that relate a subject to something, exchanged where they follow the subject."""
