"""Measure the way from a dump of Wikipedia to a searchable index, with and without kills.

    python benchmarks/bench_wikipedia_index.py --dumps FOLDER --copies 100 --kills 2

The pages of the dumps in a folder are written many times over to one dump of several bz2 streams,
as Wikipedia's are. Each copy has page ids and titles of its own, and a word of its own after every
fifth "the", because repeated passages are not indexed. Then `llmexam collect wikipedia --index`
runs once to its end, and once more where it is killed (SIGKILL) several times and started again.
Both must give the same files and the same index.
"""

from __future__ import annotations

import argparse
import bz2
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.index.opening import open_index
from llmexam.storage.hashing import hash_file
from process_memory import Memory

# A copy adds to the ids of pages more than any page has.
_STEP = 100_000_000
_PAGE = re.compile(rb"<page>.*?</page>", re.DOTALL)
_TITLE = re.compile(rb"<title>(.*?)</title>")
_ID = re.compile(rb"<id>(\d+)</id>")
_THE = re.compile(rb" the ")


def copy_of(dump: Path, number: int) -> bytes:
    """Return the pages of a dump as a bz2 stream, with ids, titles and words of the copy."""
    letters = bytes(97 + int(digit) for digit in f"{number:03d}")
    pages = []
    for page in _PAGE.findall(bz2.decompress(dump.read_bytes())):
        page = _TITLE.sub(rb"<title>\1 (copy " + letters + rb")</title>", page, count=1)
        page = _ID.sub(lambda m: b"<id>%d</id>" % (int(m[1]) + number * _STEP), page, count=1)
        place = count()
        page = _THE.sub(
            lambda m, place=place: b" the q%s " % letters if next(place) % 5 == 0 else m[0], page
        )
        pages.append(page)
    return bz2.compress(b"\n".join(pages) + b"\n")


def write_dump(dumps: list[Path], n_copies: int, target: Path) -> None:
    head = bz2.decompress(dumps[0].read_bytes()).partition(b"<page>")[0]
    jobs = [(dump, number) for number in range(n_copies) for dump in dumps]
    with target.open("wb") as file, ProcessPoolExecutor() as pool:
        file.write(bz2.compress(head))
        for stream in pool.map(copy_of, *zip(*jobs, strict=True)):
            file.write(stream)
        file.write(bz2.compress(b"</mediawiki>\n"))


def command(dump: Path, folder: Path, parts: int) -> list[str]:
    places = ["--out", str(folder / "pages"), "--index", str(folder / "index")]
    return [
        *(sys.executable, "-m", "llmexam", "collect", "wikipedia", str(dump), *places),
        *("--parts", str(parts), "--json"),
    ]


def run(dump: Path, folder: Path, parts: int, kill_at: list[float]) -> dict[str, Any]:
    """Run the command; kill it after each of these seconds, and start it again."""
    peak, start, cpu = 0.0, time.perf_counter(), cpu_seconds()
    for seconds in [*kill_at, None]:
        with subprocess.Popen(command(dump, folder, parts), stdout=subprocess.PIPE) as process:
            memory = Memory(process.pid)
            try:
                out, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
                shards = len(list((folder / "pages").glob("pages-*.parquet")))
                built = len(list((folder / ".index.parts").glob("part-*")))
                print(f"  killed after {seconds:.0f} s: {shards} shards and {built} parts finished")
            else:
                found = dict(json.loads(out))
        peak = max(peak, memory.stop())
    seconds = time.perf_counter() - start
    return {**found, "seconds": seconds, "cpu_s": cpu_seconds() - cpu, "peak_mb": peak}


def cpu_seconds() -> float:
    """Return the processor time of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def contents(folder: Path) -> dict[str, str]:
    """Return the hashes of all shards, and of the index."""
    hashes = {path.name: hash_file(path) for path in sorted((folder / "pages").glob("*.*"))}
    return {**hashes, "index": read_manifest(folder / "index").content_hash}


def show(name: str, found: dict[str, Any], dump: Path, folder: Path) -> None:
    counts, index = found["counts"], found["index"]
    kept = 1 - counts["lost_numbers"] / counts["numbers"]
    formulas = 1 - counts["lost_formulas"] / counts["formulas"]
    pages = sum(f.stat().st_size for f in (folder / "pages").rglob("*") if f.is_file())
    size = sum(f.stat().st_size for f in (folder / "index").rglob("*") if f.is_file())
    start = time.perf_counter()
    opened = open_index(folder / "index")
    open_s = time.perf_counter() - start
    print(
        f"{name}: {found['seconds']:.1f} s ({index['seconds']:.1f} s of it the index), "
        f"{found['cpu_s']:.1f} s of processor time, peak "
        f"{found['peak_mb']:.0f} MB of all processes\n"
        f"  {counts['pages']:,} pages, {counts['articles']:,} articles, "
        f"{counts['documents']:,} documents, {len(opened):,} passages in "
        f"{index['n_parts']} parts ({index['n_duplicates']:,} duplicates dropped)\n"
        f"  numbers kept: {kept:.4%} of {counts['numbers']:,}; formulas kept: {formulas:.4%} of "
        f"{counts['formulas']:,}\n"
        f"  dump {dump.stat().st_size / 1e6:.0f} MB, pages {pages / 1e6:.0f} MB, index "
        f"{size / 1e6:.0f} MB, opened in {open_s:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dumps", type=Path, required=True, help="folder with .xml.bz2 dumps")
    parser.add_argument("--copies", type=int, default=100)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--parts", type=int, default=4)
    options = parser.parse_args()
    dumps = sorted(path for path in options.dumps.iterdir() if path.suffix == ".bz2")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dump = folder / "joined-pages-articles.xml.bz2"
        start = time.perf_counter()
        write_dump(dumps, options.copies, dump)
        print(
            f"joined {len(dumps)} dumps {options.copies} times: {time.perf_counter() - start:.0f} s"
        )
        whole = run(dump, folder / "whole", options.parts, [])
        show("without kills", whole, dump, folder / "whole")
        if options.kills:
            # At even steps of the time: during the collection, and during the index.
            step = (whole["seconds"] - whole["index"]["seconds"] / 3) / options.kills
            killed = run(dump, folder / "killed", options.parts, [step] * options.kills)
            show(f"killed {options.kills} times", killed, dump, folder / "killed")
            same = contents(folder / "whole") == contents(folder / "killed")
            print(f"the same files and the same index: {same}")


if __name__ == "__main__":
    main()
