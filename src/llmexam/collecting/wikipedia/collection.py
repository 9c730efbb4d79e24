"""A collection from dumps: a folder of shards and a manifest, which resumes where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmexam.collecting.wikipedia.opening import DumpFile, find_dumps
from llmexam.collecting.wikipedia.page import Counts, Page
from llmexam.collecting.wikipedia.reading import BrokenDumpError, count_bytes, read_pages
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.collecting.wikipedia.sharded import FOLDER, convert_on_cluster
from llmexam.collecting.wikipedia.shards import read_counts, shard_path
from llmexam.collecting.wikipedia.workers import InProcess, Task, Workers
from llmexam.errors import CorpusError, RunError
from llmexam.evidence.seen import SeenKeys, hash_texts
from llmexam.stages.code import code_hash
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.folder import delete_shards
from llmexam.storage.atomic import write_json
from llmexam.storage.hashing import hash_file, hash_json
from llmexam.storage.locking import lock_folder

MANIFEST = "manifest.json"
_VERSION = 1
_MOST_NAMES = 100
Progress = Callable[[int, int], None]


@dataclass
class Collection:
    """What a collection holds.

    Attributes:
        folder: Its folder.
        counts: Counts over all dumps.
        broken: One message per file that is damaged.
        n_shards: Number of Parquet files.
        n_resumed: Shards of them that an earlier run had written.
    """

    folder: Path
    counts: Counts = field(default_factory=Counts)
    broken: list[str] = field(default_factory=list)
    n_shards: int = 0
    n_resumed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the collection as plain values."""
        return {
            "folder": str(self.folder),
            "shards": self.n_shards,
            "resumed": self.n_resumed,
            "broken": self.broken,
            "lost_numbers_per_1000_articles": round(
                self.counts.per_thousand(self.counts.lost_numbers), 1
            ),
            "lost_formulas_per_1000_articles": round(
                self.counts.per_thousand(self.counts.lost_formulas), 1
            ),
            "counts": self.counts.as_json(_MOST_NAMES),
        }


def collect_dumps(
    paths: list[Path],
    out: Path,
    settings: WikipediaSettings,
    *,
    n_workers: int = 1,
    overwrite: bool = False,
    progress: Progress = lambda n_done, n_all: None,
    cluster: Cluster | None = None,
) -> Collection:
    """Write the documents of dumps to a folder, and return its counts.

    Args:
        paths: Dumps, or folders of them.
        out: The folder. One that holds a part of the same collection is completed.
        settings: What is kept and how.
        n_workers: Processes that convert pages.
        overwrite: Delete another collection in the folder.
        progress: Called with the bytes read and all bytes.
        cluster: What converts the pages instead; the dumps are read here.

    Raises:
        CorpusError: A dump cannot be read at all, or its licence is unknown.
        RunError: The folder holds another collection or other files.
    """
    dumps = find_dumps(paths)
    titles = _read_titles(settings.titles)
    with lock_folder(out) as folder:
        key = _key(dumps, settings)
        _prepare(folder, key, dumps, settings, overwrite=overwrite)
        result = Collection(folder)
        tasks = _tasks(dumps, settings, titles, folder, result, progress)
        missing = _missing(tasks, key, result)
        if cluster is not None:
            for counts in convert_on_cluster(missing, settings, key, cluster, folder):
                result.counts.add(counts)
            delete_shards(folder / FOLDER)
        else:
            _convert(missing, settings, key, n_workers, result)
        _finish(result, key, dumps, settings)
    return result


def _missing(tasks: Iterable[Task], key: str, result: Collection) -> Iterator[Task]:
    """Yield the shards that are not there, and count the others."""
    for task in tasks:
        result.n_shards += 1
        counts = read_counts(task.path, key)
        if counts is None:
            yield task
        else:
            result.n_resumed += 1
            result.counts.add(counts)


def _convert(
    tasks: Iterable[Task], settings: WikipediaSettings, key: str, n_workers: int, result: Collection
) -> None:
    workers = Workers(n_workers, settings, key) if n_workers > 1 else InProcess(settings, key)
    try:
        for task in tasks:
            for _, done in workers.submit(task):
                result.counts.add(done)
        for _, done in workers.finish():
            result.counts.add(done)
    finally:
        workers.close()


def _tasks(
    dumps: list[DumpFile],
    settings: WikipediaSettings,
    titles: frozenset[str] | None,
    folder: Path,
    result: Collection,
    progress: Progress,
) -> Iterator[Task]:
    """Yield the articles of all dumps, one shard at a time."""
    pages: list[Page] = []
    n_characters = number = 0
    for page in _articles(dumps, settings, titles, result, progress):
        pages.append(page)
        n_characters += len(page.content)
        if len(pages) >= settings.pages_per_shard or n_characters >= settings.shard_characters:
            yield Task(number, shard_path(folder, number), pages)
            pages, n_characters, number = [], 0, number + 1
    if pages:
        yield Task(number, shard_path(folder, number), pages)


