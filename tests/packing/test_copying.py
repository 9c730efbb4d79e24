"""What a plan names is copied, and the plan has paths inside the pack afterwards."""

import sqlite3
from pathlib import Path

import pytest
import yaml

from llmexam.errors import ModelError, SettingsError
from llmexam.evidence.index.opening import open_index
from llmexam.packing.copying import Copier, require_files
from llmexam.packing.own_wheel import write_own_wheel
from llmexam.packing.parts import list_files
from llmexam.retrieval.build import build_index
from llmexam.sample import exam_path
from llmexam.storage.answer_store import AnswerStore
from llmexam.workflows.run.plan import parse_plan, read_plan


def write_plan(tmp_path: Path, **more) -> Path:
    home = tmp_path / "here"
    home.mkdir(exist_ok=True)
    (home / "exam.csv").write_bytes(exam_path("bundled").read_bytes())
    build_index("bundled", home / "index")
    values = {
        "exam": "exam.csv",
        "evidence": {"index": ["index"]},
        "solvers": ["lexical"],
        "audit_against": ["exam.csv"],
        **more,
    }
    (home / "plan.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return home / "plan.yaml"


def packed_plan(pack: Path, plan) -> Path:
    path = pack / "plan.yaml"
    path.write_text(yaml.safe_dump(plan.model_dump(mode="json")), encoding="utf-8")
    return path


def test_the_packed_plan_has_no_path_of_this_machine(tmp_path: Path):
    plan = read_plan(write_plan(tmp_path))
    copier = Copier(tmp_path / "pack")
    path = packed_plan(tmp_path / "pack", copier.place_all(plan))
    assert str(tmp_path) not in path.read_text(encoding="utf-8")
    # One copy, although two keys name the file.
    assert [(part.kind, part.place) for part in copier.parts] == [
        ("files", "files/exam.csv"),
        ("indexes", "indexes/index"),
    ]
    moved = tmp_path / "elsewhere"
    (tmp_path / "pack").rename(moved)
    again = read_plan(moved / "plan.yaml")
    assert again.exam.path == str(moved / "files" / "exam.csv")
    assert len(open_index(again.evidence.index[0])) == len(open_index(plan.evidence.index[0]))
    names = [path.name for path in moved.rglob("*")]
    assert not [name for name in names if name.endswith("lock")] or names.count(".lock") == 0


def test_copying_again_writes_nothing_and_mends_what_was_half_written(tmp_path: Path):
    plan = read_plan(write_plan(tmp_path))
    pack = tmp_path / "pack"
    Copier(pack).place_all(plan)
    before = list_files(pack)
    times = {path: path.stat().st_mtime_ns for path in pack.rglob("*") if path.is_file()}
    (pack / "files" / "exam.csv").write_text("half", encoding="utf-8")
    Copier(pack).place_all(plan)
    assert list_files(pack) == before
    kept = {path for path, time in times.items() if path.stat().st_mtime_ns == time}
    assert {path for path in times if path.name in ("meta.json", "manifest.json")} <= kept


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    return folder


def test_weights_come_without_pickles_and_secrets(tmp_path: Path):
    model = make_model(tmp_path / "models" / "reader")
    for name in ("pytorch_model.bin", "optimizer.pt", ".env", "token", "kaggle.json"):
        (model / name).write_text("secret", encoding="utf-8")
    copier = Copier(tmp_path / "pack")
    place = copier._place_model(str(model))
    assert place == "./weights/reader"
    names = sorted(path.name for path in (tmp_path / "pack" / "weights" / "reader").iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    assert copier.parts[0].licence == "mit"


def test_hidden_folders_of_a_cloned_model_are_not_copied(tmp_path: Path):
    # The folder itself may be below a hidden one, such as a cache.
    model = make_model(tmp_path / ".cache" / "reader")
    (model / "onnx" / ".lfs").mkdir(parents=True)
    (model / ".git" / "lfs").mkdir(parents=True)
    (model / ".git" / "config").write_text("url = https://me:hf_token@hub", encoding="utf-8")
    (model / ".git" / "lfs" / "weights").write_bytes(b"weights")
    (model / "onnx" / ".lfs" / "weights").write_bytes(b"weights")
    copier = Copier(tmp_path / "pack")
    copier._place_model(str(model))
    names = sorted(path.name for path in (tmp_path / "pack" / "weights" / "reader").rglob("*"))
    assert names == ["README.md", "config.json", "model.safetensors"]


def test_two_models_of_one_name_get_two_places(tmp_path: Path):
    copier = Copier(tmp_path / "pack")
    places = [
        copier._place_model(str(make_model(tmp_path / which / "model"))) for which in ("a", "b")
    ]
    assert places == ["./weights/model", "./weights/2-model"]
    assert copier._place_model(str(tmp_path / "a" / "model")) == places[0]


def test_pickled_weights_are_refused(tmp_path: Path):
    model = make_model(tmp_path / "model")
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights"):
        Copier(tmp_path / "pack")._place_model(str(model))


def test_a_missing_file_is_an_error(tmp_path: Path):
    values = {"exam": "bundled", "solvers": ["lexical"]}
    for name, message in (("absent.csv", "file that does not exist"), ("*.csv", "a pattern")):
        plan = parse_plan({**values, "audit_against": [name]}, base=tmp_path, file=None)
        with pytest.raises(SettingsError, match=message):
            Copier(tmp_path / "pack").place_all(plan)
        with pytest.raises(SettingsError, match=message):
            require_files(plan)


def test_a_folder_of_files_keeps_what_a_model_would_not_need(tmp_path: Path):
    exams = tmp_path / "exams"
    exams.mkdir()
    for name in ("exam.html", "table.bin", ".env"):
        (exams / name).write_text("", encoding="utf-8")
    assert Copier(tmp_path / "pack").add("files", "exams", exams) == "./files/exams"
    names = {path.name for path in (tmp_path / "pack" / "files" / "exams").iterdir()}
    assert names == {"exam.html", "table.bin"}


@pytest.mark.needs("encoders")
def test_only_the_stores_of_a_cache_are_copied(tmp_path: Path):
    cache = tmp_path / "vectors"
    AnswerStore(cache / "abc").put({b"key": b"value"})
    (cache / "notes.txt").write_text("mine", encoding="utf-8")
    values = {
        "task": "prompt-recovery",
        "exam": "bundled",
        "solvers": ["copy"],
        "evaluation": {"embedder": "bundled"},
        "vector_cache": str(cache),
    }
    plan = parse_plan(values, base=tmp_path, file=None)
    copier = Copier(tmp_path / "pack")
    packed = copier.place_all(plan)
    assert str(packed.vector_cache) == "caches/vectors"
    place = tmp_path / "pack" / "caches" / "vectors"
    assert AnswerStore(place / "abc").get([b"key"]) == {b"key": b"value"}
    assert not (place / "notes.txt").exists()
    with sqlite3.connect(place / "abc" / "answers.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        (Path.home() / ".cache" / "llmexam" / "answers", "~/.cache/llmexam/answers"),
        (Path("/nowhere/vectors"), "~/.cache/llmexam/packed/vectors"),
    ],
)
def test_caches_of_all_plans_and_those_not_there_yet_are_not_copied(
    tmp_path: Path, folder: Path, place: str
):
    assert Copier(tmp_path)._place_cache(folder) == place
    assert not (tmp_path / "caches").exists()


def test_the_own_wheel_is_the_code_that_runs(tmp_path: Path):
    import zipfile

    import llmexam

    one, other = write_own_wheel(tmp_path / "a"), write_own_wheel(tmp_path / "b")
    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as archive:
        names = archive.namelist()
        init = archive.read("llmexam/__init__.py")
    assert init == Path(llmexam.__file__).read_bytes()
    info = one.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    assert {f"{info}/METADATA", f"{info}/RECORD", f"{info}/entry_points.txt"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
