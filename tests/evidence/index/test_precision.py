import json

import numpy as np
import pytest

from llmexam.errors import SettingsError
from llmexam.exam.question import Passage

pytest.importorskip("faiss")
pytest.importorskip("torch")

from llmexam.evidence.index import opening, precision
from llmexam.evidence.index.manifest import EncoderRecord, read_manifest
from llmexam.evidence.index.opening import build_index_parts, create_index, open_index
from llmexam.evidence.index.parts.part import build_part
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


def build_parts(folder, passages=PASSAGES, **options):
    return build_index_parts("dense", folder, iter(passages), n_parts=3, key={}, **options)


def precisions_of(folder):
    manifest = read_manifest(folder)
    folders = [folder, *(folder / part.folder for part in manifest.parts)]
    return [read_manifest(one).encoder.precision for one in folders]


@pytest.mark.parametrize(("chosen", "recorded"), [("int8", "int8"), ("bf16", None)])
def test_parts_are_probed_once_though_the_build_is_interrupted(
    monkeypatch, tmp_path, loaded, chosen, recorded
):
    monkeypatch.setattr(precision, "PROBED_PASSAGES", 5)
    given = []

    def probed(model, texts, known):
        given.append((texts, known))
        return probe(chosen)

    monkeypatch.setattr(precision, "probe_precision", probed)

    def stop(jobs, done):
        done(build_part(jobs[0], Encoder(jobs[0].precision)))
        raise KeyboardInterrupt

    folder = tmp_path / "index"
    with pytest.raises(KeyboardInterrupt):
        build_parts(folder, runner=stop)
    assert given == [([p.text for p in PASSAGES[:5]], None)]
    # A probe would choose otherwise now, but the first part is there.
    other = {"int8": "bf16", "bf16": "int8"}[chosen]
    monkeypatch.setattr(precision, "probe_precision", lambda *_, **__: probe(other))
    loaded.clear()
    found = build_parts(folder, passages=())
    assert (found.n_resumed, len(given)) == (1, 1)
    assert precisions_of(folder) == [recorded] * 4
    assert read_probe(folder) == probe(chosen)
    # The first one tells of a faulty model before the corpus is read.
    assert loaded == ["auto", *(["int8"] if recorded else [])]
    # The same build is complete, and is not probed again.
    assert build_parts(folder, passages=()).n_resumed == 3
    assert {p.name for p in folder.iterdir() if p.is_file()} >= {"precision.json"}
    create_index("dense", folder, PASSAGES, precision="fp32")
    assert not (folder / "precision.json").exists()


def test_parts_are_not_probed_if_few_or_requested_or_with_an_encoder(monkeypatch, tmp_path, loaded):
    def probed(model, texts, known):
        raise AssertionError("probed")

    monkeypatch.setattr(precision, "probe_precision", probed)
    build_parts(tmp_path / "few")
    assert precisions_of(tmp_path / "few") == [None] * 4
    monkeypatch.setattr(precision, "PROBED_PASSAGES", 5)
    build_parts(tmp_path / "requested", precision="fp32")
    assert precisions_of(tmp_path / "requested") == ["fp32"] * 4
    build_parts(tmp_path / "given", encoder=Encoder("bf16"))
    assert precisions_of(tmp_path / "given") == [None] * 4
    # An encoder in int8 is recorded, so that queries and added passages follow it.
    build_parts(tmp_path / "int8", encoder=Encoder("int8"))
    assert precisions_of(tmp_path / "int8") == ["int8"] * 4
    create_index("dense", tmp_path / "one", PASSAGES, encoder=Encoder("int8"))
    assert precisions_of(tmp_path / "one") == ["int8"]
    assert loaded == ["auto", "fp32"]
    assert read_probe(tmp_path / "few") is None


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


@pytest.mark.slow
@pytest.mark.skipif(not supports_int8(), reason="the processor has no int8")
def test_an_index_in_int8_finds_the_same_passages(tmp_path):
    found = []
    for name in ("fp32", "int8"):
        index = create_index("dense", tmp_path / name, PASSAGES, precision=name)
        queries = [p.text for p in PASSAGES]
        found.append([hits[0].id for hits in index.search(queries, 1)])
    assert found[0] == found[1] == [p.id for p in PASSAGES]
