import json
import shutil

import pytest
import torch

from llmexam.errors import ModelError, RunError
from llmexam.tracking.tracker import NoTracker
from llmexam.training.base.checkpoints import (
    complete_checkpoints,
    is_complete,
    mark_complete,
    newest_checkpoint,
)
from llmexam.training.base.loop import run_training
from llmexam.training.base.lora import apply_lora, merge_lora


class Killed(BaseException):
    pass


class KillAt:
    """Stops a training as a kill would, at the beginning of a step."""

    def __new__(cls, step):
        import transformers

        class Callback(transformers.TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                if state.global_step == step:
                    raise Killed

        return Callback()


def values(curve):
    names = ("loss", "grad_norm", "learning_rate", "dev_map_at_3", "dev_loss")
    return [(p.step, {n: p.values[n] for n in names if n in p.values}) for p in curve]


def go(tiny, folder, settings, kill=None, tracker=None, n_questions=16, dev=True):
    model = tiny.tiny_model()
    apply_lora(model, settings, tiny.HEAD)
    trainer = tiny.tiny_trainer(model, folder, settings, n_questions)
    if kill is not None:
        trainer.add_callback(KillAt(kill))
    done = run_training(
        trainer,
        folder,
        settings,
        tracker=tracker or NoTracker(),
        dev=tiny.tiny_dev(model) if dev else None,
    )
    return done, model


# Accumulation and moving average: `check_trainer` of multiple_choice.
CASES = {
    "epochs": {},
    "steps": {"checkpoint_every": 2, "log_every": 3, "evaluate_every": 3},
    "adapters": {"lora": {"r": 2}, "checkpoint_every": 3},
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == "adapters" else pytest.mark.slow) for name in CASES],
)
def test_a_killed_training_goes_on_as_if_it_had_not_been(tiny, tmp_path, name):
    settings = tiny.settings(**CASES[name])
    whole, model = go(tiny, tmp_path / "whole", settings)
    with pytest.raises(Killed):
        go(tiny, tmp_path / "killed", settings, kill=5)
    assert newest_checkpoint(tmp_path / "killed") is not None
    resumed, other = go(tiny, tmp_path / "killed", settings)
    assert values(resumed.curve) == values(whole.curve)
    assert resumed.best_step == whole.best_step
    assert (resumed.dev.scores.values == whole.dev.scores.values).all()
    for key, weight in model.state_dict().items():
        assert torch.equal(other.state_dict()[key], weight), key


def test_a_state_killed_half_way_is_not_resumed(tiny, tmp_path):
    settings = tiny.settings(checkpoint_every=2)
    with pytest.raises(Killed):
        go(tiny, tmp_path, settings, kill=5)
    older, newer = complete_checkpoints(tmp_path)
    with (newer / "optimizer.pt").open("r+b") as file:
        file.truncate(100)
    assert not is_complete(newer)
    assert newest_checkpoint(tmp_path) == older
    assert not newer.exists()
    (older / "llmexam_checkpoint.json").unlink()
    assert newest_checkpoint(tmp_path) is None


@pytest.mark.parametrize("place", ["optimizer.pt", "../../best/*.safetensors"])
def test_a_damaged_state_of_the_right_size_is_not_resumed(tiny, tmp_path, caplog, place):
    settings = tiny.settings(checkpoint_every=2, evaluate_every=2)
    with pytest.raises(Killed):
        go(tiny, tmp_path, settings, kill=5)
    older, newer = complete_checkpoints(tmp_path)
    damaged = sorted(newer.glob(place))[-1]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert newest_checkpoint(tmp_path) in (older, None)
    assert f"{damaged.name} is damaged or missing; training resumes from" in caplog.text


def keep(folder, step, best_step):
    """Write a checkpoint as a training with gradings writes it."""
    checkpoint = folder / "checkpoints" / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    kept = {"DevGrading": {"args": {}, "attributes": {"best_step": best_step}}}
    told = {"global_step": step, "stateful_callbacks": kept}
    (checkpoint / "trainer_state.json").write_text(json.dumps(told))
    mark_complete(checkpoint)
    return checkpoint


@pytest.mark.parametrize(
    ("file", "content", "resumed"),
    [
        ("step-1", "DAMAGED", 3),
        ("step-1", None, 3),
        ("step-2", "DAMAGED", 1),
        ("step-2", None, 1),
        ("step-2", "damage", 1),
    ],
)
def test_a_checkpoint_needs_its_own_best_weights(tmp_path, caplog, file, content, resumed):
    best = tmp_path / "best"
    best.mkdir()
    expected = {}
    for step, best_step in ((1, 1), (2, 2), (3, 2)):
        (best / f"step-{best_step}.safetensors").write_text("weights")
        expected[step] = keep(tmp_path, step, best_step)
    path = best / f"{file}.safetensors"
    path.unlink() if content is None else path.write_text(content)
    assert newest_checkpoint(tmp_path) == expected[resumed]
    warned = f"{file}.safetensors is damaged or missing; training resumes from checkpoint-1"
    assert (warned in caplog.text) == (resumed == 1)


def test_marks_of_earlier_versions_are_read(tmp_path):
    (tmp_path / "best").mkdir()
    for step in (1, 2):
        (tmp_path / "best" / f"step-{step}.safetensors").write_text(f"weights {step}")
    checkpoint = keep(tmp_path, 2, 2)
    mark = checkpoint / "llmexam_checkpoint.json"
    told = json.loads(mark.read_text())
    (own,) = told["best"].values()
    assert set(told["best"]) == {"step-2.safetensors"}
    # The best weights of all checkpoints were recorded, before that none, and before that sizes.
    all_of_them = {**told["best"], "step-1.safetensors": {**own, "checksums": [0]}}
    sizes = {name: one["bytes"] for name, one in told["files"].items()}
    for before in ({**told, "best": all_of_them}, {"files": told["files"]}, sizes):
        mark.write_text(json.dumps(before))
        assert newest_checkpoint(tmp_path) == checkpoint


