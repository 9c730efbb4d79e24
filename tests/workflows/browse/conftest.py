import pytest

from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.workspace import Workspace
from run_folders import make_runs


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """Return a workspace of real runs; no test changes it."""
    return make_runs(tmp_path_factory.mktemp("browse"))


@pytest.fixture(scope="session")
def browser(work):
    return Browser(Workspace(work))
