"""Collections: what is skipped, damaged dumps, resuming, and the corpus they make."""

import bz2
import gzip
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dump_text import dump_xml, page_xml
from llmexam.collecting.wikipedia import opening, shards, workers
from llmexam.collecting.wikipedia.collection import MANIFEST, collect_dumps
from llmexam.collecting.wikipedia.opening import find_dumps
from llmexam.collecting.wikipedia.reading import read_pages
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.errors import CorpusError, RunError
from llmexam.evidence.corpus import read_corpus

NEON = page_xml(1, "Neon", "'''Neon''' boils at {{val|27.1|u=K}}.\n[[Category:Noble gases]]")
ARGON = page_xml(
    2,
    "Argon",
    "Argon is a gas.\n== Use ==\nLamps.\n== References ==\n1999\n[[category:noble_gases|A]]",
)
IRON = page_xml(3, "Iron", "Iron is a metal with 26 protons.\n[[Category:Metals]]")
OTHERS = [
    page_xml(4, "Ne", "#REDIRECT [[Neon]]", redirect="Neon"),
    page_xml(5, "Old", "#redirect [[Neon]]"),
    page_xml(6, "Mercury", "Several.\n{{disambiguation}}"),
    page_xml(7, "List of metals", "* Iron\n* Zinc"),
    page_xml(8, "Category:Metals", "A category.", namespace=14),
    page_xml(9, "Empty", "{{stub}}"),
    IRON,
]
PLAIN = WikipediaSettings()


