import json

import numpy as np
import pytest

from llmexam.errors import SettingsError
from llmexam.exam.question import Passage

pytest.importorskip("faiss")
pytest.importorskip("torch")

from llmexam.evidence.index import opening, precision
from llmexam.evidence.index.manifest import EncoderRecord, read_manifest
from llmexam.evidence.index.opening import create_index, open_index
from llmexam.evidence.index.precision import probe_passages, read_probe
from llmexam.lm.encoding.precision_probe import PrecisionProbe
from llmexam.lm.models.precision import supports_int8

PASSAGES = [Passage(id=str(i), text=f"Star {i} emits light of colour {i * 13}.") for i in range(9)]


def probe(chosen, key="a"):
    return PrecisionProbe(
        key=key, chosen=chosen, reason=f"{chosen}: why", n_texts=9, seed=0, processor="x"
    )


class Encoder:
    name, dim, weights_hash = "bundled", 4, "w"

    def __init__(self, precision):
        self.precision = precision

    def encode(self, texts, *, kind=""):
        return np.tile(np.float32([1, 0, 0, 0]), (len(texts), 1))


@pytest.fixture
def loaded(monkeypatch):
    """Return the precisions that models are loaded in, without loading any."""
    found = []

    def load(model, precision="auto"):
        found.append(precision)
        return Encoder(precision)

    monkeypatch.setattr(opening, "load_embedder", load)
    return found


def test_few_passages_are_not_probed_and_none_is_lost(monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(
        precision, "probe_precision", lambda model, texts, known: called.append(texts)
    )
    for limit, n_probed in ((10, 0), (9, 1), (4, 1)):
        monkeypatch.setattr(precision, "PROBED_PASSAGES", limit)
        called.clear()
        passages, _ = probe_passages(iter(PASSAGES), "bundled", tmp_path)
        assert list(passages) == PASSAGES
        assert [len(texts) for texts in called] == [limit] * n_probed


def test_the_choice_is_recorded_and_queries_follow_it(monkeypatch, tmp_path, loaded):
    monkeypatch.setattr(precision, "PROBED_PASSAGES", 5)
    given = []

    def probed(model, texts, known):
        given.append(known)
        return probe("int8")

    monkeypatch.setattr(precision, "probe_precision", probed)
    folder = tmp_path / "index"
    create_index("dense", folder, PASSAGES)
    assert read_manifest(folder).encoder.precision == "int8"
    assert read_probe(folder) == probe("int8")
    assert loaded == ["int8"]
    monkeypatch.setattr(opening, "supports_int8", lambda: True)
    open_index(folder)
    # Queries in another precision are near, too, where the processor has no int8.
    monkeypatch.setattr(opening, "supports_int8", lambda: False)
    open_index(folder)
    assert loaded == ["int8", "int8", "auto"]
    create_index("dense", folder, PASSAGES)
    assert given == [None, probe("int8")]


def test_the_default_leaves_the_manifest_as_it_was(tmp_path, loaded):
    create_index("dense", tmp_path / "index", PASSAGES)
    assert loaded == ["auto"]
    assert "precision" not in json.loads((tmp_path / "index/manifest.json").read_text())["encoder"]
    assert read_probe(tmp_path / "index") is None
    record = {"model": "m", "weights_hash": "w", "dim": 4, "normalised": True}
    record |= {"dtype": "float32", "vectors": "flat"}
    assert EncoderRecord(**record).model_dump() == record
    assert EncoderRecord(**record, precision="int8").model_dump()["precision"] == "int8"


def test_a_requested_precision_is_not_probed(monkeypatch, tmp_path, loaded):
    monkeypatch.setattr(precision, "PROBED_PASSAGES", 5)
    create_index("dense", tmp_path / "index", PASSAGES, precision="fp32")
    assert loaded == ["fp32"]
    assert read_manifest(tmp_path / "index").encoder.precision == "fp32"
    assert read_probe(tmp_path / "index") is None


def test_a_precision_that_cannot_be_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="expected precision auto, fp32, bf16, int8"):
        create_index("dense", tmp_path / "a", PASSAGES, precision="int4")
    with pytest.raises(SettingsError, match="has no vectors"):
        create_index("sparse", tmp_path / "a", PASSAGES, precision="fp32")
    with pytest.raises(SettingsError, match="got both"):
        create_index("dense", tmp_path / "a", PASSAGES, precision="fp32", encoder=Encoder("fp32"))
    assert not (tmp_path / "a").exists()


def test_a_damaged_record_is_probed_again(tmp_path):
    (tmp_path / "precision.json").write_text("{")
    assert read_probe(tmp_path) is None


@pytest.mark.skipif(not supports_int8(), reason="the processor has no int8")
def test_an_index_in_int8_finds_the_same_passages(tmp_path):
    found = []
    for name in ("fp32", "int8"):
        index = create_index("dense", tmp_path / name, PASSAGES, precision=name)
        queries = [p.text for p in PASSAGES]
        found.append([hits[0].id for hits in index.search(queries, 1)])
    assert found[0] == found[1] == [p.id for p in PASSAGES]