def _articles(
    dumps: list[DumpFile],
    settings: WikipediaSettings,
    titles: frozenset[str] | None,
    result: Collection,
    progress: Progress,
) -> Iterator[Page]:
    """Yield the pages that are converted; the others are counted here."""
    counts, n_all, n_before = result.counts, count_bytes(dumps), 0
    with SeenKeys() as seen:
        for dump in dumps:

            def tell(position: int, before: int = n_before) -> None:
                progress(before + position, n_all)

            try:
                for page in read_pages(dump, settings.licence, tell):
                    counts.pages += 1
                    if page.namespace != 0:
                        counts.other_namespaces += 1
                    elif page.is_redirect:
                        counts.redirects += 1
                    elif titles is not None and _normal_title(page.title) not in titles:
                        counts.not_selected += 1
                    elif not seen.add(hash_texts([f"{page.source}:{page.page_id}"]))[0]:
                        counts.duplicates += 1
                    else:
                        yield page
            except BrokenDumpError as error:
                result.broken.append(str(error))
            n_before += dump.path.stat().st_size


def _read_titles(path: Path | None) -> frozenset[str] | None:
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise CorpusError("expected UTF-8 text", file=path) from None
    titles = frozenset(_normal_title(line) for line in lines if line.strip())
    if not titles:
        raise CorpusError("expected one title per line, got none", file=path)
    return titles


def _normal_title(title: str) -> str:
    # The first letter of a title is in either case.
    title = " ".join(title.replace("_", " ").split())
    return title[:1].upper() + title[1:]


def _key(dumps: list[DumpFile], settings: WikipediaSettings) -> str:
    """Return the hash of all that a shard's content depends on."""
    from importlib.metadata import version

    values = settings.model_dump(mode="json", exclude={"titles"})
    return hash_json(
        {
            "version": _VERSION,
            "dumps": [[dump.path.name, dump.kind, hash_file(dump.path)] for dump in dumps],
            "settings": values,
            "titles": hash_file(settings.titles) if settings.titles is not None else None,
            "code": code_hash("llmexam.collecting.wikipedia.collection"),
            "libraries": [[name, version(name)] for name in ("pyarrow", "mwxml", "wikitextparser")],
        }
    )


def _prepare(
    folder: Path,
    key: str,
    dumps: list[DumpFile],
    settings: WikipediaSettings,
    *,
    overwrite: bool,
) -> None:
    """Check that the folder is empty or holds this collection, and write its manifest."""
    manifest = folder / MANIFEST
    names = {path.name for path in folder.iterdir()} - {".lock"}
    found: Any = None
    if manifest.is_file():
        try:
            found = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError:
            found = None
    is_own = isinstance(found, dict) and {"key", "is_complete"} <= found.keys()
    # Nothing is lost with a manifest alone: the first page of a dump may have stopped a collection.
    is_empty = is_own and not found["is_complete"] and not any(folder.glob("pages-*.parquet"))
    if not is_own:
        if any(not name.startswith(".") for name in names):
            raise RunError("the folder holds other files", file=folder, hint="Choose another --out")
    elif found["key"] != key:
        if not overwrite and not is_empty:
            raise RunError(
                "the folder holds a collection from other dumps, or with other settings or another "
                "version of llmexam",
                file=folder,
                hint="Choose another --out, or use --overwrite",
            )
        _delete(folder)
    elif overwrite:
        _delete(folder)
    if not manifest.exists():
        write_json(manifest, {"key": key, "is_complete": False})


def _delete(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    for path in folder.glob("pages-*.parquet"):
        path.unlink()


def _finish(
    result: Collection, key: str, dumps: list[DumpFile], settings: WikipediaSettings
) -> None:
    if not result.counts.documents and not result.broken:
        raise CorpusError(
            "no page became a document",
            file=dumps[0].path,
            hint=f"{result.counts.pages:,} pages were read; check --titles and --category",
        )
    values = result.as_json()
    for name in ("folder", "resumed"):
        # A resumed collection has the same manifest as one that was not interrupted.
        del values[name]
    settings_values = settings.model_dump(mode="json")
    write_json(
        result.folder / MANIFEST,
        {
            "key": key,
            "is_complete": True,
            "dumps": [dump.path.name for dump in dumps],
            "settings": settings_values,
            **values,
        },
    )
