import pytest

from llmexam.errors import ModelError

torch = pytest.importorskip("torch")

from llmexam.lm.encoding.int8_linear import require_int8  # noqa: E402
from llmexam.lm.models import precision  # noqa: E402


def test_a_processor_without_it_is_an_error(monkeypatch):
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(ModelError, match="does not support int8"):
        require_int8()