def rows(folder):
    return [
        row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_documents_and_counts(write_dump, tmp_path):
    found = collect_dumps([write_dump([NEON, ARGON, IRON, *OTHERS])], tmp_path / "out", PLAIN)
    first, second, use, *_ = rows(tmp_path / "out")
    assert first == {
        "id": "enwiki:1:0",
        "title": "Neon",
        "section": "",
        "text": "Neon boils at 27.1 K.",
        "page_id": "1",
        "revision": "1001",
        "licence": "CC BY-SA 4.0",
        "url": "https://en.wikipedia.org/w/index.php?title=Neon&oldid=1001",
        "source": "enwiki",
    }
    assert (second["id"], use["id"], use["section"]) == ("enwiki:2:0", "enwiki:2:1", "Use")
    counts = found.counts
    assert (counts.pages, counts.articles, counts.documents) == (10, 3, 4)
    assert (counts.redirects, counts.disambiguations, counts.lists) == (2, 1, 1)
    assert (counts.other_namespaces, counts.without_text, counts.duplicates) == (1, 1, 1)
    assert counts.dropped_sections == 1
    assert (counts.numbers, counts.lost_numbers) == (2, 0)


def test_a_collection_is_a_corpus(write_dump, tmp_path):
    collect_dumps([write_dump([NEON, ARGON])], tmp_path / "out", PLAIN)
    passages = list(read_corpus(tmp_path / "out"))
    assert [(p.id, p.title) for p in passages] == [
        ("enwiki:1:0", "Neon"),
        ("enwiki:2:0", "Argon"),
        ("enwiki:2:1", "Argon"),
    ]


@pytest.mark.parametrize(
    ("given", "titles"),
    [
        ({"category": ["Category:Noble_gases"]}, {"Neon", "Argon"}),
        ({"keep": ["lists"]}, {"Neon", "Argon", "Iron", "List of metals"}),
        ({"per": "article"}, {"Neon", "Argon", "Iron"}),
        ({"min_characters": 18}, {"Neon", "Iron"}),
    ],
)  # fmt: skip
def test_selection(given, titles, write_dump, tmp_path):
    dump = write_dump([NEON, ARGON, IRON, *OTHERS])
    collect_dumps([dump], tmp_path / "out", WikipediaSettings(**given))
    assert {row["title"] for row in rows(tmp_path / "out")} == titles


def test_titles_from_a_file(write_dump, tmp_path):
    wanted = tmp_path / "titles.txt"
    wanted.write_text("iron\nUnknown_page\n")
    settings = WikipediaSettings(titles=wanted)
    found = collect_dumps([write_dump([NEON, IRON])], tmp_path / "out", settings)
    assert [row["title"] for row in rows(tmp_path / "out")] == ["Iron"]
    assert found.counts.not_selected == 1


def test_an_article_as_one_document_and_a_long_one_as_several(write_dump, tmp_path):
    long = page_xml(1, "Long", "\n\n".join(f"Paragraph {i} " + "word " * 20 for i in range(10)))
    settings = WikipediaSettings(per="article", max_characters=300)
    collect_dumps([write_dump([long, ARGON])], tmp_path / "out", settings)
    *parts, last = rows(tmp_path / "out")
    assert [row["id"] for row in parts[:2]] == ["enwiki:1:0", "enwiki:1:0.2"]
    assert all(len(row["text"]) <= 300 for row in parts)
    assert sum(row["text"].count("Paragraph") for row in parts) == 10
    assert last["text"] == "Argon is a gas.\n\nUse\nLamps."


def pack(kind, text):
    half = len(text) // 2
    return {
        "xml": text,
        "bz2": bz2.compress(text),
        "gz": gzip.compress(text),
        "multistream": bz2.compress(text[:half]) + bz2.compress(text[half:]),
    }[kind]


@pytest.mark.parametrize("kind", ["xml", "bz2", "gz", "multistream"])
def test_compression_is_found_by_content(kind, tmp_path):
    path = tmp_path / "dump"
    path.write_bytes(pack(kind, dump_xml([NEON, IRON]).encode()))
    collect_dumps([path], tmp_path / "out", PLAIN)
    assert [row["title"] for row in rows(tmp_path / "out")] == ["Neon", "Iron"]


def test_xml_that_is_not_well_formed_names_the_page_and_other_parts_go_on(write_dump, tmp_path):
    broken = write_dump([NEON, ARGON.replace("Lamps", "La<mps"), IRON], "a.xml")
    other = write_dump([page_xml(10, "Zinc", "Zinc is a metal.")], "b.xml")
    found = collect_dumps([broken, other], tmp_path / "out", PLAIN)
    (message,) = found.broken
    assert message.startswith(f"{broken}: broken at page 2 'Argon', after 'Neon'")
    assert "Pages read before it: 1" in message
    assert [row["title"] for row in rows(tmp_path / "out")] == ["Neon", "Zinc"]


@pytest.mark.parametrize("share", [0.6, pytest.param(0.95, marks=pytest.mark.slow)])
def test_truncated_archive_keeps_the_pages_before(share, tmp_path):
    pages = [page_xml(i, f"Page {i}", f"Text {i} " + os.urandom(1000).hex()) for i in range(200)]
    path = tmp_path / "dump.xml.bz2"
    packed = bz2.compress(dump_xml(pages).encode(), compresslevel=1)
    path.write_bytes(packed[: int(len(packed) * share)])
    found = collect_dumps([path], tmp_path / "out", PLAIN)
    assert "truncated or damaged archive" in found.broken[0]
    assert found.counts.articles == found.counts.pages
    # The last block of bz2, of at most 100 kB at this level, is lost as a whole.
    n_characters = sum(len(page) for page in pages)
    n_lost_at_most = (1 - share) * 200 + 110_000 / (n_characters / 200)
    assert found.counts.pages >= 200 - n_lost_at_most


def test_an_unknown_host_needs_a_licence(write_dump, tmp_path):
    dump = write_dump([NEON], base="https://wiki.example.com/wiki/Main_Page")
    with pytest.raises(CorpusError, match=r"licence of texts from wiki\.example\.com is unknown"):
        collect_dumps([dump], tmp_path / "out", PLAIN)
    # Nothing was collected, so the folder can be used at once.
    collect_dumps([dump], tmp_path / "out", WikipediaSettings(licence="CC0 1.0"))
    (row,) = rows(tmp_path / "out")
    assert row["licence"] == "CC0 1.0"
    assert row["url"] == "https://wiki.example.com/wiki/Neon?oldid=1001"


def test_other_files_are_refused(tmp_path):
    for content, message in (
        ("a,b\n1,2\n", "expected"),
        ('{"a": 1}\n', "expected"),
        ("<html><body>1</body></html>", "expected a MediaWiki XML export"),
        ("", "is empty"),
    ):
        path = tmp_path / "other"
        path.write_text(content)
        with pytest.raises(CorpusError, match=message):
            collect_dumps([path], tmp_path / "out", PLAIN)
    with pytest.raises(CorpusError, match="not found"):
        collect_dumps([tmp_path / "nothing"], tmp_path / "out", PLAIN)


def test_changed_settings_and_inputs_are_refused_or_recomputed(write_dump, tmp_path):
    dump, out = write_dump([NEON, ARGON]), tmp_path / "out"
    collect_dumps([dump], out, PLAIN)
    before = contents(out)
    again = collect_dumps([dump], out, PLAIN)
    assert (again.n_resumed, contents(out)) == (1, before)
    with pytest.raises(RunError, match="other settings"):
        collect_dumps([dump], out, WikipediaSettings(per="article"))
    write_dump([NEON, IRON])
    with pytest.raises(RunError, match="from other dumps"):
        collect_dumps([dump], out, PLAIN)
    collect_dumps([dump], out, PLAIN, overwrite=True)
    assert {row["title"] for row in rows(out)} == {"Neon", "Iron"}


def test_a_folder_with_other_files_is_left_alone(write_dump, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    dump = write_dump([NEON])
    with pytest.raises(RunError, match="other files"):
        collect_dumps([dump], tmp_path / "out", PLAIN, overwrite=True)
    with pytest.raises(RunError, match="expected a folder, got a file"):
        collect_dumps([dump], tmp_path / "out" / "notes.txt", PLAIN)
    # Other commands write manifests of their own.
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / MANIFEST).write_text('{"key": "1"}')
    with pytest.raises(RunError, match="other files"):
        collect_dumps([dump], tmp_path / "index", PLAIN, overwrite=True)
    assert (tmp_path / "index" / MANIFEST).exists()


def test_a_page_without_end_breaks_the_dump(write_dump, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "_MOST_BYTES", 1 << 20)
    endless = page_xml(2, "Endless", "a" * (2 << 20))
    dumps = [write_dump([NEON, endless], "a.xml"), tmp_path / "b.jsonl"]
    record = {"id": "3", "url": "https://en.wikipedia.org/wiki?curid=3", "title": "Tin"}
    lines = [json.dumps({**record, "text": text}) for text in ("Tin.", "a" * (2 << 20))]
    dumps[1].write_text("\n".join(lines))
    found = collect_dumps(dumps, tmp_path / "out", PLAIN)
    assert ["a page of more than 1 MB" in message for message in found.broken] == [True, True]
    assert [row["title"] for row in rows(tmp_path / "out")] == ["Neon", "Tin"]


def test_a_page_that_fails_is_counted_and_the_rest_is_kept(write_dump, tmp_path, monkeypatch):
    real = shards.PageConverter.convert

    def convert(self, page, counts):
        if page.title == "Argon":
            raise IndexError(page.title)
        return real(self, page, counts)

    monkeypatch.setattr(shards.PageConverter, "convert", convert)
    found = collect_dumps([write_dump([NEON, ARGON, IRON])], tmp_path / "out", PLAIN)
    assert (found.counts.failed, found.counts.failed_titles) == (1, ["Argon"])
    assert [row["title"] for row in rows(tmp_path / "out")] == ["Neon", "Iron"]


@pytest.fixture
def large_dump(tmp_path):
    """A dump of 600 articles that make 12 shards."""
    text = "{{val|5.1|u=m}} and [[link|text]] {{convert|3|km}}.\n" * 15
    path = tmp_path / "large.xml.bz2"
    with bz2.open(path, "wt", compresslevel=1) as file:
        file.write(dump_xml([page_xml(i, f"Page {i}", f"Page {i}. {text}") for i in range(600)]))
    return path


SMALL_SHARDS = {"pages_per_shard": 50}


@pytest.mark.slow
def test_workers_write_the_same_as_one_process(large_dump, tmp_path):
    settings = WikipediaSettings(**SMALL_SHARDS)
    collect_dumps([large_dump], tmp_path / "one", settings)
    collect_dumps([large_dump], tmp_path / "two", settings, n_workers=2)
    assert len(contents(tmp_path / "one")) == 13
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_interrupted_collection_repeats_no_shard(write_dump, tmp_path, monkeypatch):
    dump = write_dump([page_xml(i, f"Page {i}", f"Text {i}.") for i in range(50)])
    settings = WikipediaSettings(pages_per_shard=10)
    whole, out = tmp_path / "whole", tmp_path / "out"
    collect_dumps([dump], whole, settings)
    written: list[str] = []
    real = workers.write_shard

    def write(path, *arguments):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        return real(path, *arguments)

    monkeypatch.setattr(workers, "write_shard", write)
    with pytest.raises(KeyboardInterrupt):
        collect_dumps([dump], out, settings)
    monkeypatch.undo()
    assert collect_dumps([dump], out, settings).n_resumed == 2
    assert written == ["pages-000000.parquet", "pages-000001.parquet"]
    assert contents(out) == contents(whole)


@pytest.mark.slow
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_killed_collection_resumes_with_identical_bytes(n_workers, large_dump, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = WikipediaSettings(**SMALL_SHARDS)
    collect_dumps([large_dump], whole, settings)
    command = [sys.executable, "-m", "llmexam", "collect", "wikipedia", str(large_dump)]
    command += ["--out", str(killed), "--set", "pages_per_shard=50", "--workers", str(n_workers)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(killed.glob("*.parquet"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert child.returncode == -signal.SIGKILL
    assert not json.loads((killed / MANIFEST).read_text())["is_complete"]
    # Workers end when their pipe closes; they may finish the shards that they had.
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["resumed"] >= 2
    assert contents(killed) == contents(whole)


def test_reading_holds_one_page_at_a_time(tmp_path):
    peaks = []
    for n_pages in (50, 400):
        path = tmp_path / f"{n_pages}.xml"
        path.write_text(dump_xml([page_xml(i, f"P {i}", "text " * 200) for i in range(n_pages)]))
        (dump,) = find_dumps([path])
        tracemalloc.start()
        assert sum(1 for _ in read_pages(dump, None, lambda position: None)) == n_pages
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3


@pytest.mark.slow
def test_memory_does_not_grow_with_the_dump(tmp_path):
    peaks = []
    text = "Some words with {{val|5|u=m}}. " * 20
    for n_pages in (300, 1500):
        path = tmp_path / f"{n_pages}.xml.bz2"
        with bz2.open(path, "wt", compresslevel=1) as file:
            file.write(dump_xml([page_xml(i, f"P {i}", text) for i in range(n_pages)]))
        tracemalloc.start()
        collect_dumps([path], tmp_path / str(n_pages), WikipediaSettings(pages_per_shard=100))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3


REAL = {
    "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2": (206, 5000, 20),
    "dbpedia_minidump_enwiki.xml.bz2": (27, 5000, 0),
    "mathosphere_eval_dataset.xml.bz2": (100, 400, 500),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_dumps_keep_their_numbers(name, shared_data: Path, tmp_path):
    n_pages, most_numbers, most_formulas = REAL[name]
    settings = WikipediaSettings(licence="CC BY-SA 3.0")
    counts = collect_dumps([shared_data / "dumps" / name], tmp_path / "out", settings).counts
    assert (counts.pages, counts.failed) == (n_pages, 0)
    assert counts.per_thousand(counts.lost_numbers) < most_numbers
    assert counts.per_thousand(counts.lost_formulas) <= most_formulas
    assert len(list(read_corpus(tmp_path / "out"))) == counts.documents
