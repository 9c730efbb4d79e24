import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from llmexam.errors import CacheError
from llmexam.storage.answer_store import FILE, AnswerStore

# Puts entries one by one, each named after the process, and says so after each.
WRITER = """
import sys
from pathlib import Path
from llmexam.storage.answer_store import AnswerStore

store, name = AnswerStore(Path(sys.argv[1])), sys.argv[2]
for i in range(int(sys.argv[3])):
    store.put({f"{name} {i}".encode(): name.encode() * 1000, b"both": name.encode()})
    print(i, flush=True)
"""


def writer(folder, name, n):
    command = [sys.executable, "-c", WRITER, str(folder), name, str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_values_are_found_by_key_and_the_first_stays(tmp_path):
    store = AnswerStore(tmp_path / "new")
    assert store.get([b"a"]) == {}
    store.put({b"a": b"1", b"": b"\0"})
    store.put({b"a": b"2", b"b": b""})
    assert AnswerStore(tmp_path / "new").get([b"a", b"", b"b", b"c"]) == {
        b"a": b"1",
        b"": b"\0",
        b"b": b"",
    }
    assert store.get([]) == {}


def test_many_keys_at_once(tmp_path):
    store = AnswerStore(tmp_path)
    entries = {str(i).encode(): str(-i).encode() for i in range(2500)}
    store.put(entries)
    assert store.get([*entries, b"none"]) == entries


def test_nothing_is_made_for_no_entries(tmp_path):
    AnswerStore(tmp_path / "new").put({})
    assert not (tmp_path / "new").exists()


def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path):
    both = [writer(tmp_path, name, 50) for name in "ab"]
    for one in both:
        one.communicate(timeout=120)
    assert [one.returncode for one in both] == [0, 0]
    keys = [f"{name} {i}".encode() for name in "ab" for i in range(50)]
    assert set(AnswerStore(tmp_path).get(keys)) == set(keys)
    assert AnswerStore(tmp_path).get([b"both"])[b"both"] in (b"a", b"b")


def test_a_killed_writer_loses_nothing_that_was_put(tmp_path):
    run = writer(tmp_path, "a", 100_000)
    said = [run.stdout.readline() for _ in range(20)]
    run.send_signal(signal.SIGKILL)
    run.communicate()
    keys = [f"a {int(line)}".encode() for line in said]
    store = AnswerStore(tmp_path)
    assert store.get(keys) == dict.fromkeys(keys, b"a" * 1000)
    store.put({b"after": b"1"})
    assert store.get([b"after"]) == {b"after": b"1"}


def damage_the_start(path):
    path.write_bytes(b"no database" * 1000)


def damage_the_pages(path):
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


@pytest.mark.parametrize("damage", [damage_the_start, damage_the_pages])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, damage):
    store = AnswerStore(tmp_path)
    store.put({str(i).encode(): b"x" * 500 for i in range(100)})
    damage(tmp_path / FILE)
    with pytest.raises(CacheError, match="the cached answers are damaged") as caught:
        store.get([b"1"])
    assert str(tmp_path / FILE) in str(caught.value)
    assert "Delete this file" in str(caught.value)
    with pytest.raises(CacheError):
        store.put({str(i).encode(): b"y" for i in range(100, 200)})


def test_a_file_of_another_version_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 2")
    store = AnswerStore(tmp_path)
    for use in (lambda: store.get([b"a"]), lambda: store.put({b"a": b""}), store.prepare):
        with pytest.raises(CacheError, match="expected cached answers of version 1, got version 2"):
            use()


def test_an_empty_file_holds_nothing_yet(tmp_path):
    (tmp_path / FILE).touch()
    store = AnswerStore(tmp_path)
    assert store.get([b"a"]) == {}
    store.put({b"a": b"1"})
    assert store.get([b"a"]) == {b"a": b"1"}


def test_what_cannot_be_written_is_an_error_of_the_system(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(OSError, match="unable to open"):
        AnswerStore(tmp_path).put({b"a": b"1"})


def test_the_oldest_go_when_it_grows_too_large(tmp_path):
    store = AnswerStore(tmp_path, max_bytes=100_000)
    keys = [str(i).encode() for i in range(300)]
    for key in keys:
        store.put({key: key * 300})
    found = store.get(keys)
    assert 50 <= len(found) < 150
    assert list(found) == keys[-len(found) :] or set(found) == set(keys[-len(found) :])
    assert (tmp_path / FILE).stat().st_size < 150_000


def flip(path, content):
    """Flip one bit of the only place where a content stands in a file."""
    whole = bytearray(path.read_bytes())
    whole[whole.index(content) + len(content) // 2] ^= 1
    path.write_bytes(whole)


def test_a_flipped_bit_makes_a_value_missing(tmp_path, caplog):
    store = AnswerStore(tmp_path)
    store.put({b"a": b"one value", b"b": b"another"})
    flip(store.path, b"one value")
    assert store.get([b"a", b"b"]) == {b"b": b"another"}
    assert "1 cached values are damaged" in caplog.text
    store.put({b"a": b"one value"})
    assert store.get([b"a"]) == {b"a": b"one value"}


def test_a_file_without_checksums_is_read_and_gets_them(tmp_path):
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.executescript(
            "CREATE TABLE answer (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
            " value BLOB NOT NULL); PRAGMA user_version = 1;"
        )
        hash_ = hashlib.blake2b(b"a", digest_size=16).digest()
        connection.execute("INSERT INTO answer (key, value) VALUES (?, ?)", (hash_, b"old"))
    store = AnswerStore(tmp_path)
    assert store.get([b"a"]) == {b"a": b"old"}
    store.put({b"b": b"new value"})
    assert store.get([b"a", b"b"]) == {b"a": b"old", b"b": b"new value"}
    flip(store.path, b"new value")
    assert store.get([b"a", b"b"]) == {b"a": b"old"}


WRITING = """
import logging, sys
from pathlib import Path
from llmexam.storage.answer_store import AnswerStore
logging.basicConfig(format="%(message)s", stream=sys.stdout)
for place in sys.argv[1:]:
    store = AnswerStore(Path(place), may_be_read_only=True)
    store.prepare()
    store.put({b"new": b"1"})
    store.put({b"newer": b"2"})
    print(store.get([b"old", b"new"]))
    try:
        AnswerStore(Path(place)).put({b"new": b"1"})
    except OSError as error:
        print(error.strerror)
"""


def test_a_store_on_a_read_only_file_system_is_read_and_drops_new_values(tmp_path: Path):
    AnswerStore(tmp_path / "there").put({b"old": b"0"})
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    namespace = ["unshare", "--mount", "--map-root-user", "sh", "-ec", script, "sh", str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("no read-only file system can be mounted here")
    places = [str(tmp_path / "there"), str(tmp_path / "absent")]
    done = subprocess.run(
        [*namespace, sys.executable, "-c", WRITING, *places], capture_output=True, text=True
    )
    # One warning for each store, and an error where new values must not be lost.
    assert done.stdout.splitlines() == [
        f"{places[0]} cannot be written to: new values are not cached",
        "{b'old': b'0'}",
        "Read-only file system",
        f"{places[1]} cannot be written to: new values are not cached",
        "{}",
        "Read-only file system",
    ]
