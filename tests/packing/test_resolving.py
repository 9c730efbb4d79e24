"""pip resolves from folders of wheels, without a network."""

import sys
from pathlib import Path

import pytest

from llmexam.errors import SettingsError
from llmexam.packing import pip_process
from llmexam.packing.freeze import Image
from llmexam.packing.pip_process import Sources
from llmexam.packing.resolving import Resolver, Wheel, dependencies_first
from llmexam.packing.target import KAGGLE_PLATFORM, Target
from packing_files import make_source, make_wheel

# Modules of markers: one uses the function that is replaced, the other one does not.
IGNORED = """
def default_environment():
    return {}
class Marker:
    def __init__(self, text): self.name, _, self.value = text.split()
    def evaluate(self): return False
"""
USED = IGNORED.replace("return False", "return True")


def resolver(tmp_path: Path, image: Image | None = None, python: str = "3.11") -> Resolver:
    sources = Sources((str(tmp_path / "links"),), no_index=True)
    target = Target(python, KAGGLE_PLATFORM)
    return Resolver(target, image or Image(), sources, tmp_path / "work")


def wheel(name: str, *needs: str) -> Wheel:
    return Wheel(name, "1.0", f"{name}.whl", "", "", frozenset(needs))


def test_what_the_image_has_is_kept_and_the_rest_comes_in_order(tmp_path: Path):
    links = tmp_path / "links"
    make_wheel(links, "app", "1.0", ["zebra", "aged>=2", "new-er<9", "image_only"])
    make_wheel(links, "zebra", "1.0", ["base"])
    make_wheel(links, "base", "1.0")
    make_wheel(links, "aged", "2.5")
    make_wheel(links, "new_er", "1.0")
    image = Image({"aged": "1.0", "new-er": "8.0", "image-only": "3.0+cu124"})
    found = resolver(tmp_path, image).resolve(["app"])
    # `new-er` is newer in the image than in the index, `image-only` is in no index at all.
    assert [(one.name, one.version) for one in found] == [
        ("aged", "2.5"),
        ("base", "1.0"),
        ("zebra", "1.0"),
        ("app", "1.0"),
    ]
    resolver(tmp_path, image).download(found, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        one.file for one in found
    )


def test_what_depends_on_a_replaced_package_is_replaced_too(tmp_path: Path):
    links = tmp_path / "links"
    make_wheel(links, "app", "1.0", ["base>=2", "user"])
    make_wheel(links, "base", "2.0")
    make_wheel(links, "user", "2.0", ["base>=2"])
    image = Image({"base": "1.0", "user": "1.0"})
    sources = Sources((str(links),), no_index=True)
    target = Target("3.11", KAGGLE_PLATFORM)
    for needs, expected in (({"user": ["base<2"]}, ["2.0", "2.0"]), ({}, ["2.0"])):
        one = Resolver(target, image, sources, tmp_path / "work", needs)
        found = {wheel.name: wheel.version for wheel in one.resolve(["app"])}
        assert found.pop("app") == "1.0"
        assert list(found.values()) == expected


def test_an_image_newer_than_allowed_is_an_error_that_names_both(tmp_path: Path):
    make_wheel(tmp_path / "links", "app", "1.0", ["base<2"])
    make_wheel(tmp_path / "links", "base", "1.5")
    with pytest.raises(SettingsError) as caught:
        resolver(tmp_path, Image({"base": "3.1"})).resolve(["app"])
    assert "app 1.0 needs base<2, and the image has base 3.1" in str(caught.value)
    assert "never replaced by older ones" in str(caught.value)


def test_no_wheel_for_the_python_of_the_image(tmp_path: Path):
    make_wheel(tmp_path / "links", "app", "1.0", ["native==2.0"])
    make_wheel(tmp_path / "links", "native", "2.0", tag="cp312-cp312-manylinux2014_x86_64")
    with pytest.raises(SettingsError) as caught:
        resolver(tmp_path).resolve(["app"])
    message = str(caught.value)
    assert "there is no wheel of 'native==2.0' for Python 3.11 on manylinux_2_35_x86_64" in message
    assert "--find-links" in message


def test_markers_hold_for_the_python_of_the_image_not_for_this_one(tmp_path: Path):
    needs = ['old; python_version < "3.12"', 'new; python_version >= "3.12"']
    make_wheel(tmp_path / "links", "app", "1.0", needs)
    make_wheel(tmp_path / "links", "old", "1.0")
    make_wheel(tmp_path / "links", "new", "1.0")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    there, expected = ("3.13", "new") if here < "3.12" else ("3.11", "old")
    found = resolver(tmp_path, python=there).resolve(["app"])
    assert [one.name for one in found] == [expected, "app"]


def test_a_source_of_pure_python_is_built(tmp_path: Path):
    make_wheel(tmp_path / "links", "app", "1.0", ["pure"])
    make_source(tmp_path / "links", "pure", "0.9")
    one = resolver(tmp_path)
    found = one.resolve(["app"])
    assert [wheel.name for wheel in found] == ["pure", "app"]
    assert one.built.files == ["pure-0.9-py3-none-any.whl"]
    one.download(found, tmp_path / "out")
    assert (tmp_path / "out" / "pure-0.9-py3-none-any.whl").is_file()


def test_a_source_with_compiled_code_is_not_built_for_another_machine(tmp_path: Path):
    make_source(tmp_path / "links", "native", "1.0", tag="cp311-cp311-linux_x86_64")
    with pytest.raises(SettingsError, match="compiled code, which would be built for this machine"):
        resolver(tmp_path).resolve(["native"])


def test_a_package_of_unknown_version_matters_only_if_it_is_needed(tmp_path: Path):
    make_wheel(tmp_path / "links", "app", "1.0", ["cython"])
    make_wheel(tmp_path / "links", "cython", "1.0")
    image = Image({}, {"cython": 7, "other": 9})
    with pytest.raises(SettingsError, match="row 7 of the frozen packages does not give"):
        resolver(tmp_path, image).resolve(["app"])


@pytest.mark.parametrize(
    ("version", "markers", "missing"),
    [
        ("26.3", "", "default_environment"),
        ("26.3", IGNORED, "do not use default_environment"),
        ("23.2.1", USED, "check_dist_restriction"),
    ],
)
def test_a_pip_with_other_parts_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, markers: str, missing: str
):
    files = {
        "__init__": f"__version__ = '{version}'",
        "_vendor/packaging/markers": markers,
        "_internal/cli/main": "main = None",
        "_internal/cli/cmdoptions": "",
    }
    for name, text in files.items():
        path = tmp_path / "pip" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(pip_process, "_place_of_pip", lambda: tmp_path)
    with pytest.raises(SettingsError, match=f"pip {version} has other parts.*{missing}"):
        resolver(tmp_path).resolve(["app"])


def test_dependencies_come_first_and_circles_end():
    wheels = [wheel("a", "b"), wheel("b", "c"), wheel("c", "a", "absent"), wheel("d")]
    for order in (wheels, wheels[::-1]):
        names = [one.name for one in dependencies_first(order)]
        assert names == ["c", "b", "a", "d"]
