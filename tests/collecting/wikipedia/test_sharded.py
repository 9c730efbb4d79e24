"""Collections that workers of a cluster convert."""

import pytest

from dump_text import page_xml
from llmexam.collecting.wikipedia.collection import MANIFEST, collect_dumps
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.stages.sharding.cluster import Cluster

PAGES = [
    page_xml(number, f"Metal {number}", f"'''Metal {number}''' melts at {{{{val|{number}|u=K}}}}.")
    for number in range(1, 24)
]
SETTINGS = WikipediaSettings(pages_per_shard=5)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_the_collection_is_the_same_and_resumes(write_dump, tmp_path):
    dump = write_dump(PAGES)
    alone = collect_dumps([dump], tmp_path / "alone", SETTINGS)
    with Cluster("processes", workers=2) as cluster:
        shared = collect_dumps([dump], tmp_path / "shared", SETTINGS, cluster=cluster)
        assert contents(tmp_path / "shared") == contents(tmp_path / "alone")
        assert shared.counts == alone.counts
        (tmp_path / "shared" / "pages-000002.parquet").unlink()
        (tmp_path / "shared" / MANIFEST).write_bytes(
            (tmp_path / "shared" / MANIFEST)
            .read_bytes()
            .replace(b'complete": true', b'complete": false')
        )
        again = collect_dumps([dump], tmp_path / "shared", SETTINGS, cluster=cluster)
    assert (again.n_shards, again.n_resumed) == (5, 4)
    assert contents(tmp_path / "shared") == contents(tmp_path / "alone")


def test_an_interrupted_collection_goes_on(write_dump, tmp_path):
    dump = write_dump(PAGES)
    collect_dumps([dump], tmp_path / "alone", SETTINGS)
    n_calls = 0

    def stop(n_done, n_all):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 16:
            raise KeyboardInterrupt

    with Cluster("processes", workers=1) as cluster:
        with pytest.raises(KeyboardInterrupt):
            collect_dumps([dump], tmp_path / "out", SETTINGS, progress=stop, cluster=cluster)
        collect_dumps([dump], tmp_path / "out", SETTINGS, cluster=cluster)
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")
