"""Which model an index may have loaded: none that has to be fetched."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmexam.cli.app import app
from llmexam.errors import EvidenceIndexError
from llmexam.evidence.index import opening
from llmexam.evidence.index.dense import DenseIndex
from llmexam.evidence.index.opening import open_index
from llmexam.exam.question import Passage
from llmexam.lm.models import loading

np = pytest.importorskip("numpy")
pytest.importorskip("faiss")


class Constant:
    """An encoder that a name stands for."""

    weights_hash = "0" * 64
    dim = 8

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, texts, *, kind=""):
        return np.full((len(texts), self.dim), self.dim**-0.5, dtype=np.float32)


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that builds an index by a model's name; models are fakes here."""
    asked: list[str] = []

    def load(name: str, **options: object) -> Constant:
        asked.append(name)
        return Constant(name)

    monkeypatch.setattr(opening, "load_embedder", load)
    monkeypatch.setattr(loading, "_from_hub", lambda name: pytest.fail("asked the hub"))

    def make(model: str) -> Path:
        folder = tmp_path / "index"
        DenseIndex.build(folder, [Passage("Gold.", "", "gold")], Constant(model))
        return folder

    make.asked = asked  # type: ignore[attr-defined]
    return make


def test_an_index_cannot_have_a_model_fetched_from_the_hub(build):
    folder = build("someone/model")
    with pytest.raises(EvidenceIndexError, match=r"manifest\.json field 'encoder\.model': .*some"):
        open_index(folder)
    assert build.asked == []


def test_the_user_names_such_a_model(build):
    open_index(build("someone/model"), model="someone/model")
    assert build.asked == ["someone/model"]


@pytest.mark.parametrize("where", ["bundled", "here"])
def test_a_model_on_this_machine_is_loaded(build, tmp_path, where):
    name = "bundled" if where == "bundled" else str(tmp_path)
    # A plan's own model does not take its place.
    open_index(build(name), model="someone/other")
    assert build.asked == [name]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["search", "{index}", "gold"], "--model"),
        (["solve", "bundled", "--index", "{index}", "--solver", "lexical"], "--index-model"),
    ],
)
def test_commands_take_the_name_of_the_model(build, command, option):
    folder = build("someone/model")
    words = [word.replace("{index}", str(folder)) for word in command]
    assert isinstance(CliRunner().invoke(app, words).exception, EvidenceIndexError)
    assert CliRunner().invoke(app, [*words, option, "someone/model"]).exit_code == 0
    assert set(build.asked) == {"someone/model"}


def test_adding_and_deleting_take_it_too(build, tmp_path):
    folder = build("someone/model")
    (tmp_path / "more.jsonl").write_text('{"text": "Iron.", "id": "iron"}\n', "utf-8")
    (tmp_path / "ids").write_text("gold\n", "utf-8")
    for words in (["--add", str(tmp_path / "more.jsonl")], ["--delete-ids", str(tmp_path / "ids")]):
        asked = ["index", "--out", str(folder), *words]
        assert isinstance(CliRunner().invoke(app, asked).exception, EvidenceIndexError)
        done = CliRunner().invoke(app, [*asked, "--model", "someone/model"])
        assert done.exit_code == 0, done.output