def test_a_training_that_had_ended_is_not_trained_on(tiny, tmp_path):
    settings = tiny.settings(evaluate_every=1, patience=2, n_epochs=6, learning_rate=1e-9)
    first, model = go(tiny, tmp_path, settings)
    assert first.stopped_early
    assert first.curve[-1].step == 3
    shown = tiny.Told()
    again, other = go(tiny, tmp_path, settings, tracker=shown)
    assert shown.points == []
    assert values(again.curve) == values(first.curve)
    assert again.best_step == first.best_step
    assert torch.equal(model.classifier.weight, other.classifier.weight)


def test_the_best_weights_are_those_of_the_best_grading(tiny, tmp_path):
    settings = tiny.settings(evaluate_every=2, n_epochs=3)
    done, model = go(tiny, tmp_path, settings)
    graded = {p.step: p.values for p in done.curve if "dev_map_at_3" in p.values}
    assert sorted(graded) == [2, 4, 6, 8, 10, 12]
    best = max(graded, key=lambda s: (graded[s]["dev_map_at_3"], -graded[s]["dev_loss"]))
    assert done.best_step == best
    dev = tiny.tiny_dev(model)
    assert (dev.score().values == done.dev.scores.values).all()
    assert dev.loss(done.dev.scores, dev.exam) == pytest.approx(graded[best]["dev_loss"])


def test_grading_draws_nothing_from_the_training(tiny, tmp_path):
    often, _ = go(tiny, tmp_path / "a", tiny.settings(evaluate_every=1))
    never, _ = go(tiny, tmp_path / "b", tiny.settings(), dev=False)
    losses = [[p.values["loss"] for p in done.curve] for done in (often, never)]
    assert losses[0] == losses[1]


def test_the_curve_is_kept_told_and_written(tiny, tmp_path):
    told = tiny.Told()
    done, _ = go(tiny, tmp_path, tiny.settings(), tracker=told)
    lines = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [p.step for p in done.curve] == list(range(1, 9))
    assert {step for step, _ in told.points} == set(range(1, 9))
    assert len(lines) == len(told.points)
    assert set(done.curve[-1].values) == {
        "loss", "learning_rate", "grad_norm", "seconds", "dev_map_at_3", "dev_loss",
    }  # fmt: skip
    assert done.curve[-1].values["loss"] < done.curve[0].values["loss"]


def test_without_dev_questions_the_average_is_the_result(tiny, tmp_path):
    settings = tiny.settings(ema_decay=0.99)
    done, averaged = go(tiny, tmp_path / "a", settings, dev=False)
    _, last = go(tiny, tmp_path / "b", tiny.settings(), dev=False)
    assert done.best_step == 8
    start = tiny.tiny_model().classifier.weight
    moved = (averaged.classifier.weight - start).norm(), (last.classifier.weight - start).norm()
    assert 0 < moved[0] < moved[1]


def test_a_loss_that_is_no_number_ends_the_training(tiny, tmp_path):
    settings = tiny.settings()
    model = tiny.tiny_model()
    trainer = tiny.tiny_trainer(model, tmp_path, settings)
    with torch.no_grad():
        model.classifier.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="the loss at step 1 is nan"):
        run_training(trainer, tmp_path, settings, tracker=NoTracker())


def test_weights_that_no_state_speaks_of_are_removed(tiny, tmp_path):
    settings = tiny.settings(evaluate_every=1, checkpoint_every=1, n_epochs=3)
    done, _ = go(tiny, tmp_path, settings)
    kept = {path.stem for path in (tmp_path / "best").iterdir()}
    assert f"step-{done.best_step}" in kept
    assert len(kept) <= 3
    assert len(complete_checkpoints(tmp_path)) == 2
    shutil.rmtree(tmp_path / "checkpoints")


def test_merged_adapters_give_the_same_scores(tiny, tmp_path):
    settings = tiny.settings(lora={"r": 4}, dropout=0.0)
    _, model = go(tiny, tmp_path, settings)
    dev = tiny.tiny_dev(model)
    before = dev.score().values
    plain = set(tiny.tiny_model().state_dict())
    assert set(model.state_dict()) != plain
    merge_lora(model)
    assert set(model.state_dict()) == plain
    assert abs(dev.score().values - before).max() < 1e-5
    base = tiny.tiny_model()
    assert torch.equal(
        base.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight
    )
    changed = model.bert.encoder.layer[0].attention.self.query.weight
    assert not torch.equal(base.bert.encoder.layer[0].attention.self.query.weight, changed)


class Hostile:
    def __reduce__(self):
        return print, ("code was run",)


def test_pickled_objects_in_a_checkpoint_are_refused_in_one_line(tiny, tmp_path, capsys):
    settings = tiny.settings(checkpoint_every=2)
    with pytest.raises(Killed):
        go(tiny, tmp_path, settings, kill=3)
    (checkpoint,) = complete_checkpoints(tmp_path)
    torch.save({"state": Hostile()}, checkpoint / "optimizer.pt")
    mark_complete(checkpoint)
    with pytest.raises(RunError, match="pickled objects") as caught:
        go(tiny, tmp_path, settings)
    assert "\n" not in str(caught.value)
    assert "code was run" not in capsys.readouterr().out
