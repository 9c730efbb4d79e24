"""Step `personal_data`: remove or replace e-mail addresses, phone numbers and web addresses."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Literal

from pydantic import Field

from llmexam.collecting.cleaning.step import Cleaner, Outcome, Part, Step
from llmexam.collecting.document import Document
from llmexam.errors import MissingDependencyError, SettingsError, nearest
from llmexam.settings.base import OneOrMany

Action = Literal["keep", "replace", "remove"]

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z]{2,24}(?![\w@-])"
)
_URL = re.compile(
    r"(?:https?://|ftp://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]}'\u2019\u201d]", re.IGNORECASE
)
_MANY_DIGITS = re.compile(r"\d[\d\u2010-\u2015\u00a0 ()./-]{5,}\d")
_ANNOUNCED = re.compile(
    r"\b(?:tele?|phones?|telephones?|fax|mobile|cell|call|contact|dial|whatsapp|hotline|sms|text)\b"
    r"[\s.:,]*(?:us|him|her|them|me|number|no|at|on|is)?[\s.:,(+]*$",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(
    r"(?:\b(?:CAS|ISBN|ISSN|PMID|PMCID|DOI|ORCID|EC|RRID|UniProt|GenBank|RefSeq|accession|patent|"
    r"catalog(?:ue)?|serial|arXiv)\b[\s.:#()\w-]{0,16}|[\d.,^_/=\u00d7\u2212]\s?|[A-Za-z_]|10\.\d{4,9}/\S*)$",
    re.IGNORECASE,
)
# Spaces also separate the digits of a constant, so they are no sign of a phone number.
_PUNCTUATED = re.compile(r"\(?\d{2,5}\)?[ ]?[-./]?\d{2,5}[-.]\d{2,5}(?:[-.]\d{2,5})*$|\(\d+\)")


class PersonalDataStep(Step):
    """Removes or replaces personal data.

    A number without `+` counts as a phone number only if it is valid in one of the regions and
    grouped as there, and is either punctuated like one or announced by a word such as "phone".
    """

    packages = ("phonenumberslite",)

    emails: Action = Field(default="replace", description="what to do with e-mail addresses")
    phones: Action = Field(default="replace", description="what to do with phone numbers")
    urls: Action = Field(default="keep", description="what to do with web addresses")
    regions: OneOrMany[str] = Field(
        default=("US",),
        description="regions whose national phone numbers are found, such as [US, DE]; numbers "
        "with a country code are found in any case",
    )
    email_placeholder: str = Field(default="[email]", description="replaces an e-mail address")
    phone_placeholder: str = Field(default="[phone]", description="replaces a phone number")
    url_placeholder: str = Field(default="[url]", description="replaces a web address")

    def cleaner(self, part: Part) -> Cleaner:
        """Return the cleaner."""
        return _PersonalDataCleaner(self)

    def check(self) -> None:
        """Check that phonenumberslite is installed and knows the regions."""
        if self.phones == "keep":
            return
        known = _phonenumbers().SUPPORTED_REGIONS
        for region in self.regions:
            if region not in known:
                raise SettingsError(
                    f"unknown region '{region}'", field="regions", hint=nearest(region, known)
                )


class _PersonalDataCleaner:
    def __init__(self, step: PersonalDataStep) -> None:
        self._step = step
        self._phonenumbers = _phonenumbers() if step.phones != "keep" else None

    def clean(self, document: Document, row: int) -> Outcome:
        step = self._step
        text, changes = document.text, {}
        # Web addresses last: they may contain an e-mail address, and digits like a phone number.
        if step.emails != "keep" and "@" in text:
            text, n = _EMAIL.subn(_put(step.emails, step.email_placeholder), text)
            changes["e-mail addresses"] = n
        if self._phonenumbers is not None and _MANY_DIGITS.search(text):
            text, n = self._without_phones(text, self._phonenumbers)
            changes["phone numbers"] = n
        if step.urls != "keep":
            text, n = _URL.subn(_put(step.urls, step.url_placeholder), text)
            changes["web addresses"] = n
        changes = {label: n for label, n in changes.items() if n}
        if not changes:
            return Outcome(document.text)
        if "remove" in (step.emails, step.phones, step.urls):
            text = re.sub(r" {2,}", " ", text).strip()
        return Outcome(text, dropped="" if text.strip() else "no text left", changes=changes)

    def _without_phones(self, text: str, phonenumbers: ModuleType) -> tuple[str, int]:
        addresses = [match.span() for match in _URL.finditer(text)]
        spans: list[tuple[int, int]] = []
        for region in (*self._step.regions, None):
            leniency = phonenumbers.Leniency
            kind = leniency.VALID if region is None else leniency.STRICT_GROUPING
            for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=kind):
                span = (match.start, match.end)
                is_new = all(match.end <= a or b <= match.start for a, b in (*spans, *addresses))
                if is_new and is_phone(text[: match.start], match.raw_string):
                    spans.append(span)
        put = _put(self._step.phones, self._step.phone_placeholder)
        for start, end in sorted(spans, reverse=True):
            text = f"{text[:start]}{put}{text[end:]}"
        return text, len(spans)


def is_phone(before: str, number: str) -> bool:
    """Return whether a number that is valid as a phone number is used as one.

    >>> is_phone("the caesium atom makes ", "9 192 631 770")
    False
    >>> is_phone("Tel. ", "9 192 631 770"), is_phone("write to ", "(650) 253-0000")
    (True, True)

    Args:
        before: The text before it.
        number: The number as written.
    """
    before = before[-40:]
    if number.startswith(("+", "\uff0b")):
        return True
    if _ANNOUNCED.search(before):
        return True
    if _IDENTIFIER.search(before):
        return False
    return _PUNCTUATED.search(number) is not None


def _put(action: Action, placeholder: str) -> str:
    return placeholder if action == "replace" else ""


def _phonenumbers() -> ModuleType:
    try:
        import phonenumbers
    except ImportError:
        raise MissingDependencyError(
            "finding phone numbers", "phonenumberslite", "collect"
        ) from None
    found: ModuleType = phonenumbers
    return found
