"""Batch files of OpenAI: requests to be answered within a day at half price, and their results.

A line of requests has `custom_id`, `method`, `url` and `body`; a line of results the same
`custom_id` with `response` or `error`. Other servers and vLLM (`run-batch`) read and write them.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmexam.errors import EndpointError
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.served.replies import Reply, read_reply
from llmexam.solvers.served.requests import Request
from llmexam.storage.atomic import atomic_path

# OpenAI's limits per file, with some room.
_MOST_REQUESTS = 50_000
_MOST_BYTES = 190_000_000
_URLS = {"chat": "/v1/chat/completions", "completion": "/v1/completions"}
_LONGEST_REASON = 200


@dataclass
class BatchResults:
    """What result files hold for requests.

    Attributes:
        replies: Replies, by the key of the request.
        failures: Reasons of requests that failed, by the key of the request.
        n_foreign: Results of other requests.
        n_damaged: Lines that could not be read, such as one that was cut.
    """

    replies: dict[str, Reply] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    n_foreign: int = 0
    n_damaged: int = 0

    def __str__(self) -> str:
        """Return the counts as text."""
        parts = [f"{len(self.replies):,} replies read"]
        for n, what in (
            (len(self.failures), f"failed (the first: {next(iter(self.failures.values()), '')})"),
            (self.n_foreign, "results of other requests"),
            (self.n_damaged, "damaged lines"),
        ):
            if n:
                parts.append(f"{n:,} {what}")
        return "; ".join(parts)


def custom_id(request: Request) -> str:
    """Return the id of a request in batch files; the same request always has the same."""
    return f"llmexam-{request.key[:48]}"


def write_batch(
    path: str | Path, requests: Sequence[Request], settings: EndpointSettings
) -> list[Path]:
    """Write requests as a batch file, or several where they exceed the limits of one.

    Args:
        path: The file; further ones get a number, as `requests-2.jsonl`.
        requests: The requests; equal ones are written once.
        settings: The endpoint.

    Returns:
        The files.

    Raises:
        EndpointError: There are further parts of an earlier, larger batch with this name, which
            would be submitted with the new ones.
        OSError: A file cannot be written.
    """
    first = Path(path)
    lines = [
        json.dumps(
            {
                "custom_id": custom_id(one),
                "method": "POST",
                "url": _URLS[settings.endpoint],
                "body": one.body,
            }
        ).encode()
        for one in {one.key: one for one in requests}.values()
    ]
    parts = list(_parts(lines))
    stale = _further_files(first, len(parts))
    if stale:
        raise EndpointError(
            f"{stale[0].name} would belong to the new batch, but is from an earlier one"
            + (f", and {len(stale) - 1} more" if stale[1:] else ""),
            file=first,
            hint=f"Delete {', '.join(one.name for one in stale[:5])}"
            f"{' ...' if stale[5:] else ''}, or choose another name for the new batch",
        )
    files = []
    for number, part in enumerate(parts, 1):
        name = _numbered(first, number)
        with atomic_path(name) as temporary:
            temporary.write_bytes(b"\n".join(part) + b"\n")
        files.append(name)
    return files


def _numbered(first: Path, number: int) -> Path:
    return first if number == 1 else first.with_stem(f"{first.stem}-{number}")


def _further_files(first: Path, n_parts: int) -> list[Path]:
    """Return files that are named as further parts of a batch, in order."""
    numbers = []
    for found in first.parent.glob(f"{glob.escape(first.stem)}-*{glob.escape(first.suffix)}"):
        number = found.stem.removeprefix(f"{first.stem}-")
        if re.fullmatch("[1-9][0-9]{0,5}", number) and int(number) > max(n_parts, 1):
            numbers.append(int(number))
    return [_numbered(first, number) for number in sorted(numbers)]


def _parts(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and (len(part) == _MOST_REQUESTS or size + len(line) + 1 > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield part


def read_batch(paths: Iterable[str | Path], requests: Iterable[Request]) -> BatchResults:
    """Read results, and files of errors, of batches.

    Args:
        paths: The files. Of several results of a request, the first reply counts.
        requests: The requests that are looked for.

    Raises:
        EndpointError: A file cannot be read, or holds no result at all.
    """
    wanted = {custom_id(one): one.key for one in requests}
    results = BatchResults()
    for path in paths:
        n_results = 0
        for record in _records(Path(path)):
            if record is None:
                results.n_damaged += 1
                continue
            n_results += 1
            id_ = record.get("custom_id")
            key = wanted.get(id_) if isinstance(id_, str) else None
            if key is None:
                results.n_foreign += 1
            else:
                _read_result(key, record, results)
        if not n_results:
            raise EndpointError(
                "the file holds no results of a batch",
                file=path,
                hint="Expected the output file of a batch, with a custom_id and a response per "
                "line",
            )
    for key in results.replies:
        results.failures.pop(key, None)
    return results


def _records(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the results of a file, None for a line that is none."""
    try:
        with path.open("rb") as stream:
            for line in stream:
                if line.isspace():
                    continue
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    yield None
                    continue
                is_result = isinstance(record, dict) and "custom_id" in record
                # A file of requests has ids, too.
                yield record if is_result and not {"method", "url"} <= record.keys() else None
    except OSError as error:
        raise EndpointError(
            f"cannot read the results: {error.strerror or error}", file=path
        ) from None


def _read_result(key: str, record: Mapping[str, Any], results: BatchResults) -> None:
    response = record.get("response")
    status = response.get("status_code", 200) if isinstance(response, Mapping) else None
    body = response.get("body") if isinstance(response, Mapping) else None
    reason = ""
    if status == 200 and not record.get("error"):
        try:
            results.replies.setdefault(key, read_reply(body))
            return
        except (ValueError, RecursionError) as error:
            reason = str(error)
    results.failures[key] = reason or _reason(record.get("error") or body, status)


def _reason(said: Any, status: Any) -> str:
    """Return why a request failed, of an error object in a result."""
    for _ in range(4):
        if not isinstance(said, Mapping):
            break
        said = next((said[name] for name in ("error", "message", "code") if said.get(name)), None)
    text = " ".join(said.split()) if isinstance(said, str) else f"status {str(status)[:20]}"
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."
