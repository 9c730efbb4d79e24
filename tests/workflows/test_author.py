import json
from dataclasses import replace

import pytest
from tests.authoring.conftest import COLOURS, ColourGenerator

from llmexam.authoring import drafting
from llmexam.authoring.checks.protocol import Balanced
from llmexam.authoring.records import to_item
from llmexam.authoring.settings import AuthoringSettings
from llmexam.errors import ExamError, LlmExamError, RunError, SettingsError
from llmexam.exam.parsers import read_exam
from llmexam.workflows import author
from llmexam.workflows.author import forecast_questions, read_settings, write_questions

N_PASSAGES = 600
NO_CHECKS = {"overlap": None, "readers": None, "plausible": None, "flaws": None, "support": None}


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    rows = [
        {"id": f"book:{i // 10}:{i}", "text": f"The thing{i} is {COLOURS[i % 5]}."}
        for i in range(N_PASSAGES)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    """Let a generator with fixed rules write."""
    made = []

    def build(settings):
        made.append(ColourGenerator())
        return made[-1], None

    monkeypatch.setattr(author, "build_generator", build)
    return made


@pytest.fixture
def settings(corpus):
    def make(**values):
        given = {"corpus": corpus, "n_options": 4, "checks": NO_CHECKS, **values}
        return AuthoringSettings.parse(given, subject="author write")

    return make


def test_questions_and_their_account_are_written(tmp_path, settings):
    out = tmp_path / "made.jsonl"

    summary = write_questions(settings(), out)

    exam = read_exam(out)
    account = json.loads((tmp_path / "made.jsonl.report.json").read_text())
    assert account["generated"] == account["kept"] + sum(f["rejected"] for f in account["filters"])
    assert account["kept"] == len(exam) == len(summary.finished.items)
    assert account["passages"] == N_PASSAGES
    assert account["shortfall"] == {}
    item = to_item(exam.questions[0])
    assert item.quote == item.question.passages[0].text
    assert item.question.options[item.question.answer] in item.quote
    assert item.cluster.startswith("book:")
    assert account["clusters"] == len({question.metadata["cluster"] for question in exam})


def test_a_wanted_number_is_drawn_at_random(tmp_path, settings):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"

    summary = write_questions(settings(n_questions=20), first)
    write_questions(settings(n_questions=20, seed=1), second)

    assert len(read_exam(first)) == 20
    assert summary.n_missing == 0
    of = [{q.passages[0].id for q in read_exam(path)} for path in (first, second)]
    assert of[0] != of[1]


def test_a_shortfall_of_the_sample_says_how_to_draw_more(tmp_path, settings):
    summary = write_questions(settings(n_questions=100, n_passages=50), tmp_path / "made.jsonl")

    assert "All 50 drawn passages were used. Set a larger n_passages." in str(summary)
    assert 50 in summary.as_dict()["shortfall"].values()
    whole = write_questions(settings(n_questions=601), tmp_path / "whole.jsonl")
    assert "drawn passages" not in str(whole)


def test_a_missing_exam_is_an_error_before_drafting(tmp_path, settings, colours):
    chosen = settings(checks={"overlap": {"against": str(tmp_path / "none.csv")}})

    with pytest.raises(ExamError, match=r"none\.csv: file not found"):
        write_questions(chosen, tmp_path / "made.jsonl")

    assert not colours
    assert not (tmp_path / "made.jsonl.drafts").exists()


class FirstOfCluster:
    """Keeps one question of each article."""

    name = "one per article"

    def balance(self, items):
        first = {}
        for item in items:
            first.setdefault(item.cluster, item)
        removed = {i.question.id: "not the first" for i in items if first[i.cluster] is not i}
        return Balanced(tuple(first.values()), removed)


def test_drafting_goes_on_until_the_finished_set_is_large_enough(tmp_path, settings, monkeypatch):
    real = author.build_checks
    monkeypatch.setattr(
        author, "build_checks", lambda own: replace(real(own), of_set=(FirstOfCluster(),))
    )
    monkeypatch.setattr(author, "SHARD_PASSAGES", 64)
    monkeypatch.setattr(drafting, "SHARD_PASSAGES", 64)

    # 64 passages suffice for 58 drafts, but not for 58 of the 60 articles.
    summary = write_questions(settings(n_questions=58), tmp_path / "made.jsonl")

    assert len(read_exam(tmp_path / "made.jsonl")) == 58
    assert summary.n_missing == 0
    assert 1 < summary.n_shards < 10
    again = write_questions(settings(n_questions=58), tmp_path / "again.jsonl")
    assert again.n_shards == summary.n_shards


def test_more_questions_reuse_the_drafts(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(drafting, "SHARD_PASSAGES", 64)
    out = tmp_path / "made.jsonl"
    write_questions(settings(n_questions=70, n_passages=75), out)
    written = []
    real = drafting.draft_shard
    monkeypatch.setattr(
        drafting, "draft_shard", lambda part, own: written.append(len(part)) or real(part, own)
    )

    write_questions(settings(n_questions=130, n_passages=150), out)

    assert written == [64, 22]
    write_questions(settings(n_questions=130, n_passages=150), tmp_path / "whole.jsonl")
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_the_key_of_drafts_changes_with_what_affects_them(tmp_path, settings, monkeypatch):
    solvers = {"readers": {"solvers": [{"solver": "bi-encoder", "model": str(tmp_path / "m")}]}}
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")

    def key(**values):
        return author._key(settings(**values), "1")

    before = key(checks=solvers)
    assert key(checks=solvers) == before
    assert key(checks=solvers, n_processes=2) == before
    (tmp_path / "m" / "config.json").write_text('{"a": 1}')
    assert key(checks=solvers) != before
    assert key(seed=1) != key()
    assert key(n_questions=10) != key()
    assert key(n_questions=10) == key(n_questions=20)
    seen = []
    monkeypatch.setattr(author, "code_hash", lambda *names: seen.append(names) or "")
    key(checks={"readers": {"solvers": "lexical"}})
    assert "llmexam.solvers.lexical.solver" in seen[0]


def test_a_shortfall_is_explained(tmp_path, settings):
    summary = write_questions(settings(n_questions=100_000), tmp_path / "made.jsonl")

    missing = 100_000 - len(summary.finished.items)
    assert summary.n_missing == missing
    assert summary.as_dict()["shortfall"]["wanted and not written"] == missing
    assert f"{missing:,}  fewer than wanted" in str(summary)


def test_the_same_command_resumes(tmp_path, settings, monkeypatch):
    write_questions(settings(), tmp_path / "whole.jsonl")
    real, written = author.draft_shards, []

    def dies(sources, drafting, folder):
        def some():
            for number, source in enumerate(sources):
                if number == 300:
                    raise KeyboardInterrupt
                yield source

        return real(some(), drafting, folder)

    monkeypatch.setattr(author, "draft_shards", dies)
    with pytest.raises(KeyboardInterrupt):
        write_questions(settings(), tmp_path / "made.jsonl")
    assert not (tmp_path / "made.jsonl").exists()
    assert len(list((tmp_path / "made.jsonl.drafts").glob("drafts-*.jsonl"))) == 1
    monkeypatch.setattr(author, "draft_shards", real)

    def counted(self, sources, request):
        for one in write(self, sources, request):
            written.append(one.source.passage.id)
            yield one

    write = ColourGenerator.write
    monkeypatch.setattr(ColourGenerator, "write", counted)

    write_questions(settings(), tmp_path / "made.jsonl")

    assert len(written) == N_PASSAGES - 256
    assert (tmp_path / "made.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_other_settings_need_overwrite(tmp_path, settings):
    out = tmp_path / "made.jsonl"
    write_questions(settings(), out)
    before = out.read_bytes()

    with pytest.raises(RunError, match="other passages or settings"):
        write_questions(settings(n_options=3), out)

    assert out.read_bytes() == before
    write_questions(settings(n_options=3), out, overwrite=True)
    assert {len(question.options) for question in read_exam(out)} == {3}


def test_set_checks_and_processes_keep_the_drafts(tmp_path, settings, colours):
    out = tmp_path / "made.jsonl"
    write_questions(settings(), out)
    drafts = sorted((tmp_path / "made.jsonl.drafts").glob("drafts-*"))
    times = [path.stat().st_mtime_ns for path in drafts]

    write_questions(settings(checks={**NO_CHECKS, "tells": None, "letters": None}), out)

    assert [path.stat().st_mtime_ns for path in drafts] == times


def test_rejected_questions_are_kept_with_their_reasons(tmp_path, settings):
    out = tmp_path / "made.jsonl"

    summary = write_questions(
        settings(checks={**NO_CHECKS, "plausible": {}, "support": {}}), out, keep_rejected=True
    )

    n_rejected = summary.finished.n_drafts - len(summary.finished.items)
    path = tmp_path / "made.jsonl.rejected.jsonl"
    assert n_rejected == (len(read_exam(path)) if path.exists() else 0)
    if n_rejected:
        assert all(question.metadata["rejected"] for question in read_exam(path))


def test_no_question_is_an_error_with_an_account(tmp_path, settings, corpus):
    corpus.write_text('{"id": "1", "text": "Nothing here has one colour alone."}\n')

    with pytest.raises(ExamError, match="no question is left of 0 from 1 passages"):
        write_questions(settings(), tmp_path / "made.jsonl")

    account = json.loads((tmp_path / "made.jsonl.report.json").read_text())
    assert account["generator_reasons"] == {"no colour": 1}


def test_a_forecast_writes_nothing(tmp_path, settings, corpus):
    before = sorted(tmp_path.iterdir())

    forecast = forecast_questions(settings())

    assert (forecast.n_passages, forecast.n_clusters) == (N_PASSAGES, N_PASSAGES // 10)
    assert "no cost" in str(forecast)
    assert sorted(tmp_path.iterdir()) == before


def test_another_suffix_is_refused(tmp_path, settings):
    with pytest.raises(ExamError, match=r"ends in \.jsonl"):
        write_questions(settings(), tmp_path / "made.csv")


def test_settings_of_a_file_are_changed_by_the_command_line(tmp_path, corpus, monkeypatch):
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "author.yaml").write_text(
        "corpus: ../corpus.jsonl\nn_options: 4\nchecks: {tells: null}\n"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exam.csv").write_text("id,prompt,A,B,answer\n1,Why?,a,b,A\n")

    found = read_settings(
        folder / "author.yaml",
        {"seed": 3, "checks": {"overlap": {"against": [str(tmp_path / "exam.csv")]}}},
        {"n_options": 5},
    )

    assert (found.seed, found.n_options, found.checks.tells) == (3, 5, None)
    assert found.corpus[0].path.resolve() == corpus.resolve()
    assert list(found.checks.overlap.against) == [str(tmp_path / "exam.csv")]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"styles": ["number", "number"]}, "given twice"),
        ({"writes": "stems"}, "needs a `model` or an `endpoint`"),
        ({"n_option": 4}, "n_options"),
        ({"checks": {"tell": None}}, "tells"),
        ({"n_processes": 2, "model": {"model": "x"}}, "one process"),
    ],
)
def test_wrong_settings_are_explained(settings, values, message):
    with pytest.raises(SettingsError, match=message):
        settings(**values)


def test_a_missing_corpus_is_an_error(tmp_path, settings):
    chosen = settings(corpus=tmp_path / "none.jsonl")

    with pytest.raises(LlmExamError, match=r"none\.jsonl"):
        write_questions(chosen, tmp_path / "made.jsonl")
