"""Passages as documents of tantivy: the schema, and the conversion in both directions."""

from __future__ import annotations

import json
from pathlib import Path

import tantivy

from llmexam.evidence.index.analysis import analysable
from llmexam.evidence.index.tantivy_files import ANALYZER
from llmexam.exam.question import Passage
from llmexam.storage.atomic import write_json


def make_schema() -> tantivy.Schema:
    """Return the schema of a sparse index."""
    # Title and text share one field, separated by the first line break: searching one field costs
    # half as much as searching two. What is indexed is cut into words, so the original is stored
    # beside it.
    return (
        tantivy.SchemaBuilder()
        .add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        .add_text_field("passage", tokenizer_name=ANALYZER, index_option="freq")
        .add_bytes_field("original", stored=True)
        .build()
    )


def to_document(passage: Passage, *, is_cut: bool) -> tantivy.Document:
    """Return a passage as a document.

    Args:
        passage: The passage.
        is_cut: Whether the index holds terms of scripts without spaces; old ones have one field.
    """
    title = " ".join(passage.title.split()) if passage.title else ""
    whole = f"{title}\n{passage.text}"
    if not is_cut:
        return tantivy.Document(id=passage.id, passage=whole)
    return tantivy.Document(
        id=passage.id, passage=analysable(whole, is_query=False), original=whole.encode()
    )


def to_fields(document: tantivy.Document, *, is_cut: bool) -> tuple[str, str, str]:
    """Return text, title and id of the passage in a stored document."""
    whole = document.get_first("original" if is_cut else "passage")
    whole = whole.decode() if isinstance(whole, bytes) else str(whole)
    title, _, text = whole.partition("\n")
    return text, title, str(document.get_first("id"))


def order_segments(data: Path) -> None:
    """List the segments of a new tantivy index in the order in which they were written.

    tantivy lists them by size. Equal scores go by the order of segments, and shall go by the order
    of indexing. One thread has written the segments one after the other.

    Args:
        data: The folder of the tantivy index; nothing has it open.
    """
    meta = data / "meta.json"
    value = json.loads(meta.read_bytes())

    def written(segment: dict[str, str]) -> int:
        return (data / f"{segment['segment_id'].replace('-', '')}.store").stat().st_mtime_ns

    value["segments"] = sorted(value["segments"], key=written)
    write_json(meta, value)
