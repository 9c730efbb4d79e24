"""Cleaning of whole corpora: results, formats, resuming, and folders that are not ours."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cleaning_samples import KillingStep, made_texts, write_corpus
from llmexam.collecting.cleaning import passes as passes_module
from llmexam.collecting.cleaning import source as source_module
from llmexam.collecting.cleaning.plan import CleaningPlan, parse_plan
from llmexam.errors import CorpusError, RunError, SettingsError
from llmexam.evidence.corpus import CorpusSettings, read_corpus
from llmexam.stages.sharding.cluster import Cluster
from llmexam.workflows import clean as clean_module
from llmexam.workflows.clean import CleaningReport, clean_corpus, dropped_path

STEPS = ["sections", {"boilerplate": {"repeated_in": 10}}, "length", "duplicates"]


def plan(**changes: object) -> CleaningPlan:
    return parse_plan({"steps": STEPS, "documents_per_file": 20, **changes})


def content(folder: Path) -> dict[str, bytes]:
    """Return all files of a result, and the dropped documents."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}
    if dropped_path(folder).exists():
        found["dropped"] = dropped_path(folder).read_bytes()
    return found


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus.jsonl", made_texts(100))


def clean(corpus: Path, out: Path, **options: object) -> CleaningReport:
    return clean_corpus([corpus], plan(), out=out, n_workers=1, keep_dropped=True, **options)  # type: ignore[arg-type]


