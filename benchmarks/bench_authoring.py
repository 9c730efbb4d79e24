"""Measure the generator `sentences`: questions per second, yield per style, option tells.

    python benchmarks/bench_authoring.py --corpus FILE [--corpus FILE ...]

All times are CPU seconds of one process. `prepare` reads the corpus once and is shown apart, since
it is needed once for any number of questions. Each style is then asked for alone, and all styles
together. The checks of single questions then judge all questions. With --processes, passages are
drafted and checked by several processes, and the time on the clock is shown.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from llmexam.authoring.checks.protocol import run_checks
from llmexam.authoring.checks.settings import build_checks
from llmexam.authoring.drafting import Drafting, write_drafts
from llmexam.authoring.drafts import DraftFolder
from llmexam.authoring.generators.protocol import STYLES, Request
from llmexam.authoring.generators.sentences import SentenceGenerator
from llmexam.authoring.item import AuthoredItem, Source, Style
from llmexam.evidence.corpus import read_corpus
from llmexam.sample import CORPUS_PATH

PER_PASSAGE = 8


def read_sources(paths: list[Path]) -> list[Source]:
    """Return the passages of corpora; passages of one title are one cluster."""
    return [Source(passage, passage.title or passage.id) for passage in read_corpus(paths)]


def measure(
    generator: SentenceGenerator, sources: list[Source], styles: tuple[Style, ...], label: str
) -> list[AuthoredItem]:
    """Print the yield and the speed for a choice of styles, and return the questions."""
    request = Request(per_passage=PER_PASSAGE, styles=styles)
    reasons: Counter[str] = Counter()
    items: list[AuthoredItem] = []
    start = time.process_time()
    for written in generator.write(sources, request):
        items.extend(written.items)
        reasons.update(written.reasons)
    seconds = time.process_time() - start
    longest = sum(is_longest(item) for item in items) / max(len(items), 1)
    per_second = len(items) / seconds
    passages_per_second = len(sources) / seconds
    print(
        f"{label:<12}{len(items):>10}{1000 * len(items) / len(sources):>13.1f}"
        f"{seconds:>9.1f}{per_second:>14.0f}{passages_per_second:>13.0f}{longest:>15.3f}"
    )
    if len(styles) > 1:
        print("\nwhy there are no more:")
        for reason, count in reasons.most_common():
            print(f"{count:>9} {reason}")
    return items


def measure_checks(items: list[AuthoredItem]) -> None:
    """Print the CPU time of the checks of single questions."""
    start = time.process_time()
    checked = run_checks(items, build_checks().of_items)
    seconds = time.process_time() - start
    n_accepted = sum(not one for one in checked.rejections)
    print(f"\nchecks: {n_accepted} of {len(items)} accepted, {seconds:.1f} s of CPU time")


def measure_processes(
    generator: SentenceGenerator, sources: list[Source], n_processes: int
) -> None:
    """Print the time on the clock of drafting and checking by several processes."""
    request = Request(per_passage=PER_PASSAGE, styles=STYLES)
    drafting = Drafting(generator, request, build_checks().of_items, n_processes)
    with TemporaryDirectory() as name:
        folder = DraftFolder(Path(name), "bench")
        start = time.perf_counter()
        write_drafts(sources, drafting, folder)
        seconds = time.perf_counter() - start
        n_drafts = sum(len(shard.drafts) for shard in folder.shards())
    print(
        f"{n_processes} processes: {n_drafts} questions written and checked in {seconds:.1f} s, "
        f"{n_drafts / seconds:.0f} a second"
    )


def is_longest(item: AuthoredItem) -> bool:
    """Return whether the answer is the longest option; the first of equally long ones counts."""
    lengths = [len(option) for option in item.question.options]
    return lengths.index(max(lengths)) == item.question.answer


def main() -> None:
    """Read the corpus, prepare the generator and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, action="append", help="corpus file or folder")
    parser.add_argument("--passages", type=int, default=0, help="most passages to write from")
    parser.add_argument("--processes", type=int, default=0, help="also measure this many processes")
    arguments = parser.parse_args()
    sources = read_sources(arguments.corpus or [CORPUS_PATH])
    generator = SentenceGenerator()
    start = time.process_time()
    generator.prepare(sources)
    print(f"prepare: {len(sources)} passages in {time.process_time() - start:.1f} s of CPU time")
    if arguments.passages:
        step = max(len(sources) // arguments.passages, 1)
        sources = sources[::step][: arguments.passages]
    print(
        f"{'style':<12}{'questions':>10}{'per 1,000':>13}{'CPU s':>9}{'questions/s':>14}"
        f"{'passages/s':>13}{'longest right':>15}"
    )
    for style in STYLES:
        measure(generator, sources, (style,), style)
    measure_checks(measure(generator, sources, STYLES, "all"))
    if arguments.processes:
        measure_processes(generator, sources, arguments.processes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
