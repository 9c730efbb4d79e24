"""Write a text or bytes to a file, get its path."""

import pytest


@pytest.fixture
def write(tmp_path):
    def write(content, name="exam.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write
