"""`llmexam collect`: texts from dumps and web APIs as a corpus."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.errors import MissingDependencyError
from llmexam.stages.sharding.cluster import Cluster

if TYPE_CHECKING:
    from llmexam.collecting.wikipedia.collection import Collection

_NEEDED = {
    "mwxml": "mwxml",
    "wikitextparser": "wikitextparser",
    "bs4": "beautifulsoup4",
    "lxml": "lxml",
}


def collect_wikipedia(
    dumps: list[Path],
    out: Path,
    settings: WikipediaSettings,
    *,
    n_workers: int = 1,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda n_done, n_all: None,
    cluster: Cluster | None = None,
) -> Collection:
    """Write the articles of dumps to a corpus folder, and return its counts.

    Args:
        dumps: MediaWiki XML exports, Enterprise HTML dumps or JSON of WikiExtractor; or folders.
        out: The folder of the corpus; an interrupted collection is completed.
        settings: What is kept and how.
        n_workers: Processes that convert pages.
        overwrite: Delete another collection in the folder.
        progress: Called with the bytes read and all bytes.
        cluster: What converts the pages instead of these processes.

    Raises:
        MissingDependencyError: The extra `wiki` is not installed.
        CorpusError: A dump cannot be read at all, or its licence is unknown.
        RunError: The folder holds another collection or other files.
    """
    for module, package in _NEEDED.items():
        if find_spec(module) is None:
            raise MissingDependencyError("collecting from dumps", package, "wiki")
    from llmexam.collecting.wikipedia.collection import collect_dumps

    return collect_dumps(
        dumps,
        out,
        settings,
        n_workers=n_workers,
        overwrite=overwrite,
        progress=progress,
        cluster=cluster,
    )
