"""Step `encoding`: repair mojibake, HTML entities, control characters and normal forms by ftfy."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Literal

from pydantic import Field

from llmexam.collecting.cleaning.step import Cleaner, Outcome, Part, Step
from llmexam.collecting.document import Document
from llmexam.errors import MissingDependencyError

# Only these can make ftfy change a text of ASCII characters.
_SUSPECT = re.compile(r"[^\n\t -~]|&")
# In Latin-1, "Å³" has the bytes of "ų" in UTF-8, so ftfy takes a cubic ångström for mojibake.
_ANGSTROM = re.compile(r"(?<=\d)(?P<gap>[ \u00a0\u202f-]?)Å(?![A-Za-z])|Å(?=[²³])")
_STAND_IN = "\ue0c5"
_INVISIBLE = re.compile("[\u00ad\u200b\ufeff]")
_LABELS = {
    "unescape_html": "HTML entities",
    "remove_terminal_escapes": "control characters",
    "remove_control_chars": "control characters",
    "fix_c1_controls": "control characters",
    "fix_latin_ligatures": "ligatures",
    "fix_character_width": "character width",
    "uncurl_quotes": "quotes",
    "fix_line_breaks": "line breaks",
    "fix_surrogates": "surrogates",
}


class EncodingStep(Step):
    """Repairs characters. The defaults keep superscripts, µ, ligatures and typographic quotes."""

    packages = ("ftfy",)

    mojibake: bool = Field(
        default=True, description="repair UTF-8 that was decoded in another encoding"
    )
    html_entities: bool = Field(default=True, description="replace entities such as &alpha;")
    control_characters: bool = Field(
        default=True, description="remove control characters and terminal escapes"
    )
    invisible_characters: bool = Field(
        default=True, description="remove soft hyphens, zero-width spaces and byte order marks"
    )
    normal_form: Literal["NFC", "NFD", "NFKC", "NFKD", "none"] = Field(
        default="NFC",
        description="Unicode normal form; NFKC and NFKD turn 10³ into 103, so use them for search "
        "only",
    )
    ligatures: bool = Field(
        default=False, description="split ligatures such as U+FB01 (fi) into letters"
    )
    straight_quotes: bool = Field(default=False, description="replace typographic quotes")
    character_width: bool = Field(
        default=False, description="replace full-width Latin letters by usual ones"
    )

    def cleaner(self, part: Part) -> Cleaner:
        """Return the cleaner."""
        return _EncodingCleaner(self)

    def check(self) -> None:
        """Check that ftfy is installed."""
        _ftfy()


class _EncodingCleaner:
    def __init__(self, step: EncodingStep) -> None:
        self._ftfy = _ftfy()
        self._removes_invisible = step.invisible_characters
        self._has_guard = step.mojibake
        self._config = self._ftfy.TextFixerConfig(
            unescape_html=step.html_entities,
            remove_terminal_escapes=step.control_characters,
            fix_encoding=step.mojibake,
            fix_latin_ligatures=step.ligatures,
            fix_character_width=step.character_width,
            uncurl_quotes=step.straight_quotes,
            fix_line_breaks=True,
            fix_surrogates=True,
            remove_control_chars=step.control_characters,
            normalization=None if step.normal_form == "none" else step.normal_form,
        )

    def clean(self, document: Document, row: int) -> Outcome:
        text = document.text
        if not _SUSPECT.search(text):
            return Outcome(text)
        changes: dict[str, int] = {}
        if self._has_guard:
            text = _ANGSTROM.sub(lambda match: f"{match['gap'] or ''}{_STAND_IN}", text)
        fixed = self._ftfy.fix_and_explain(text, self._config)
        text = fixed.text.replace(_STAND_IN, "Å") if self._has_guard else fixed.text
        if self._removes_invisible:
            # After ftfy: a soft hyphen may be the second half of mojibake, as in the one of í.
            text, n_removed = _INVISIBLE.subn("", text)
            if n_removed:
                changes["invisible characters"] = n_removed
        for label in {_label(action, what) for action, what in fixed.explanation or ()}:
            changes[label] = 1
        return Outcome(text, dropped="" if text.strip() else "no text left", changes=changes)


def _label(action: str, parameter: str) -> str:
    if action == "normalize":
        return f"normal form {parameter}"
    return _LABELS.get(parameter, "mojibake")


def _ftfy() -> ModuleType:
    try:
        import ftfy
    except ImportError:
        raise MissingDependencyError("repairing encodings", "ftfy", "collect") from None
    return ftfy
