"""A cluster of two processes, and what it tells."""

import pytest

from llmexam.stages.sharding.cluster import Cluster


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def cluster(told):
    with Cluster("processes", told.append, workers=2) as made:
        yield made
