"""A job with a log of its calls, run by processes of this machine."""

import pytest

from llmexam.stages.sharding.cluster import Cluster, ClusterSettings
from llmexam.stages.sharding.job import Job, shards_of


class Upper:
    """The job `shard_work:open_upper`, one letter a shard."""

    def __init__(self, folder, address="processes", attempts=3):
        self.folder = folder
        self.log = folder / "log.txt"
        self.told = []
        self.cluster = Cluster(
            ClusterSettings(address=address, workers=2, attempts=attempts), self.told.append
        )

    def job(self, **settings):
        return Job(
            "upper",
            "shard_work:open_upper",
            {"log": str(self.log), **settings},
            self.folder / "shards",
            unit="letters",
        )

    def shards(self, letters):
        rows = [one.encode() for one in letters]
        return shards_of(rows, 1, b"".join, self.folder / "shards", ".txt")

    def map(self, letters, advance=lambda n: None, **settings):
        return self.cluster.map(self.job(**settings), self.shards(letters), advance)

    def calls(self):
        return self.log.read_text().split() if self.log.exists() else []


@pytest.fixture
def upper(tmp_path):
    made = Upper(tmp_path)
    yield made
    made.cluster.close()
