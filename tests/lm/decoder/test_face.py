import subprocess
import sys

import pytest

from llmexam.lm import decoder


def test_every_name_of_the_face_is_found():
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert "load_decoder" in dir(decoder)
    for name in dir(decoder):
        assert getattr(decoder, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Skeleton'"):
        _ = decoder.Skeleton


def test_requests_need_no_torch():
    code = (
        "from llmexam.lm.decoder import Continuation, build_trie; import sys;"
        "build_trie([Continuation((1, 2), 1)]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
