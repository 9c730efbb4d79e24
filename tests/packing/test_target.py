import sys

import pytest

from llmexam.errors import SettingsError
from llmexam.packing.target import KAGGLE_PLATFORM, Target, choose_target

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_older_platforms_are_accepted_too():
    tags = Target("3.11", "manylinux_2_28_x86_64").platforms
    assert tags[0] == "manylinux_2_28_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64"} <= set(tags)
    assert "manylinux_2_29_x86_64" not in tags
    assert Target("3.11", "macosx_14_0_arm64").platforms == ["macosx_14_0_arm64"]


def test_markers_are_those_of_the_target():
    markers = Target("3.13.1", "win_amd64").markers
    assert markers["python_version"] == "3.13"
    assert markers["python_full_version"] == "3.13.1"
    assert (markers["sys_platform"], markers["platform_machine"]) == ("win32", "amd64")


@pytest.mark.parametrize(
    ("python", "frozen", "expected", "told_by"),
    [
        ("3.12", "3.11", "3.12", "given"),
        (None, "3.11.13", "3.11.13", "frozen packages"),
        (None, None, HERE, "this installation"),
    ],
)
def test_the_python_version_and_where_it_comes_from(python, frozen, expected, told_by):
    target = choose_target(python, None, frozen=frozen, is_kaggle=True)
    assert (target.python, target.platform) == (expected, KAGGLE_PLATFORM)
    assert told_by in target.told_by


def test_wrong_values_are_errors():
    with pytest.raises(SettingsError, match=r"Python version such as 3\.11, got '2\.7'"):
        Target("2.7", KAGGLE_PLATFORM)
    with pytest.raises(SettingsError, match="expected a platform of wheels"):
        Target("3.11", "ubuntu")
