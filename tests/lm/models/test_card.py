import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.errors import ModelError
from llmexam.lm.models.card import CARD_FILE, file_beside, is_file_name, read_card

NEEDED = '"family": "a", "base_model": "b", "base_weights_hash": "c"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read"),
        ("[" * 100_000, "cannot read"),
        ("[]", "expected a mapping"),
        (f"{{{NEEDED}, 'encoding': 5}}".replace("'", '"'), r"field 'encoding'.*dictionary, got 5"),
        (f"{{{NEEDED}, 'later': 5}}".replace("'", '"'), "field 'later'"),
        ('{"family": "a"}', "field 'base_model'"),
    ],
)
def test_a_damaged_card_is_named(tmp_path, text, message):
    (tmp_path / CARD_FILE).write_text(text)
    with pytest.raises(ModelError, match=message) as caught:
        read_card(tmp_path)
    assert str(tmp_path / CARD_FILE) in str(caught.value)


def test_a_file_beside_a_card(tmp_path):
    model = tmp_path / "model"
    (model / "below").mkdir(parents=True)
    for path in (tmp_path / "out.yaml", model / "in.yaml", model / "below" / "in.yaml"):
        path.write_text("text")
    (model / "leaves.yaml").symlink_to(tmp_path / "out.yaml")
    (model / "stays.yaml").symlink_to(model / "in.yaml")
    (tmp_path / "linked").symlink_to(model)
    for folder in (model, tmp_path / "linked"):
        for name in ("in.yaml", "stays.yaml"):
            assert file_beside(folder, name, field="template").read_text() == "text"
        names = ["leaves.yaml", "../out.yaml", "below/in.yaml", "./in.yaml", "absent.yaml", "below"]
        for name in [*names, str(tmp_path / "out.yaml"), "", ".", "..", "a\0", "a" * 5000]:
            with pytest.raises(ModelError, match="field 'template'") as caught:
                file_beside(folder, name, field="template")
            assert str(folder / CARD_FILE) in str(caught.value)


@given(st.text("ab./\\: \0é", max_size=8))
def test_a_bare_name_stays_in_its_folder(name):
    if is_file_name(name):
        assert not set(name) & {"/", "\\"}
        assert name not in (".", "..")


@pytest.mark.parametrize("name", ["c:\\a", "c:a", "\\\\host\\share\\a", "a\\b"])
def test_names_of_other_systems_are_no_bare_names(name):
    assert not is_file_name(name)