def test_counts_and_nothing_is_lost(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = clean(corpus, out)
    assert [name for name, _ in report.steps] == ["sections", "boilerplate", "length", "duplicates"]
    assert (report.n_documents, report.steps[0][1].n_in) == (100, 100)
    for (_, before), (_, after) in zip(report.steps, report.steps[1:], strict=False):
        assert (before.n_out, before.characters_out) == (after.n_in, after.characters_in)
    boilerplate, duplicates = report.steps[1][1], report.steps[3][1]
    assert boilerplate.changes == {"repeated lines": 100}
    assert set(duplicates.dropped) == {"near duplicate"}
    assert duplicates.n_in - duplicates.n_out == duplicates.dropped.total() >= 8
    kept = {one.id: one for one in read_corpus(out)}
    assert len(kept) == report.n_kept
    assert not any("footer" in one.text for one in kept.values())
    dropped = pq.read_table(dropped_path(out)).to_pylist()
    assert {one["id"] for one in dropped} | kept.keys() == {f"p:{i}" for i in range(100)}
    assert {one["step"] for one in dropped} == {"4 duplicates"}
    # The reason names the document that is kept instead, and how similar it is.
    assert all(one["detail"].split()[0] in kept for one in dropped)
    assert json.loads((out / "report.json").read_text("utf-8"))["kept"] == report.n_kept


def test_attribution_and_chosen_columns_are_kept(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    clean_corpus([corpus], plan(columns=["book"]), out=out, n_workers=1)
    table = pq.read_table(out / "part-00000.parquet")
    assert table.column_names == ["id", "title", "text", "licence", "book"]
    assert table.slice(0, 1).to_pylist()[0]["licence"] == "CC BY 4.0"
    clean_corpus([corpus], plan(), out=tmp_path / "other", n_workers=1)
    names = pq.read_schema(tmp_path / "other" / "part-00000.parquet").names
    assert names == ["id", "title", "text", "licence"]
    with pytest.raises(
        CorpusError, match=r"'boook': no document has this column. Did you mean 'book'"
    ):
        clean_corpus([corpus], plan(columns=["boook"]), n_workers=1)


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl.gz", "txt", "md"])
def test_every_format_of_a_corpus(corpus: Path, tmp_path: Path, kind: str) -> None:
    import csv
    import gzip

    import pyarrow as pa

    rows = [json.loads(line) for line in corpus.read_text("utf-8").splitlines()][:30]
    for i, row in enumerate(rows):
        row["section"] = "References" if i == 0 else ""
    path = tmp_path / f"other.{kind}"
    match kind:
        case "csv" | "tsv":
            with path.open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(
                    stream, rows[0].keys(), delimiter="\t" if kind == "tsv" else ","
                )
                writer.writeheader()
                writer.writerows(rows)
        case "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case "jsonl.gz":
            lines = "\n".join(json.dumps(row) for row in rows)
            path.write_bytes(gzip.compress(lines.encode()))
        case "txt":
            path.write_text("\n\n".join(row["text"] for row in rows), encoding="utf-8")
        case _:
            path.write_text("\n".join(f"# A\n{row['text']}" for row in rows), encoding="utf-8")
    out = tmp_path / "out"
    report = clean_corpus([path], plan(), out=out, n_workers=1)
    has_columns = kind not in ("txt", "md")
    assert report.steps[0][1].n_in == 30
    assert report.steps[0][1].dropped == ({"section References": 1} if has_columns else {})
    assert ("licence" in pq.read_schema(out / "part-00000.parquet").names) is has_columns
    assert sum(1 for _ in read_corpus(out)) == report.n_kept


@pytest.mark.slow
def test_the_same_result_with_processes(corpus: Path, tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    clean(corpus, alone)
    clean_corpus([corpus], plan(), out=together, n_workers=2, keep_dropped=True)
    assert content(alone) == content(together)


def test_a_failed_run_resumes_without_repeating_work(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    clean(corpus, whole)
    original = passes_module.clean_part
    calls: list[tuple[int, int]] = []
    stops: list[int] = []

    def count(one: passes_module.Pass, part: int, source: object) -> None:
        if len(calls) in stops:
            raise MemoryError
        calls.append((one.index, part))
        original(one, part, source)  # type: ignore[arg-type]

    monkeypatch.setattr(passes_module, "clean_part", count)
    # Three passes of five parts: stop in the first, the second and the third.
    for stop in (2, 7, 14):
        stops[:] = [stop]
        with pytest.raises(MemoryError):
            clean(corpus, out)
        with pytest.raises(CorpusError, match="no file in a known format"):
            list(read_corpus(out))
    stops.clear()
    clean(corpus, out)
    assert sorted(calls) == [(index, part) for index in range(3) for part in range(5)]
    assert content(out) == content(whole)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl", made_texts(2000))
    steps = tmp_path / "clean.yaml"
    steps.write_text(json.dumps({"steps": STEPS, "documents_per_file": 20}), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "llmexam", "collect", "clean", str(corpus)),
        *("--steps", str(steps), "--keep-dropped", "--workers", "2", "--out"),
    ]
    whole, out = tmp_path / "whole", tmp_path / "out"
    subprocess.run([*command, str(whole)], check=True, capture_output=True)
    for n_parts in (5, 120, 230):
        process = subprocess.Popen([*command, str(out)], stderr=subprocess.DEVNULL)
        while len(list(out.glob(".work/*/pass-*/0*.json"))) < n_parts and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (out / "report.json").exists()
    subprocess.run([*command, str(out)], check=True, capture_output=True)
    assert content(out) == content(whole)


def test_a_finished_result_is_not_computed_again(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = clean(corpus, out)
    monkeypatch.setattr(passes_module, "clean_part", None)
    assert clean(corpus, out) == first
    monkeypatch.undo()
    with pytest.raises(RunError, match=r"other settings.*--overwrite"):
        clean_corpus([corpus], plan(documents_per_file=30), out=out, n_workers=1)
    assert clean(corpus, out) == first
    clean_corpus([corpus], plan(documents_per_file=90), out=out, n_workers=1, overwrite=True)
    assert len(list(out.glob("part-*.parquet"))) == 2


def test_a_folder_with_other_files_is_left_alone(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match=r"contains 'notes\.txt'"):
        clean(corpus, out, overwrite=True)
    with pytest.raises(RunError, match="inside the corpus"):
        clean_corpus([tmp_path], plan(), out=tmp_path / "new", n_workers=1)


def test_files_of_another_program_are_not_deleted(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    mine = out / "part-00000.parquet"
    for name, content in (("part-00000.parquet", b"mine"), ("report.json", b"{}")):
        (out / name).write_bytes(content)
        with pytest.raises(RunError, match=r"contains 'part-00000\.parquet', which is no part"):
            clean(corpus, out, overwrite=True)
    assert mine.read_bytes() == b"mine"


def test_a_result_is_not_its_own_input(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    clean(corpus, out)
    before = content(out)
    with pytest.raises(RunError, match=r"contains 'part-00000\.parquet' of the corpus"):
        clean_corpus([out / "part-00000.parquet"], plan(), out=out, n_workers=1, overwrite=True)
    assert content(out) == before


def test_content_and_code_decide_whether_a_result_is_reused(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = clean(corpus, out)
    stat, text = corpus.stat(), corpus.read_bytes()
    # Of the same size and date, as some programs leave it.
    corpus.write_bytes(text.replace(b"footer", b"header"))
    os.utime(corpus, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(RunError, match="another corpus"):
        clean(corpus, out)
    corpus.write_bytes(text)
    assert clean(corpus, out) == first
    monkeypatch.setattr(clean_module, "code_hash", lambda *modules: "another version")
    with pytest.raises(RunError, match="another version of llmexam"):
        clean(corpus, out)


def test_a_killed_worker_is_an_error_of_one_line(corpus: Path, tmp_path: Path) -> None:
    deadly = dataclasses.replace(plan(), steps=(KillingStep(),), names=("killing",))
    with pytest.raises(RunError, match=r"a worker process was killed.*fewer --workers"):
        clean_corpus([corpus], deadly, out=tmp_path / "out", n_workers=2)


def test_waiting_parts_are_bounded_by_the_processes(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[Future[None]] = []
    most = 0

    @contextmanager
    def pool(n_workers: int) -> Iterator[object]:
        def submit(function: Callable[..., None], *arguments: object) -> Future[None]:
            nonlocal most
            submitted.append(Future())
            most = max(most, sum(not one.done() for one in submitted))
            threading.Timer(0.01, finish, (submitted[-1], function, *arguments)).start()
            return submitted[-1]

        def finish(future: Future[None], function: Callable[..., None], *rest: object) -> None:
            function(*rest)
            future.set_result(None)

        yield submit

    monkeypatch.setattr(passes_module, "_pool", pool)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    short = plan(steps=["length"], documents_per_file=10)
    clean_corpus([corpus], short, out=tmp_path / "out", n_workers=1)
    assert most == 2


def test_files_of_a_folder_are_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(8):
        write_corpus(folder / f"{number}.jsonl", made_texts(5))
    listed: list[CorpusSettings] = []
    real = source_module.corpus_files

    def count(settings: CorpusSettings) -> list[tuple[Path, str]]:
        listed.append(settings)
        return real(settings)

    monkeypatch.setattr(source_module, "corpus_files", count)
    clean_corpus([folder], plan(), out=tmp_path / "out", n_workers=1)
    assert len(listed) == 1


def test_a_sample_is_drawn_by_seed(corpus: Path) -> None:
    def sample(seed: int) -> CleaningReport:
        settings = CorpusSettings(path=corpus)
        return clean_corpus([settings], plan(), sample=30, seed=seed, n_workers=1)

    one = sample(0)
    assert (one.n_documents, one.n_sampled) == (100, 30)
    assert one == sample(0)
    assert one != sample(1)


def test_a_corpus_of_which_nothing_is_left(corpus: Path, tmp_path: Path) -> None:
    strict = parse_plan({"steps": [{"length": {"min_words": 1000}}], "documents_per_file": 40})
    report = clean_corpus([corpus], strict, out=tmp_path / "out", n_workers=1)
    assert (report.n_kept, report.steps[0][1].dropped) == (0, {"too few words": 100})
    assert pq.read_table(tmp_path / "out" / "part-00000.parquet").num_rows == 0


def test_a_cluster_gives_the_same_files_and_resumes(corpus: Path, tmp_path: Path) -> None:
    told: list[str] = []
    alone = clean(corpus, tmp_path / "alone")

    def stop(name: str, n_done: int, n_all: int | None) -> None:
        if name.startswith("boilerplate") and n_done == 2:
            raise KeyboardInterrupt

    with Cluster("processes", told.append, workers=2) as cluster:
        with pytest.raises(KeyboardInterrupt):
            clean(corpus, tmp_path / "shared", cluster=cluster, progress=stop)
        shared = clean(corpus, tmp_path / "shared", cluster=cluster)
        assert content(tmp_path / "shared") == content(tmp_path / "alone")
        assert shared.as_dict() == alone.as_dict()
        with pytest.raises(SettingsError, match="--out"):
            clean_corpus([corpus], plan(), cluster=cluster)
    # Parts that were finished before the interruption are not handed out again.
    (last,) = [one for one in told if one.startswith("cleaning, pass 2: ")]
    assert int(last.split(": ")[1].split(" ")[0]) < 5
