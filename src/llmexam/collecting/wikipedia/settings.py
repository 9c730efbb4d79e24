"""Settings of a collection from dumps of wikis."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import LocalPath

Kind = Literal["lists", "disambiguations"]
LEFT_OUT = (
    "References",
    "External links",
    "See also",
    "Further reading",
    "Bibliography",
    "Notes",
    "Sources",
    "Notes and references",
    "References and notes",
    "Footnotes",
    "Citations",
    "Works cited",
    "Literature",
)


class WikipediaSettings(Settings):
    """What is collected from a dump, and how its pages become documents."""

    per: Literal["section", "article"] = Field(
        default="section", description="what becomes one document"
    )
    keep: OneOrMany[Kind] = Field(
        default=(), description="kinds of pages that are kept although they are skipped by default"
    )
    category: OneOrMany[str] = Field(
        default=(), description="collect only pages in one of these categories, by their wikitext"
    )
    titles: LocalPath | None = Field(
        default=None, description="file with one title per line: collect only these pages"
    )
    licence: str | None = Field(
        default=None,
        min_length=1,
        description="licence of the texts; CC BY-SA 4.0 for wikis of Wikimedia, needed for others",
    )
    min_characters: int = Field(
        default=1, ge=1, description="shorter sections or articles are left out and counted"
    )
    max_characters: int = Field(
        default=20_000, ge=200, description="longer ones are split between paragraphs"
    )
    drop_sections: OneOrMany[str] = Field(
        default=LEFT_OUT, description="sections left out, by their heading in any case"
    )
    infoboxes: bool = Field(
        default=True,
        description="write infoboxes as `label: value` rows, as a section of their own",
    )
    captions: bool = Field(default=False, description="keep captions of images")
    formulas: Literal["tex", "unicode"] = Field(
        default="tex",
        description="form of formulas: TeX between dollar signs, or plain characters as far as "
        "they exist",
    )
    pages_per_shard: int = Field(default=500, ge=1, description="most articles in one Parquet file")
    shard_characters: int = Field(
        default=2_000_000,
        ge=1000,
        description="a shard ends when its pages have this many characters",
    )
