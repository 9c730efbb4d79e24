from pathlib import Path

import pytest

from llmexam.errors import SettingsError
from llmexam.packing.freeze import read_freeze

REAL = """\
\ufeff# This file was made by pip freeze
--extra-index-url https://example.com/simple
absl-py==1.4.0
Cython @ file:///croot/cython_1663692770955/work
certifi @ file:///home/conda/certifi-2024.8.30-py3-none-any.whl#sha256=ab
numpy @ file:///build/numpy-1.26.4.tar.gz
pyarrow @ file:///tmp/pyarrow-17.0.0-cp311-cp311-manylinux_2_28_x86_64.whl
-e git+https://example.com/learn.git@0f4d6e5#egg=Learn_Tools
# Editable install with no version control (my.tool==0.3)
-e /home/user/my-tool
torch==2.6.0+cu124  # the image's own build
uvicorn[standard]==0.30.1 ; python_version >= "3.8"
requests==2.32.3 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
old===2004d

typing_extensions==4.12.2
"""


def read(tmp_path: Path, text: str):
    path = tmp_path / "image.txt"
    path.write_text(text, encoding="utf-8")
    return read_freeze(path)


def test_a_real_freeze_is_read(tmp_path: Path):
    image = read(tmp_path, REAL)
    assert image.packages == {
        "absl-py": "1.4.0",
        "certifi": "2024.8.30",
        "my-tool": "0.3",
        "numpy": "1.26.4",
        "pyarrow": "17.0.0",
        "requests": "2.32.3",
        "torch": "2.6.0+cu124",
        "typing-extensions": "4.12.2",
        "uvicorn": "0.30.1",
    }
    # The version that is not allowed is not known either.
    assert image.unversioned == {"cython": 4, "learn-tools": 8, "old": 16}
    # From the tag of a wheel for one Python version.
    assert image.python == "3.11"


def test_the_python_version_of_a_comment_comes_first(tmp_path: Path):
    assert read(tmp_path, "# Python 3.12.4\na==1\n").python == "3.12.4"
    assert read(tmp_path, "a==1\n").python is None


def test_wheels_of_the_stable_abi_do_not_tell_the_python_version(tmp_path: Path):
    stable = "tokenizers @ file:///w/tokenizers-0.20.0-cp39-abi3-manylinux_2_17_x86_64.whl\n"
    assert read(tmp_path, stable).python is None
    own = "numpy @ file:///w/numpy-2.0.0-cp312-cp312-manylinux_2_17_x86_64.whl\n"
    assert read(tmp_path, stable + own).python == "3.12"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pandas 2.2.0", "expected NAME==VERSION, got 'pandas 2.2.0'"),
        ("pandas>=2", "expected one exact version of 'pandas', got '>=2'"),
        ("pandas==2.*", "expected one exact version"),
        ("pandas", "expected one exact version of 'pandas', got 'none'"),
    ],
)
def test_other_lines_are_errors_with_their_row(tmp_path: Path, line: str, message: str):
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, f"# a\nnumpy==1.0\n{line}\n")
    assert message in str(caught.value)
    assert caught.value.row == 3
    assert "pip list --format=freeze" in str(caught.value)


def test_a_file_without_packages_is_an_error(tmp_path: Path):
    with pytest.raises(SettingsError, match="lists no packages"):
        read(tmp_path, "# nothing\n")
    with pytest.raises(SettingsError, match="not found"):
        read_freeze(tmp_path / "missing.txt")
