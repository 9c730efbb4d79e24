"""Compare the speed and the losses of dump parsing with plain use of the libraries.

    python benchmarks/bench_dump_parsing.py DUMP [DUMP ...]

Speed: the articles of all dumps, repeated to `--megabytes` of XML in two files, go through
`collect_dumps` with two workers and through mwxml and wikitextparser (`plain_text()`) on two
processes, one file each. Both write the text. Losses: numbers and formulas of the wikitext
(`count_source`) that are not in the text, per 1,000 articles, for llmexam and for WikiExtractor,
mwparserfromhell (`strip_code()`) and wikitextparser (`plain_text()`). All get the same wikitext,
without the sections that llmexam leaves out. A parser that is not installed is skipped.
"""

from __future__ import annotations

import argparse
import bz2
import importlib.util
import multiprocessing
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import mwxml
import wikitextparser

from llmexam.collecting.wikipedia.collection import collect_dumps
from llmexam.collecting.wikipedia.documents import PageConverter
from llmexam.collecting.wikipedia.numbers import lost_formulas, lost_numbers
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.collecting.wikipedia.source import count_source
from llmexam.collecting.wikipedia.templates import Dropped
from llmexam.collecting.wikipedia.wikitext import wikitext_to_sections

SETTINGS = WikipediaSettings(licence="CC BY-SA 4.0")
SITE = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/"><siteinfo><dbname>enwiki</dbname>'
    "<base>https://en.wikipedia.org/wiki/Main_Page</base><namespaces>"
    '<namespace key="0" /></namespaces></siteinfo>\n'
)
Article = tuple[str, str]


def articles(dump: Path) -> list[Article]:
    """Return title and wikitext of the articles of a dump, without redirects."""
    with bz2.open(dump) as file:
        return [
            (page.title, revision.text)
            for page in mwxml.Dump.from_file(file)
            if page.namespace == 0 and not page.redirect
            for revision in page
            if revision.text
        ]


def write_dumps(found: list[Article], megabytes: float, folder: Path) -> list[Path]:
    """Write the articles, repeated, as two XML files, and return their paths."""
    paths = [folder / "part1.xml", folder / "part2.xml"]
    number = 0
    for path in paths:
        with path.open("w", encoding="utf-8") as file:
            file.write(SITE)
            while file.tell() < megabytes * 500_000:
                for title, text in found:
                    number += 1
                    file.write(
                        f"<page><title>{escape(title)} {number}</title><ns>0</ns><id>{number}</id>"
                        f"<revision><id>{number}</id><timestamp>2024-01-01T00:00:00Z</timestamp>"
                        f"<text>{escape(text)}</text></revision></page>\n"
                    )
            file.write("</mediawiki>\n")
    return paths


def parse_plainly(path: Path) -> None:
    """Write the text of a dump's articles with mwxml and wikitextparser."""
    with path.open("rb") as file, path.with_suffix(".txt").open("w", encoding="utf-8") as out:
        for page in mwxml.Dump.from_file(file):
            for revision in page:
                out.write(f"{page.title}\n{wikitextparser.parse(revision.text).plain_text()}\n")


def compare_speed(found: list[Article], megabytes: float, rounds: int) -> None:
    """Print the time of both, the best of several rounds."""
    times: dict[str, list[float]] = {"llmexam": [], "mwxml + wikitextparser": []}
    with tempfile.TemporaryDirectory() as name:
        paths = write_dumps(found, megabytes, Path(name))
        size = sum(path.stat().st_size for path in paths) / 1e6
        for turn in range(rounds):
            start = time.perf_counter()
            collect_dumps(paths, Path(name) / f"out{turn}", SETTINGS, n_workers=2)
            times["llmexam"].append(time.perf_counter() - start)
            start = time.perf_counter()
            context = multiprocessing.get_context("spawn")
            processes = [context.Process(target=parse_plainly, args=(path,)) for path in paths]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
            times["mwxml + wikitextparser"].append(time.perf_counter() - start)
    print(f"{size:.0f} MB of XML, 2 processes, best of {rounds}")
    for label, taken in times.items():
        print(f"{label:24} {min(taken):7.1f} s  {size / min(taken):6.2f} MB/s")
    ratio = min(times["mwxml + wikitextparser"]) / min(times["llmexam"])
    print(f"llmexam is {ratio:.2f} times as fast")


