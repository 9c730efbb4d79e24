"""Entry points are looked up once, and again after an installation."""

from importlib import metadata

from llmexam import plugins


def install(folder, name):
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[llmexam.tests]\n{name} = json:loads\n")


def test_a_group_is_looked_up_again_only_when_the_search_path_changes(tmp_path, monkeypatch):
    calls = []
    look_up = metadata.entry_points

    def counting(**wanted):
        calls.append(wanted)
        return look_up(**wanted)

    monkeypatch.setattr(metadata, "entry_points", counting)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert plugins.entry_points(group="llmexam.tests") == ()
    assert plugins.entry_points(group="llmexam.tests") == ()
    assert len(calls) == 1
    install(tmp_path, "one")
    (found,) = plugins.entry_points(group="llmexam.tests")
    assert (found.name, found.value, found.dist.name) == ("one", "json:loads", "one")
    assert len(calls) == 2
