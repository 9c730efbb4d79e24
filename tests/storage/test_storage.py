import errno
import os
import re
import subprocess
import sys

import pytest

from llmexam.errors import RunError
from llmexam.machine import exchange_paths
from llmexam.storage.atomic import atomic_path, write_json, write_text
from llmexam.storage.hashing import hash_file, hash_json
from llmexam.storage.locking import lock_folder
from llmexam.storage.temporary import clear_leftovers, is_temporary


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    write_text(target, "old")

    def fail_half_way():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_text_is_written_as_given(tmp_path):
    write_text(tmp_path / "x", "a\r\nb\n\ufeffü")
    assert (tmp_path / "x").read_bytes() == "a\r\nb\n\ufeffü".encode()


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_hashes_name_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # The well-known test vector of SHA-256.
    assert hash_file(tmp_path / "a").startswith("ba7816bf8f01cfea")
    assert hash_json([1, "é"]) != hash_json([1, "e"])
    assert hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1})
    assert len(hash_json("\ud800")) == 64


def test_a_folder_has_one_writer(tmp_path):
    code = (
        "import sys; from llmexam.storage.locking import lock_folder\n"
        "with lock_folder(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match="another process"), lock_folder(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    # A killed holder leaves no lock behind.
    with lock_folder(tmp_path) as held:
        assert held == tmp_path


def test_folders_and_devices_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="device or a pipe"):
        write_text(tmp_path / "pipe", "x")
    with pytest.raises(IsADirectoryError, match="got a folder"):
        write_text(tmp_path, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for text in ("one", "two"):
        write_text(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "file").read_text() == text


KILLED = """
import os, signal, sys
from llmexam.storage.atomic import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_writer_clears_what_a_killed_one_left(tmp_path):
    target = tmp_path / "file.txt"
    subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    (left,) = tmp_path.iterdir()
    assert is_temporary(left)
    (tmp_path / ".notes.tmp").write_text("mine")
    write_text(tmp_path / "other.txt", "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".notes.tmp", "other.txt"]


def test_files_that_are_being_written_stay(tmp_path):
    with atomic_path(tmp_path / "a") as one:
        one.write_text("half")
        foreign = one.with_name(re.sub(r"[0-9a-f]{8}-\d+", f"{'0' * 8}-1", one.name, count=1))
        foreign.write_text("of another machine")
        reused = one.with_name(re.sub(r"[0-9a-f]{8}-(\d+\.tmp)", rf"{'0' * 8}-\1", one.name))
        reused.write_text("of an earlier process with this number")
        clear_leftovers(tmp_path)
        assert {path for path in tmp_path.iterdir()} == {one, foreign}
        os.utime(foreign, (0, 0))
        clear_leftovers(tmp_path)
        assert list(tmp_path.iterdir()) == [one]
    assert (tmp_path / "a").read_text() == "half"


def test_names_as_long_as_the_system_allows_are_written(tmp_path):
    target = tmp_path / ("é" * 127)
    write_text(target, "x")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_two_folders_are_exchanged(tmp_path):
    for name in "ab":
        write_text(tmp_path / name / "file", name)
    if exchange_paths(tmp_path / "a", tmp_path / "b"):
        assert (tmp_path / "a" / "file").read_text() == "b"
    assert not exchange_paths(tmp_path / "a", tmp_path / "none")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_without_locks_is_told_in_one_line(tmp_path, monkeypatch, number):
    def refuse(self, *args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(RunError, match="cannot be locked"), lock_folder(tmp_path):
        pass


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
    def fail():
        with atomic_path(tmp_path / "file.txt"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"file\.txt") as caught:
        fail()
    assert caught.value.errno == errno.ENOSPC
