from pathlib import Path

import pytest

from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.workspace import Workspace
from run_folders import make_runs

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """Return a workspace of real runs; no test changes it."""
    return make_runs(tmp_path_factory.mktemp("browse"))


@pytest.fixture(scope="session")
def browser(work):
    return Browser(Workspace(work))


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()
