"""Collect documents from web APIs into a Parquet file, with counts and licences beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from llmexam.collecting.apis import arxiv, mediawiki, openalex, wiki_query
from llmexam.collecting.apis.client import PoliteClient, Traffic
from llmexam.collecting.apis.clock import Clock
from llmexam.collecting.apis.licences import AcceptedLicences
from llmexam.collecting.apis.settings import (
    ApiSettings,
    ArxivSettings,
    MediaWikiSettings,
    OpenAlexSettings,
)
from llmexam.collecting.apis.tally import Tally
from llmexam.collecting.corpus_files import in_parts, write_columns
from llmexam.collecting.document import Document
from llmexam.errors import CorpusError
from llmexam.storage.atomic import require_writable, write_json
from llmexam.storage.locking import lock_folder

Progress = Callable[[int, int], None]
Given = TypeVar("Given", bound=ApiSettings)
_GIVEN_AS = "--{name} {value}"


@dataclass(frozen=True, slots=True)
class Collection:
    """A finished collection.

    Attributes:
        out: The Parquet file.
        n_documents: Documents in it.
        traffic: Counts of requests.
        tally: What was found, left out and refused.
        settings: The settings.
    """

    out: Path
    n_documents: int
    traffic: Traffic
    tally: Tally
    settings: ApiSettings

    def as_dict(self) -> dict[str, Any]:
        """Return counts, licences and settings, as they are written beside the file."""
        tally = self.tally
        names = sorted({*tally.kept_by_licence, *tally.refused_by_licence})
        return {
            "file": str(self.out),
            "documents": self.n_documents,
            "found": tally.n_found,
            "used": tally.n_used,
            "left_out": dict(tally.left_out),
            "events": dict(tally.events),
            "notes": tally.notes,
            "licences": [
                {
                    "name": name,
                    "documents": tally.kept_by_licence[name],
                    "refused": tally.refused_by_licence[name],
                    "url": tally.terms.get(name, ""),
                }
                for name in names
            ],
            "requests": asdict(self.traffic),
            "settings": self.settings.model_dump(mode="json", exclude={"contact"}),
        }


def collect_mediawiki(
    settings: Mapping[str, Any],
    out: str | Path,
    *,
    cache: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = lambda n_done, n_all: None,
    clock: Clock | None = None,
) -> Collection:
    """Collect the sections of pages of a wiki.

    Responses are cached as they arrive: when a call was stopped, the same call goes on without
    repeating a request.

    Args:
        settings: Settings of `MediaWikiSettings`, at least `contact` and one of `search`,
            `category` and `title`.
        out: A file that ends in `.parquet`, or a folder.
        cache: Folder of cached responses; by default beside the file.
        overwrite: Replace the file if there is one.
        progress: Called with how many pages are done, and the limit.
        clock: The clock; by default that of this machine.

    Raises:
        SettingsError: A setting is wrong.
        CorpusError: The file exists, or no document was collected.
        EndpointError: A request failed; responses that came before are cached.
    """
    parsed = _parse(MediaWikiSettings, settings)
    with (
        _job(parsed, "mediawiki", out, cache, overwrite, progress, clock) as job,
        job.client(wiki_query.explain) as client,
    ):
        return job.write(client, mediawiki.wiki_documents(client, parsed, job.tally))


def collect_arxiv(
    settings: Mapping[str, Any],
    out: str | Path,
    *,
    cache: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = lambda n_done, n_all: None,
    clock: Clock | None = None,
) -> Collection:
    """Collect titles and abstracts of papers of arXiv.

    The arguments and errors are those of `collect_mediawiki`, with settings of `ArxivSettings`.
    """
    parsed = _parse(ArxivSettings, settings)
    with (
        _job(parsed, "arxiv", out, cache, overwrite, progress, clock) as job,
        job.client(arxiv.explain) as client,
    ):
        return job.write(client, arxiv.arxiv_documents(client, parsed, job.tally))


def collect_openalex(
    settings: Mapping[str, Any],
    out: str | Path,
    *,
    cache: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = lambda n_done, n_all: None,
    clock: Clock | None = None,
) -> Collection:
    """Collect titles and abstracts of works of OpenAlex.

    The arguments and errors are those of `collect_mediawiki`, with settings of `OpenAlexSettings`.
    """
    parsed = _parse(OpenAlexSettings, settings)
    with (
        _job(parsed, "openalex", out, cache, overwrite, progress, clock) as job,
        job.client(openalex.explain, openalex.key_headers(parsed)) as client,
    ):
        return job.write(client, openalex.openalex_documents(client, parsed, job.tally))


def report_path(out: str | Path) -> Path:
    """Return the file of counts and licences: `optics.collection.json` beside `optics.parquet`."""
    return Path(out).with_suffix(".collection.json")


def collection_summary(done: Collection) -> str:
    """Return the counts and the table of licences as text."""
    traffic, tally = done.traffic, done.tally
    cached = f"{traffic.cached:,} cached" + (
        f" (oldest of {traffic.oldest[:10]})" if traffic.cached and traffic.oldest else ""
    )
    lines = [
        f"requests   {traffic.requests:,} made, {cached}, {traffic.retried:,} retried, "
        f"{traffic.waited:,.1f} s waited",
        f"found      {tally.n_found:,}, of which {tally.n_used:,} were used",
        *_counted("left out", tally.left_out),
        *_counted("also", tally.events),
        f"documents  {done.n_documents:,}",
        "",
    ]
    rows = [("licence", "documents", "refused", "terms")]
    for one in done.as_dict()["licences"]:
        counts = (f"{one['documents']:,}", f"{one['refused']:,}")
        rows.append((one["name"], *counts, one["url"]))
    width = max(len(row[0]) for row in rows)
    lines += [f"{a:{width}}  {b:>9}  {c:>7}  {d}".rstrip() for a, b, c, d in rows]
    refused = [name for name in tally.refused_by_licence if tally.refused_by_licence[name]]
    if refused:
        options = " ".join(f"--accept-licence '{name}'" for name in refused)
        lines += ["", f"To use refused texts as well, if you may: {options}"]
    return "\n".join([*lines, *(f"note: {note}" for note in tally.notes)])


def _counted(name: str, counts: Mapping[str, int]) -> list[str]:
    told = ", ".join(f"{n:,} {what}" for what, n in counts.items() if n)
    return [f"{name:9}  {told}"] if told else []


@dataclass(frozen=True, slots=True)
class _Job:
    """One collection: its files and its counts."""

    settings: ApiSettings
    out: Path
    cache: Path
    tally: Tally
    progress: Progress
    clock: Clock | None

    def client(
        self, explain: Callable[[bytes], str], headers: Mapping[str, str] | None = None
    ) -> PoliteClient:
        return PoliteClient(
            self.settings, self.cache, clock=self.clock, headers=headers, explain=explain
        )

    def write(self, client: PoliteClient, documents: Iterator[Document]) -> Collection:
        parts = in_parts(self._shown(documents))
        first = next(parts, None)
        if first is None:
            raise CorpusError(
                f"no document was collected, so no file was written ({self._why_none()})",
                file=self.out,
            )
        n = write_columns(self.out, chain([first], parts))
        done = Collection(self.out, n, client.traffic, self.tally, self.settings)
        write_json(report_path(self.out), done.as_dict())
        return done

    def _shown(self, documents: Iterator[Document]) -> Iterator[Document]:
        for document in documents:
            self.progress(self.tally.n_used, self.settings.limit)
            yield document

    def _why_none(self) -> str:
        tally = self.tally
        counts = [f"{n} {reason}" for reason, n in tally.left_out.items() if n]
        counts += [
            f"{n} refused by licence '{name}'" for name, n in tally.refused_by_licence.items()
        ]
        return "; ".join([f"{tally.n_found} found", *counts, *tally.notes])


@contextmanager
def _job(
    settings: ApiSettings,
    name: str,
    out: str | Path,
    cache: str | Path | None,
    overwrite: bool,
    progress: Progress,
    clock: Clock | None,
) -> Iterator[_Job]:
    path = Path(out)
    if path.suffix != ".parquet":
        if path.is_file() or path.suffix:
            raise CorpusError("expected a folder or a name that ends in .parquet", file=path)
        path /= f"{name}.parquet"
    if path.exists() and not overwrite:
        raise CorpusError(
            "the file exists already",
            file=path,
            hint="Choose another --out, or replace it with --overwrite",
        )
    require_writable(path)
    folder = Path(cache) if cache is not None else path.with_suffix(".responses")
    with lock_folder(folder):
        tally = Tally(AcceptedLicences(settings.accept_licences))
        yield _Job(settings, path, folder, tally, progress, clock)


def _parse(kind: type[Given], values: Mapping[str, Any]) -> Given:
    return kind.parse(values, subject="the collection", given_as=_GIVEN_AS)
