from dataclasses import replace

from llmexam.report import record
from llmexam.report.content import AuditFinding
from llmexam.report.html import render_report


def test_errors_come_before_notes(content):
    found = record.findings(content)
    assert [f.severity for f in found] == ["error", "note"]
    assert [f.rows for f in found] == ["rows 1 and 2", ""]
    assert record.audit_summary(content) == "1 error and 1 note"


def test_an_audit_without_findings_says_so(content):
    assert record.audit_summary(replace(content, audit=())) == "no findings"


def test_many_rows_are_cut_and_unknown_severities_come_last(content):
    odd = AuditFinding("c", "odd", "m", tuple(range(1, 100)))
    found = record.findings(replace(content, audit=(odd, *content.audit)))
    assert found[-1].severity == "odd"
    assert found[-1].rows.endswith("and 87 more")
    assert "1 other finding" in record.audit_summary(replace(content, audit=(odd,)))


def test_stages_are_drawn_against_the_longest(content):
    read, solve = record.stages(content)
    assert (read.time, solve.time, solve.memory) == ("20 ms", "3.0 s", "1.5 GB")
    assert 'width="0.7%"' in read.time_bar
    assert 'width="100.0%"' in solve.time_bar
    assert [read.cached, solve.cached] == [False, True]
    assert record.stage_total(content) == ("3.0 s in all, peak 1.5 GB, 1 taken from an earlier run")


def test_no_stages_have_no_total(content):
    assert record.stage_total(replace(content, stages=())) == ""


def test_provenance_names_exam_hashes_seed_and_versions(content):
    entries = dict(record.provenance(content))
    assert entries["Exam"] == "exam.csv"
    assert entries["Content SHA-256"] == content.exam.content_hash
    assert (entries["Seed"], entries["llmexam"]) == ("7", "0.1.0")
    assert entries["Intervals"] == "200 bootstrap resamples, seed 0"


def test_what_is_not_known_is_left_out(unlabelled):
    entries = dict(record.provenance(unlabelled))
    assert not {"Exam", "Format", "File SHA-256", "Intervals"} & set(entries)


def test_no_folder_of_the_machine_is_shown(content):
    home, run = "/home/someone/secret", "/tmp/somewhere/run"
    placed = replace(
        content,
        exam=replace(content.exam, source=f"{home}/exam.csv"),
        command=f"llmexam run '{home}/my plan.yaml' --out={run} --set evidence.index=[{home}/a]",
        audit=(AuditFinding("repeats", "error", f"1 question is in {home}/other.csv too"),),
        provenance={f"index {run}/index/sparse": "1" * 64, f"index {home}/notes": "2" * 64},
        files={"report": f"{run}/report.html", "scores": f"{run}/scores"},
        folder=run,
    )
    page = render_report(placed)
    assert "someone" not in page
    assert "somewhere" not in page
    assert record.command(placed) == (
        "llmexam run 'my plan.yaml' --out=run --set 'evidence.index=[a]'"
    )
    entries = dict(record.provenance(placed))
    assert entries["Exam"] == "exam.csv"
    assert {"index index/sparse", "index notes"} <= set(entries)
    assert record.files(placed) == (("report", "report.html"), ("scores", "scores"))


def test_nothing_is_told_twice(content):
    known = {"exam": "exam.csv", "exam file SHA-256": "f" * 64, "machine": "Linux"}
    entries = record.provenance(replace(content, provenance=known))
    assert len({value for _, value in entries}) == len(entries)
    assert ("machine", "Linux") in entries
