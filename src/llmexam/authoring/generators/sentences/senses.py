"""What sort of thing a term names: a process, a disease, a device, a particle.

The head noun of its explanation tells: "an enzyme that ...", "larvae called ...". Wrong options of
another sort than the answer need no knowledge to rule out.
"""

from __future__ import annotations

import re

from llmexam.authoring.generators.sentences.words import is_plural, word_set

_HEADS = {
    "process": word_set(
        """
        process processes change changes transfer conversion movement motion reaction reactions
        loss emission production secretion flow mechanism formation release removal absorption
        transition decay division transport release growth spread introduction addition collision
        breakdown synthesis interaction switching bending splitting joining collapse merging
        replication reproduction response ejection exchange
        """
    ),
    "method": word_set(
        "method methods technique techniques procedure test tests approach application treatment "
        "therapy assay analysis way ways measurement"
    ),
    "condition": word_set(
        """
        disease diseases disorder disorders infection infections inflammation condition conditions
        syndrome lesion lesions necrosis blockage cancer cancers damage sign signs symptom symptoms
        paralysis swelling illness fever injury rash ulcers sores outbreak
        """
    ),
    "organism": word_set(
        """
        bacteria bacterium species genus genera fungus fungi parasite parasites virus viruses
        microorganism microorganisms worm worms flatworm flatworms animal animals plant plants
        mushroom protist protists pathogen pathogens organism organisms larvae protozoa protozoan
        protozoans alga algae microbe microbes rod rods cocci yeast yeasts mold molds subgroup
        insect insects
        """
    ),
    "biomolecule": word_set(
        """
        protein proteins glycoprotein antibody antibodies hormone hormones
        nucleotide nucleotides immunoglobulin lipopolysaccharide polysaccharide exopolysaccharide
        toxin toxins lipid lipids sugar sugars sequence sequences genome genomes biomolecules
        inhibitor inhibitors peptide peptides
        """
    ),
    "enzyme": word_set("enzyme enzymes"),
    "drug": word_set("drug drugs antibiotic antibiotics medication medicine vaccine disinfectant"),
    "cell": word_set("cell cells"),
    "substance": word_set(
        """
        compound compounds molecule molecules substance substances acid acids salt salts solution
        solutions material materials chemical chemicals agent agents fluid fluids liquid liquids gel
        peroxygen derivative derivatives gas gases base bases mixture mixtures solid solids alloy
        alloys element elements metal metals mineral minerals rock rocks detergent
        macromolecule macromolecules hydrocarbon hydrocarbons dispersion
        precipitate
        """
    ),
    "particle": word_set(
        "particle particles electron electrons proton protons neutron neutrons ion ions atom atoms "
        "nucleus nuclei radioisotope isotope isotopes hadron hadrons quark quarks photon photons "
        "bond bonds orbital orbitals"
    ),
    "device": word_set(
        "device devices instrument instruments machine machines apparatus meter circuit circuits "
        "telescope telescopes detector detectors tool tools lens lenses engine lamp box ampule "
        "battery container system array"
    ),
    "structure": word_set(
        """
        tissue tissues layer layers organ organs structure structures region regions tract
        gland glands membrane membranes filament filaments lining passageway vessel vessels opening
        invaginations appendage appendages fiber fibers section compartment surface sac body head
        strands strand
        """
    ),
    "celestial": word_set(
        "star stars planet planets galaxy galaxies moon moons comet comets asteroid asteroids disk "
        "cloud clouds cluster clusters belt crust nebula remnant planetesimals"
    ),
    "quantity": word_set(
        """
        amount mass energy rate ratio pressure concentration number quantity value constant velocity
        force temperature radius property properties ability measure difference unit speed distance
        time charge density momentum volume frequency wavelength tendency power length degree
        """
    ),
    "field": word_set("study science branch field discipline"),
}
_SENSE_OF = {head: sense for sense, heads in _HEADS.items() for head in heads}

_ENDINGS = (
    (re.compile(r"(?:itis|emia|iasis|algia|(?<!str)oma|pathy)$"), "condition"),
    (re.compile(r"(?<!dise)(?<!ph)(?<!\bb)(?<!\bg)(?<!\bc)(?<!ele)(?<!cre)ases?$"), "enzyme"),
    (re.compile(r"ology$|nomy$"), "field"),
    (
        re.compile(
            r"(?:scope|(?<!dia)(?<!para)(?<!peri)(?<!kilo)(?<!centi)(?<!milli)meter|graph)s?$"
        ),
        "device",
    ),
)
_NAMED = re.compile(
    r",?(?P<verb> (?:is|are)(?: often| \w+ly)?)? (?:called|known as|termed|referred to as) "
)
# "In chemistry, ..." and "When atoms share electrons, ..." stand before the subject.
_OPENING = re.compile(
    r"(?:In|When|As|For|With|At|On|By|After|Before|During|If|While|Because|Through|From)\b[^,]*, "
)
_LINK = re.compile(
    r",| (?:that|which|who|whose|of|in|for|from|between|used|by|with|caused|containing|where|"
    r"produced|found|located|characterized|consisting|made|composed|to|on|at|when|as|and|or|is|are|"
    r"was|were|can|has|have|endemic|designed|needed|required|such|capable|living|connected|within|"
    r"outside|inside|without|whereby|necessary|along|through|during|associated|resulting|formed|"
    r"emitted|grown|isolated|closest|corresponding|around|after|before|into|than|surrounding|"
    r"seen|involved|causing|having|lacking|using|involving|requiring|affecting|over|per|toward|under|"
    r"above|below|across|among|near|against)\b"
)
_RELATIVE = re.compile(r",? (?:that|which)$")
# The noun after "of" tells what these are of.
_EMPTY = word_set(
    "type types kind kinds form forms group groups class series set sets family member members "
    "collection chain variety example subset combination combinations number pair part component"
)


def sense_of(term: str, explanation: str) -> str:
    """Return the sort of thing that a term names, or an empty text if it is not known.

    Args:
        term: The term.
        explanation: A noun phrase that explains it, or the sentence that names it.
    """
    found = _SENSE_OF.get(head_of(explanation).lower(), "")
    if found:
        return found
    return next((sense for ending, sense in _ENDINGS if ending.search(term)), "")


def head_of(explanation: str) -> str:
    """Return the noun that a term is explained by: "cells" for "giant cells called syncytia"."""
    named = _NAMED.search(explanation)
    if named is None:
        return _head(explanation)
    before = explanation[: named.start()]
    link = _RELATIVE.search(before) if named["verb"] else None
    if not named["verb"] or link is not None:
        return (before[: link.start()] if link else before).rsplit(" ", 1)[-1]
    return _head(_OPENING.sub("", before, count=1))


def is_named_plural(sentence: str) -> bool | None:
    """Return whether a sentence speaks of several things that it names, or None if unknown.

    "Groups of cells are called tissues" tells it by its verb, "cells called neurons" by its noun.
    """
    named = _NAMED.search(sentence)
    if named is None:
        return None
    if named["verb"]:
        return named["verb"].startswith(" are")
    return is_plural(sentence[: named.start()].rsplit(" ", 1)[-1])


def _head(phrase: str) -> str:
    """Return the head noun of a noun phrase at the start of a text."""
    while True:
        link = _LINK.search(phrase)
        head = (phrase[: link.start()] if link else phrase.rstrip(".")).rsplit(" ", 1)[-1]
        if link is None or head.lower() not in _EMPTY or link[0] != " of":
            return head
        phrase = phrase[link.end() :].lstrip()
