import pytest

pytest.importorskip("torch")

from llmexam.errors import ModelError
from llmexam.lm.encoding import precision_probe
from llmexam.lm.encoding.precision_probe import (
    PrecisionFigures,
    decide,
    probe_precision,
)

TEXTS = [f"Light number {i} travels faster than sound in medium {i * 7}." for i in range(12)]


def figures(precision, speed, cosine=1.0, shared=1.0):
    return PrecisionFigures(
        precision=precision,
        texts_per_second=speed,
        lowest_cosine=cosine,
        mean_cosine=cosine,
        shared_neighbours=shared,
    )


@pytest.mark.parametrize(
    ("speed", "cosine", "shared", "chosen"),
    [
        (250, 0.996, 0.95, "int8"),
        (250, 0.994, 0.95, "fp32"),
        (250, 0.996, 0.85, "fp32"),
        (110, 0.996, 0.95, "fp32"),
    ],
)
def test_int8_is_chosen_only_if_it_is_faster_and_near(speed, cosine, shared, chosen):
    found, reason = decide([figures("fp32", 100), figures("int8", speed, cosine, shared)])
    assert found == chosen
    assert f"{speed / 100:.1f} times as fast as fp32" in reason
    assert f"{cosine:.4f}" in reason


@pytest.mark.slow
def test_a_probe_is_repeated_only_for_other_texts(monkeypatch):
    loaded = []
    load = precision_probe.load_embedder

    def counted(model, precision="auto"):
        loaded.append(precision)
        return load(model, precision=precision)

    monkeypatch.setattr(precision_probe, "load_embedder", counted)
    probe = probe_precision("bundled", TEXTS * 2)
    assert probe.n_texts == len(TEXTS)
    n_loaded = len(loaded)
    assert n_loaded >= 2
    assert probe_precision("bundled", TEXTS, known=probe) == probe
    assert len(loaded) == n_loaded
    assert probe_precision("bundled", TEXTS[1:], known=probe).key != probe.key
    assert len(loaded) > n_loaded
    assert [one.precision for one in probe.figures][1:] in ([], ["int8"])
    assert all(one.mean_cosine > 0.99 for one in probe.figures)


def test_a_model_or_processor_without_int8_keeps_its_default(monkeypatch):
    load = precision_probe.load_embedder

    def refused(model, precision="auto"):
        if precision == "int8":
            raise ModelError("the CPU does not support int8 arithmetic")
        return load(model, precision=precision)

    monkeypatch.setattr(precision_probe, "load_embedder", refused)
    probe = probe_precision("bundled", TEXTS)
    assert probe.chosen in ("fp32", "bf16")
    assert probe.figures == ()
    assert "does not support int8" in probe.reason