def parse_ours(title: str, wikitext: str) -> str:
    """Return the text of llmexam."""
    sections = wikitext_to_sections(wikitext, title, SETTINGS, Dropped())
    return "\n".join(f"{section.path}\n{section.text}" for section in sections)


def parse_wikitextparser(title: str, wikitext: str) -> str:
    """Return the text of wikitextparser."""
    return str(wikitextparser.parse(wikitext).plain_text())


def parse_mwparserfromhell(title: str, wikitext: str) -> str:
    """Return the text of mwparserfromhell."""
    import mwparserfromhell

    return str(mwparserfromhell.parse(wikitext).strip_code())


def wikiextractor() -> Callable[[str, str], str]:
    """Return WikiExtractor as a function, without its processes, which can hang.

    Its module has flags inside a regular expression, an error since Python 3.11: the flags are
    moved to the front while it is imported.
    """
    real = re.compile

    def compile_(pattern: str, flags: int = 0) -> re.Pattern[str]:
        if isinstance(pattern, str) and "(?i)" in pattern[1:]:
            pattern, flags = pattern.replace("(?i)", ""), flags | re.IGNORECASE
        return real(pattern, flags)

    re.compile = compile_  # type: ignore[assignment]
    try:
        from wikiextractor import extract
    finally:
        re.compile = real
    extract.Extractor.keepLinks = False

    def parse(title: str, wikitext: str) -> str:
        extractor = extract.Extractor("1", "1", "https://en.wikipedia.org/wiki", title, [wikitext])
        return "\n".join(extractor.clean_text(wikitext, expand_templates=False))

    return parse


def parsers() -> Iterator[tuple[str, Callable[[str, str], str]]]:
    """Yield the parsers that are installed."""
    yield "llmexam", parse_ours
    if importlib.util.find_spec("wikiextractor"):
        yield "WikiExtractor", wikiextractor()
    if importlib.util.find_spec("mwparserfromhell"):
        yield "mwparserfromhell", parse_mwparserfromhell
    yield "wikitextparser", parse_wikitextparser


def compare_losses(dump: Path, found: list[Article]) -> None:
    """Print what each parser loses."""
    converter = PageConverter(SETTINGS)
    shown = [(title, converter.without_left_out(text)[0]) for title, text in found]
    sources = [count_source(text) for _, text in shown]
    n_numbers = sum(one.numbers.total() for one in sources)
    n_formulas = sum(one.formulas.total() for one in sources)
    print(f"\n{dump.name}: {len(found)} articles, {n_numbers:,} numbers, {n_formulas:,} formulas")
    print(f"{'lost per 1,000 articles':24} {'numbers':>18} {'formulas':>18} {'failed':>7}")
    for name, parse in parsers():
        numbers = formulas = failed = 0
        for (title, text), source in zip(shown, sources, strict=True):
            try:
                plain = parse(title, text)
            except Exception:
                # Whatever a parser raises, its page is lost.
                plain, failed = "", failed + 1
            numbers += lost_numbers(source.numbers, plain).total()
            formulas += lost_formulas(source.formulas, plain)
        columns = [
            f"{lost * 1000 / len(found):9,.0f} ({lost / max(n_all, 1):6.2%})"
            for lost, n_all in ((numbers, n_numbers), (formulas, n_formulas))
        ]
        print(f"{name:24} {columns[0]:>18} {columns[1]:>18} {failed:7}")


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dumps", nargs="+", type=Path)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    found = {dump: articles(dump) for dump in args.dumps}
    for dump, some in found.items():
        compare_losses(dump, some)
    print()
    compare_speed([one for some in found.values() for one in some], args.megabytes, args.rounds)


if __name__ == "__main__":
    main()
