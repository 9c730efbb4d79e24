import io
from types import SimpleNamespace

from rich.console import Console

from llmexam.training.base.progress import ProgressBar

ARGS = SimpleNamespace(per_device_train_batch_size=4, gradient_accumulation_steps=2)


def follow(console):
    bar = ProgressBar(console)
    state = SimpleNamespace(global_step=0, max_steps=2)
    bar.on_train_begin(ARGS, state, None)
    bar.on_log(ARGS, state, None, logs={"loss": 1.5})
    for state.global_step in (1, 2):
        bar.on_step_end(ARGS, state, None)
    bar.close()
    return console.file.getvalue()


def test_steps_speed_time_and_loss_are_shown():
    shown = follow(Console(file=io.StringIO(), force_terminal=True, width=140))
    for text in ("2/2", "questions/s", "left", "loss 1.500"):
        assert text in shown


def test_nothing_is_drawn_where_no_one_watches():
    assert follow(Console(file=io.StringIO(), force_terminal=False)) == ""


def test_other_processes_draw_nothing(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert follow(Console(file=io.StringIO(), force_terminal=True)) == ""
