"""Names of runs lead to nothing outside the workspace."""

import pytest

from llmexam.errors import NotFoundError, RunError
from llmexam.workflows.browse.workspace import Workspace

OUTSIDE = (
    "",
    "..",
    "../secret.txt",
    "inside/../../secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "inside/link",
    "link/secret.txt",
    "C:\\secret",
    "C:secret",
    "inside\\..\\secret.txt",
    "in\0side",
    "x" * 5000,
    "nothing",
)


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    work = tmp_path / "work"
    (work / "inside").mkdir(parents=True)
    (work / "inside" / "file.txt").write_text("text")
    (work / "inside" / "link").symlink_to(tmp_path / "secret.txt")
    (work / "link").symlink_to(tmp_path)
    return Workspace(work)


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused(workspace, name):
    with pytest.raises(NotFoundError, match="expected a run or a file of this folder"):
        workspace.path(name)


def test_names_and_paths_belong_together(workspace):
    path = workspace.path("inside/file.txt")
    assert path.read_text() == "text"
    assert workspace.name(path) == "inside/file.txt"
    assert workspace.path(".") == workspace.folder


def test_a_workspace_is_a_folder(tmp_path):
    with pytest.raises(RunError, match="expected a folder"):
        Workspace(tmp_path / "none")
