import pytest

from llmexam.errors import SettingsError


@pytest.fixture(scope="module")
def placement(keras):
    """The module, which imports Keras."""
    from llmexam.training.keras_base import placement

    return placement


def test_weights_stay_in_fp32(placement, settings_for):
    assert placement.dtype_policy(settings_for(precision="fp32")) == "float32"
    assert placement.dtype_policy(settings_for(precision="bf16")) == "mixed_bfloat16"


def test_one_device_needs_no_distribution(placement, keras, settings_for):
    before = keras.distribution.distribution()
    with placement.placed(settings_for()):
        assert keras.distribution.distribution() is before


def test_one_device_cannot_share_the_work(placement, monkeypatch, keras, settings_for):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda _=None: ["cpu:0"])
    for parallel in ("data", "model"):
        with (
            pytest.raises(SettingsError, match=r"needs several devices.*XLA_FLAGS"),
            placement.placed(settings_for(parallel=parallel)),
        ):
            pass


def test_the_batch_must_be_divisible_among_the_devices(placement, monkeypatch, keras, settings_for):
    monkeypatch.setattr(
        keras.distribution, "list_devices", lambda _=None: ["cpu:0", "cpu:1", "cpu:2"]
    )
    with (
        pytest.raises(SettingsError, match="expected a multiple of the 3 devices, got 16"),
        placement.placed(settings_for(parallel="data", batch_size=16)),
    ):
        pass
