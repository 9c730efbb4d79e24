import pytest

from llmexam.lm.models import precision

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx512f"}, torch.float32),
        (set(), torch.float32),
        ({"avx512f", "avx512_bf16"}, torch.bfloat16),
        ({"amx_bf16"}, torch.bfloat16),
    ],
)
def test_auto_follows_the_processor(monkeypatch, flags, expected):
    if not torch.backends.mkldnn.is_available():
        expected = torch.float32
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset(flags))
    assert precision.choose_dtype("auto", CPU) == expected


def test_what_is_asked_for_is_done():
    assert precision.choose_dtype("fp32", CPU) == torch.float32
    assert precision.choose_dtype("bf16", CPU) == torch.bfloat16


def test_no_list_of_flags_means_none(monkeypatch, tmp_path):
    monkeypatch.setattr(precision, "Path", lambda name: tmp_path / "absent")
    precision.cpu_flags.cache_clear()
    try:
        assert precision.cpu_flags() == frozenset()
    finally:
        precision.cpu_flags.cache_clear()
