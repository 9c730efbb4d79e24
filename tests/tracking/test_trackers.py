import json
import sys
import warnings
from types import ModuleType

import pytest

from llmexam.errors import MissingDependencyError, SettingsError
from llmexam.tracking.registry import create_tracker
from llmexam.tracking.settings import TrackingSettings
from llmexam.tracking.tracker import NoTracker


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


def png(path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.imsave(path, [[0.0, 1.0]])
    return path


def tell(tracker, steps, picture=None):
    tracker.start("first", {"learning_rate": 0.1, "lora": {"r": 4}})
    for step in steps:
        tracker.log(step, {"loss": 1 / step})
        tracker.log(step, {"dev_map_at_3": step / 10})
    if picture:
        tracker.add_file(picture)
    tracker.finish()


def test_nothing_is_kept_by_default(tmp_path):
    tracker = create_tracker(TrackingSettings(), tmp_path)
    assert isinstance(tracker, NoTracker)
    tell(tracker, [1])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.delitem(sys.modules, "llmexam.tracking.wandb", raising=False)
    with pytest.raises(MissingDependencyError, match=r"llmexam\[track\]"):
        create_tracker(TrackingSettings(to="wandb"), tmp_path)


def test_a_missing_package_of_no_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    monkeypatch.delitem(sys.modules, "llmexam.tracking.mlflow", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install mlflow \(mlflow-skinny"):
        create_tracker(TrackingSettings(to="mlflow"), tmp_path)


def test_a_package_that_is_missing_when_it_is_used_is_named(tmp_path, monkeypatch):
    client = ModuleType("mlflow.tracking")

    def without_database(tracking_uri):
        raise ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy")

    client.MlflowClient = without_database
    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.tracking", client)
    monkeypatch.delitem(sys.modules, "llmexam.tracking.mlflow", raising=False)
    try:
        with pytest.raises(MissingDependencyError, match="needs 'sqlalchemy'"):
            create_tracker(TrackingSettings(to="mlflow"), tmp_path)
    finally:
        # The room has taken up the client above.
        sys.modules.pop("llmexam.tracking.mlflow", None)


def read_back(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard_shows_the_curve(tmp_path):
    pytest.importorskip("tensorboard")
    tracker = create_tracker(TrackingSettings(to="tensorboard"), tmp_path)
    tell(tracker, [1, 2, 3], png(tmp_path / "curves.png"))
    events = read_back(tmp_path / "tensorboard")
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [
        (1, pytest.approx(1)), (2, pytest.approx(1 / 2)), (3, pytest.approx(1 / 3)),
    ]  # fmt: skip
    assert [e.step for e in events.Scalars("dev_map_at_3")] == [1, 2, 3]
    told = events.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert '"learning_rate": 0.1' in told
    (image,) = events.Images("curves")
    assert (image.width, image.height) == (2, 1)
    assert image.encoded_image_string.startswith(b"\x89PNG")


def test_tensorboard_drops_what_a_killed_run_had_gone_on_to(tmp_path):
    pytest.importorskip("tensorboard")
    for steps in ([1, 2, 3, 4], [3, 4]):
        tell(create_tracker(TrackingSettings(to="tensorboard"), tmp_path), steps)
    steps = [e.step for e in read_back(tmp_path / "tensorboard").Scalars("loss")]
    assert steps == [1, 2, 3, 4]


def test_wandb_online_without_a_key_is_refused(tmp_path):
    pytest.importorskip("wandb")
    with pytest.raises(SettingsError, match="WANDB_API_KEY"):
        create_tracker(TrackingSettings(to="wandb", mode="online"), tmp_path)


def records(data):
    """Yield the records of a file in LevelDB's log format, after W&B's header of 7 bytes."""
    at, part, block = 7, b"", 32768
    while at + 7 <= len(data):
        if block - at % block < 7:
            at += block - at % block
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        part += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield part
            part = b""


@pytest.mark.slow
def test_wandb_offline_leaves_a_folder_that_can_be_sent(tmp_path):
    wandb = pytest.importorskip("wandb")
    tracker = create_tracker(TrackingSettings(to="wandb", project="exam"), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tell(tracker, [1, 2], png(tmp_path / "curves.png"))
    (run,) = (tmp_path / "wandb").glob("offline-run-*")
    (data,) = run.glob("*.wandb")
    assert run.name.endswith((tmp_path / "wandb_run").read_text().strip())
    from wandb.proto import wandb_internal_pb2

    history, config = [], {}
    for found in records(data.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(found)
        if record.HasField("history"):
            items = {i.key or ".".join(i.nested_key): i.value_json for i in record.history.item}
            history.append({key: json.loads(value) for key, value in items.items()})
        if record.HasField("run"):
            config = {i.key: json.loads(i.value_json) for i in record.run.config.update}
    points = {point["_step"]: point for point in history}
    assert points[1]["loss"] == 1
    assert points[2]["dev_map_at_3"] == 0.2
    assert config["learning_rate"] == 0.1
    assert list(run.rglob("*.png"))
    assert wandb.run is None


def test_mlflow_keeps_the_curve(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracker = create_tracker(TrackingSettings(to="mlflow", project="exam"), tmp_path)
        tell(tracker, [1, 2], png(tmp_path / "curves.png"))
        again = create_tracker(TrackingSettings(to="mlflow", project="exam"), tmp_path)
        tell(again, [3])
        client = mlflow.tracking.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
        run = (tmp_path / "mlflow_run").read_text().strip()
        losses = client.get_metric_history(run, "loss")
    assert [(m.step, m.value) for m in losses] == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert client.get_run(run).data.params == {"learning_rate": "0.1", "lora.r": "4"}
    assert list((tmp_path / "mlartifacts").rglob("curves.png"))
