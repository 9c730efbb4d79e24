from dataclasses import replace

from llmexam.report.content import AuditFinding
from llmexam.report.html import render_report
from llmexam.report.sections.audit import audit_view
from llmexam.report.sections.provenance import provenance_view
from llmexam.report.sections.section import ReportData
from llmexam.report.sections.stages import stages_view


def test_errors_come_before_notes(content):
    view = audit_view(ReportData(content))
    found = view.findings
    assert [f.severity for f in found] == ["error", "note"]
    assert [f.rows for f in found] == ["rows 1 and 2", ""]
    assert view.counts == "1 error and 1 note"


def test_an_audit_without_findings_says_so(content):
    assert audit_view(ReportData(replace(content, audit=()))).counts == "no findings"


def test_many_rows_are_cut_and_unknown_severities_come_last(content):
    odd = AuditFinding("c", "odd", "m", tuple(range(1, 100)))
    found = audit_view(ReportData(replace(content, audit=(odd, *content.audit)))).findings
    assert found[-1].severity == "odd"
    assert found[-1].rows.endswith("and 87 more")
    assert "1 other finding" in audit_view(ReportData(replace(content, audit=(odd,)))).counts


def test_stages_are_drawn_against_the_longest(content):
    view = stages_view(ReportData(content))
    read, solve = view.stages
    assert (read.time, solve.time, solve.memory) == ("20 ms", "3.0 s", "1.5 GB")
    assert 'width="0.7%"' in read.time_bar
    assert 'width="100.0%"' in solve.time_bar
    assert [read.cached, solve.cached] == [False, True]
    assert view.total == ("total 3.0 s, peak memory 1.5 GB, 1 cached")


def test_no_stages_have_no_section(content):
    assert stages_view(ReportData(replace(content, stages=()))) is None


def test_provenance_names_exam_hashes_seed_and_versions(content):
    entries = dict(provenance_view(ReportData(content)).entries)
    assert entries["Exam"] == "exam.csv"
    assert entries["Content SHA-256"] == content.exam.content_hash
    assert (entries["Seed"], entries["llmexam"]) == ("7", "0.1.0")
    assert entries["Intervals"] == "200 bootstrap resamples, seed 0"


def test_what_is_not_known_is_left_out(unlabelled):
    entries = dict(provenance_view(ReportData(unlabelled)).entries)
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
    view = provenance_view(ReportData(placed))
    assert view.command == ("llmexam run 'my plan.yaml' --out=run --set 'evidence.index=[a]'")
    entries = dict(view.entries)
    assert entries["Exam"] == "exam.csv"
    assert {"index index/sparse", "index notes"} <= set(entries)
    assert view.files == (("report", "report.html"), ("scores", "scores"))


def test_nothing_is_told_twice(content):
    known = {"exam": "exam.csv", "exam file SHA-256": "f" * 64, "machine": "Linux"}
    entries = provenance_view(ReportData(replace(content, provenance=known))).entries
    assert len({value for _, value in entries}) == len(entries)
    assert ("machine", "Linux") in entries
