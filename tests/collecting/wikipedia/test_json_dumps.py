"""Enterprise HTML dumps and JSON of WikiExtractor."""

# ruff: noqa: RUF001, E501

import gzip
import io
import json
import tarfile

import pyarrow.parquet as pq
import pytest

from llmexam.collecting.wikipedia.collection import collect_dumps
from llmexam.collecting.wikipedia.html import html_to_sections
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.errors import CorpusError

SETTINGS = WikipediaSettings()
HTML = """<html><body><section data-mw-section-id="0">
<div class="hatnote">Not 99.</div>
<table class="infobox"><caption>Neon</caption><tr><th>Mass</th><td>20.18 u</td></tr></table>
<p><b>Neon</b> boils at 27.1&nbsp;K.<sup class="mw-ref reference"><a href="#1">[1]</a></sup>
It is 3.5×10<sup>−2</sup> and Ne<sub>2</sub>.</p>
<figure><img src="9.jpg"/><figcaption>Caption 8</figcaption></figure></section>
<section><h2>Use</h2><p>With <span class="mwe-math-element"><math alttext="{\\displaystyle E=h\\nu }">
<mi>E</mi></math><img/></span>.</p>
<table><caption>Lamps</caption><tr><th>Kind</th><th>Power</th></tr><tr><td>Small</td><td>5 W</td></tr></table>
<ul><li>one</li><li>two</li></ul><dl><dt>Term</dt><dd>meaning</dd></dl></section>
<section><h2>References</h2><p>1999</p></section></body></html>"""
RECORD = {
    "name": "Neon",
    "identifier": 21,
    "version": {"identifier": 77},
    "url": "https://en.wikipedia.org/wiki/Neon",
    "namespace": {"identifier": 0},
    "is_part_of": {"identifier": "enwiki"},
    "license": [{"identifier": "CC-BY-SA-4.0", "name": "Creative Commons", "url": "https://c"}],
    "article_body": {"html": HTML},
}
LINE = json.dumps(RECORD).encode() + b"\n"


def rows(folder):
    return pq.read_table(folder / "pages-000000.parquet").to_pylist()


def in_tar(content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("enwiki_0.ndjson")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("packed", [LINE, gzip.compress(LINE), in_tar(LINE)])
def test_enterprise_dump(packed, tmp_path):
    path = tmp_path / "dump"
    path.write_bytes(packed)
    found = collect_dumps([path], tmp_path / "out", SETTINGS)
    lead, infobox, use = rows(tmp_path / "out")
    assert (lead["id"], lead["revision"], lead["licence"]) == ("enwiki:21:0", "77", "CC BY-SA 4.0")
    assert lead["url"] == "https://en.wikipedia.org/w/index.php?title=Neon&oldid=77"
    assert lead["text"] == "Neon boils at 27.1 K.\nIt is 3.5×10⁻² and Ne₂."
    assert infobox["text"] == "Mass: 20.18 u"
    assert use["section"] == "Use"
    assert use["text"].split("\n") == [
        "With $E=h\\nu$.",
        "",
        "Lamps",
        "Kind: Small; Power: 5 W",
        "",
        "- one",
        "",
        "- two",
        "",
        "Term: meaning",
    ]
    assert found.counts.lost_numbers == 0
    assert found.counts.dropped_sections == 1


def test_losses_of_html_are_counted():
    _, source = html_to_sections(
        "<p>5 <math alttext='x^2'></math></p><table><tr><td>7</td></tr></table>", SETTINGS
    )
    assert source.numbers.keys() == {"5", "7"}
    assert source.formulas.keys() == {"x^2"}


def test_half_of_a_surrogate_pair_is_replaced(tmp_path):
    wikitext = "Neon {{odd \ud800|5}} \ud800 boils."
    record = {**RECORD, "name": "Ne\ud800", "article_body": {"wikitext": wikitext}}
    path = tmp_path / "dump.ndjson"
    path.write_text(json.dumps(record))
    collect_dumps([path], tmp_path / "out", SETTINGS)
    (row,) = rows(tmp_path / "out")
    assert (row["title"], row["text"]) == ("Ne?", "Neon ? boils.")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"name": "Half\n', "invalid JSON: Invalid control character"),
        (b"[1]\n", "expected a JSON object, got list"),
        (b'{"name": "Argon"}\n', "expected a JSON object with the key 'url'"),
    ],
)
def test_a_broken_line_keeps_those_before(line, problem, tmp_path):
    path = tmp_path / "dump.ndjson"
    path.write_bytes(LINE + line)
    found = collect_dumps([path], tmp_path / "out", SETTINGS)
    assert f"broken at page 2, after 'Neon': {problem}" in found.broken[0]
    assert len(rows(tmp_path / "out")) == 3


def test_wikiextractor_folder(tmp_path):
    folder = tmp_path / "text" / "AA"
    folder.mkdir(parents=True)
    record = {
        "id": "12",
        "revid": "34",
        "url": "https://en.wikipedia.org/wiki?curid=12",
        "title": "Neon",
        "text": "Neon is a gas.\n\nUse.\nLamps.",
    }
    (folder / "wiki_00").write_text(json.dumps(record) + "\n")
    (folder / "wiki_01").write_text(json.dumps({**record, "id": "13", "title": "Iron"}) + "\n")
    found = collect_dumps([tmp_path / "text"], tmp_path / "out", SETTINGS)
    first, second = rows(tmp_path / "out")
    assert (first["id"], first["text"]) == ("enwiki:12:0", record["text"])
    assert second["title"] == "Iron"
    assert (found.counts.articles, found.counts.measured) == (2, 0)


def test_json_from_an_unknown_host_needs_a_licence(tmp_path):
    path = tmp_path / "wiki_00"
    path.write_text(json.dumps({"id": 1, "url": "https://a.example/x", "title": "T", "text": "t"}))
    with pytest.raises(CorpusError, match=r"a\.example is unknown"):
        collect_dumps([path], tmp_path / "out", SETTINGS)
