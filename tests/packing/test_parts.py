from pathlib import Path

import pytest

from llmexam.errors import RunError, SettingsError
from llmexam.packing import secret_texts
from llmexam.packing.licences import licence_of_model, licence_of_wheel
from llmexam.packing.parts import NOT_STATED, PACK_FILE, Part, check_pack, write_list
from llmexam.packing.secret_texts import find_secret, refuse_secrets
from llmexam.packing.sizes import parse_bytes
from packing_files import make_wheel


def a_pack(folder: Path) -> Path:
    for name in ("plan.yaml", "files/exam.csv", "caches/vectors/answers.sqlite"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    write_list(folder, [Part("files", "exam.csv", "files/exam.csv", 14)], {"id": "x"})
    return folder


def test_every_change_of_a_pack_is_found_but_that_of_caches(tmp_path: Path):
    pack = a_pack(tmp_path)
    assert check_pack(pack) == []
    (pack / "caches/vectors/answers.sqlite").write_text("more", encoding="utf-8")
    assert check_pack(pack) == []
    (pack / "files/exam.csv").write_text("other", encoding="utf-8")
    (pack / "plan.yaml").unlink()
    (pack / "new.txt").write_text("", encoding="utf-8")
    assert sorted(check_pack(pack)) == [
        "files/exam.csv: changed",
        "new.txt: not listed",
        "plan.yaml: missing",
    ]


def test_only_further_files_are_found_without_reading_contents(tmp_path: Path):
    pack = a_pack(tmp_path)
    (pack / "files/exam.csv").write_text("other", encoding="utf-8")
    lock = "indexes/evidence-sparse/tantivy/.tantivy-meta.lock"
    for name in ("result/metrics.json", "venv/pyvenv.cfg", "venv/bin/python", lock):
        (pack / name).parent.mkdir(parents=True, exist_ok=True)
        (pack / name).write_text("", encoding="utf-8")
    assert check_pack(pack, contents=False) == ["result/metrics.json: not listed"]


def test_a_list_cannot_name_files_outside(tmp_path: Path):
    pack = a_pack(tmp_path / "pack")
    text = (pack / PACK_FILE).read_text(encoding="utf-8")
    (pack / PACK_FILE).write_text(text.replace("files/exam.csv", "../exam.csv"), encoding="utf-8")
    assert "../exam.csv: a path outside the pack" in check_pack(pack)


def test_a_folder_without_a_list_is_no_pack(tmp_path: Path):
    with pytest.raises(RunError, match="not a pack"):
        check_pack(tmp_path)
    (tmp_path / PACK_FILE).write_text("[]", encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        check_pack(tmp_path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a key sk-abcdefghijklmnopqrstuvwx", "an API key of OpenAI or Anthropic"),
        ("hf_" + "a" * 34, "a token of Hugging Face"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("my-own-key-12345", "the value of the environment variable MY_API_KEY"),
        ("api_key_env: MY_API_KEY", None),
        ("sk-short, hf_short", None),
    ],
)
def test_secrets_are_found_by_value_and_by_form(text: str, found: str | None):
    environment = {"MY_API_KEY": "my-own-key-12345", "HOME": "api_key_env", "A_TOKEN": "short"}
    assert find_secret(text, environment) == found


SECRET = "hf_" + "s3cret" * 6


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config", SECRET.encode()),
        ("rows.csv", b"id,prompt\n1,\xe9 " + SECRET.encode()),
        ("settings.toml", SECRET.encode()),
        ("notes.TXT", SECRET.encode()),
        ("from_windows.ini", SECRET.encode("utf-16")),
        ("tokenizer.json", SECRET.encode()),
        # On both sides of a boundary between blocks.
        ("rows.jsonl", b" " * (secret_texts._BLOCK - 10) + SECRET.encode()),
    ],
)
def test_every_text_is_searched_whatever_its_name(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match="a token of Hugging Face"):
        refuse_secrets(tmp_path)


def test_weights_and_words_of_vocabularies_are_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "model.safetensors").write_bytes(b"\0" + SECRET.encode())
    monkeypatch.setenv("DATABASE_PASSWORD", "postgres")
    (tmp_path / "vocab.txt").write_text("post\npostgres\n", encoding="utf-8")
    refuse_secrets(tmp_path)
    (tmp_path / "config").write_text("postgres", encoding="utf-8")
    with pytest.raises(SettingsError, match="DATABASE_PASSWORD"):
        refuse_secrets(tmp_path)


def test_a_secret_is_refused_and_never_shown(tmp_path: Path):
    (tmp_path / "config.json").write_text(f'{{"token": "{SECRET}"}}', encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        refuse_secrets(tmp_path)
    assert caught.value.file == "config.json"
    assert SECRET not in str(caught.value)


def test_licences_come_from_metadata_and_model_cards(tmp_path: Path):
    assert licence_of_wheel(make_wheel(tmp_path, "a", "1.0", licence="MIT")) == "MIT"
    assert licence_of_wheel(make_wheel(tmp_path, "b", "1.0")) == NOT_STATED
    assert licence_of_wheel(make_wheel(tmp_path, "c", "1.0", licence="x" * 200)) == NOT_STATED
    assert licence_of_model(tmp_path) == NOT_STATED
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A", encoding="utf-8")
    assert licence_of_model(tmp_path) == "apache-2.0"
    (tmp_path / "README.md").write_text("---\n: [\n---\n", encoding="utf-8")
    assert licence_of_model(tmp_path) == NOT_STATED


def test_sizes_that_are_none_are_errors():
    for text in ("much", "0GB", "-1GB", ""):
        with pytest.raises(SettingsError, match="expected a size such as 13GB"):
            parse_bytes(text)
