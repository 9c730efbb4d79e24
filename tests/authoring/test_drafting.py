from pathlib import Path

import pytest
from tests.authoring.conftest import ColourCheck, DyingCheck, LengthCheck

from llmexam.authoring import drafting as module
from llmexam.authoring.drafting import Drafting, draft_shard, write_drafts
from llmexam.authoring.drafts import DraftFolder
from llmexam.authoring.generators.protocol import Request, Written
from llmexam.authoring.sampling import sample_sources
from llmexam.errors import RunError

REPOSITORY = Path(__file__).resolve().parents[2]
REQUEST = Request(n_options=4)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_check_judges_every_draft(tmp_path, sources, generator):
    flag = ColourCheck(name="blue", rejects=False)
    drafting = Drafting(generator, REQUEST, [LengthCheck(), ColourCheck(), flag])

    n_shards = write_drafts(sources, drafting, folder := DraftFolder(tmp_path, "k"))

    shards = list(folder.shards())
    assert n_shards == len(shards) == 4
    assert sum(shard.n_passages for shard in shards) == 1001
    assert [dict(shard.reasons) for shard in shards] == [{}, {}, {}, {"no colour": 1}]
    drafts = [draft for shard in shards for draft in shard.drafts]
    assert len(drafts) == 1000
    assert dict(drafts[0].rejections) == {"length": "too long"}
    assert dict(drafts[6].rejections) == {"length": "too long", "colour": "is red"}
    assert not drafts[2].rejections
    assert dict(drafts[1].flags) == {"blue": "is red"}
    assert drafts[2].item.distractor_notes == ("", "of alone", "of black", "of green")


@pytest.mark.slow
def test_processes_write_the_same_files(tmp_path, sources, generator, monkeypatch):
    # Other processes import the generator of these tests.
    monkeypatch.syspath_prepend(REPOSITORY)
    for n_processes in (1, 2):
        folder = DraftFolder(tmp_path / str(n_processes), "k")
        checks = [LengthCheck(), ColourCheck()]
        write_drafts(sources, Drafting(generator, REQUEST, checks, n_processes), folder)

    assert files(tmp_path / "1") == files(tmp_path / "2")


@pytest.mark.slow
def test_a_process_that_ends_is_explained(tmp_path, sources, generator, monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY)
    drafting = Drafting(generator, REQUEST, [DyingCheck()], n_processes=2)

    with pytest.raises(RunError, match="ended unexpectedly") as caught:
        write_drafts(sources[:10], drafting, DraftFolder(tmp_path, "k"))

    assert "fewer --processes" in caught.value.hint


def test_an_interrupted_run_resumes(tmp_path, sources, generator, monkeypatch):
    written = []
    real = module.draft_shard

    def dies(part, drafting):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(part[0].passage.id)
        return real(part, drafting)

    monkeypatch.setattr(module, "draft_shard", dies)
    drafting = Drafting(generator, REQUEST, [ColourCheck()])
    with pytest.raises(KeyboardInterrupt):
        write_drafts(sources, drafting, DraftFolder(tmp_path / "a", "k"))
    assert len(list(DraftFolder(tmp_path / "a", "k").shards())) == 2
    monkeypatch.setattr(module, "draft_shard", real)
    again = []
    monkeypatch.setattr(
        module, "draft_shard", lambda part, d: again.append(part[0].passage.id) or real(part, d)
    )

    write_drafts(sources, drafting, DraftFolder(tmp_path / "a", "k"))

    assert again == ["p:512", "p:768"]
    write_drafts(sources, drafting, DraftFolder(tmp_path / "b", "k"))
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_no_more_shards_than_are_enough(tmp_path, sources, generator):
    drafting = Drafting(generator, REQUEST, [LengthCheck(), ColourCheck()])
    folder, seen = DraftFolder(tmp_path, "k"), []

    def is_enough(n_shards, n_accepted):
        seen.append((n_shards, n_accepted))
        return n_accepted >= 200

    assert write_drafts(sources, drafting, folder, is_enough=is_enough) == 2
    accepted = [sum(not d.rejections for d in shard.drafts) for shard in folder.shards()]
    assert seen == [(1, accepted[0]), (2, sum(accepted))]
    assert seen[-1][1] >= 200


def test_the_last_shard_of_a_smaller_sample_is_written_again(
    tmp_path, sources, generator, monkeypatch
):
    monkeypatch.setattr(module, "SHARD_PASSAGES", 20)
    drafting = Drafting(generator, REQUEST)
    small, both = DraftFolder(tmp_path / "small", "k"), DraftFolder(tmp_path / "both", "k")
    write_drafts(sources[:30], drafting, small)
    write_drafts(sources[:50], drafting, both)
    write_drafts(sources[:30], drafting, both)
    assert [both.read(number) for number in range(2)] == list(small.shards())

    write_drafts(sources[:50], drafting, small)

    assert [shard.n_passages for shard in small.shards()] == [20, 20, 10]
    assert sum(len(shard.drafts) for shard in small.shards()) == 50


def test_of_equal_drafts_one_is_kept_and_counted(sources, generator):
    class Twice:
        name, version = "twice", "1"

        def write(self, sources, request):
            for one in generator.write(sources, request):
                yield Written(one.source, one.items * 2, one.reasons)

    shard = draft_shard(sources[:3], Drafting(Twice(), REQUEST))

    assert len(shard.drafts) == 3
    assert shard.reasons == {"repeated question": 3}


def test_a_folder_without_drafts_takes_other_settings(tmp_path, sources, generator):
    DraftFolder(tmp_path, "one")

    write_drafts(sources[:10], Drafting(generator, REQUEST), DraftFolder(tmp_path, "two"))

    with pytest.raises(RunError, match="other passages or settings"):
        DraftFolder(tmp_path, "one")


def test_drafts_of_other_settings_are_not_mixed(tmp_path, sources, generator):
    write_drafts(sources, Drafting(generator, REQUEST), DraftFolder(tmp_path, "one"))

    with pytest.raises(RunError, match="other passages or settings"):
        DraftFolder(tmp_path, "two")

    assert not list(DraftFolder(tmp_path, "two", overwrite=True).shards())


def test_a_damaged_shard_is_named(tmp_path, sources, generator):
    folder = DraftFolder(tmp_path, "k")
    write_drafts(sources[:10], Drafting(generator, REQUEST), folder)
    path = tmp_path / "drafts-00000.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))

    with pytest.raises(RunError, match="expected 10 drafts, got 9"):
        folder.read(0)


def test_a_sample_does_not_depend_on_the_order(sources):
    sample = sample_sources(sources, 50, seed=1)

    assert sample_sources(reversed(sources), 50, seed=1) == sample
    assert sample_sources(sources, 20, seed=1) == sample[:20]
    assert sample_sources(sources, 50, seed=2) != sample
    assert len(sample_sources(sources, 5000)) == len(sources)
