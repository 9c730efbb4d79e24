"""Outputs on pages: found, compared with what is printed, and written anew."""

from pathlib import Path

import pytest

from page_blocks import blocks_of, unchecked_blocks
from page_outputs import difference, update
from pages import PageError, rewrite, run_page, stale_outputs

PAGE = """\
# Page

<!-- file: exam.csv -->
```text
id,prompt,A,B,answer
q1,Which is longer?,one,three,B
```

```console
$ llmexam solve exam.csv --solver longest
id,prediction
q1,B A

$ llmexam convert exam.csv \\
    exam.jsonl
exam.jsonl: 1 question (all, jsonl)
```

```python
print("MAP@3", 0.5292)
```

```text
MAP@3 0.5292
```
"""


def write(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def run(page: Path, folder: Path):
    folder.mkdir()
    return run_page(page, folder)


@pytest.mark.parametrize(
    ("right", "wrong", "source"),
    [
        ("q1,B A", "q1,A B", "llmexam solve exam.csv --solver longest"),
        ("jsonl: 1 question", "jsonl: 2 questions", "llmexam convert exam.csv exam.jsonl"),
        ("\nMAP@3 0.5292", "\nMAP@3 0.5293", "page.md, block 3"),
    ],
)
def test_a_changed_figure_on_a_page_is_found_and_written_anew(tmp_path, right, wrong, source):
    assert PAGE.count(right) == 1
    page = write(tmp_path, PAGE)
    assert stale_outputs(run(page, tmp_path / "a")) == {}

    text = PAGE.replace(right, wrong)
    outputs = run(write(tmp_path, text), tmp_path / "b")
    assert list(stale_outputs(outputs)) == [source]
    assert rewrite(text, outputs) == PAGE


def test_a_missing_output_is_found_and_written(tmp_path):
    text = PAGE.replace("\n```text\nMAP@3 0.5292\n```\n", "").replace("id,prediction\nq1,B A\n", "")
    outputs = run(write(tmp_path, text), tmp_path / "a")
    assert len(stale_outputs(outputs)) == 2
    assert rewrite(text, outputs) == PAGE


def test_a_page_is_told_from_its_outputs(tmp_path):
    page = write(
        tmp_path,
        "```text\nno one knows\n```\n\n```sh\nls\n```\n\n"
        "<!-- not run: slow -->\n```console\n$ llmexam run demo\n```\n\n" + PAGE,
    )
    assert [block.text for block in unchecked_blocks(page)] == ["no one knows\n", "ls\n"]


def test_a_command_that_ends_otherwise_fails_its_page(tmp_path):
    failing = "```console\n$ llmexam solve none.csv\nerror: ...\n```\n"
    with pytest.raises(PageError, match=r"ended with 2.*none\.csv"):
        run(write(tmp_path, failing), tmp_path / "a")
    outputs = run(write(tmp_path, f"<!-- exit: 2 -->\n{failing}"), tmp_path / "b")
    assert outputs[0].printed.startswith("error: none.csv")


def test_a_block_can_show_the_output_of_another_command(tmp_path):
    text = (
        "<!-- output of: llmexam audit bundled -->\n```text\n"
        "bundled: 120 questions, 121 with answers, 5 options, form 'kaggle'\n...\n```\n"
    )
    outputs = run(write(tmp_path, text), tmp_path / "a")
    assert list(stale_outputs(outputs)) == ["llmexam audit bundled"]
    assert "120 with answers" in rewrite(text, outputs)
    assert rewrite(text, outputs).endswith("\n...\n```\n")


def test_a_comment_says_what_becomes_of_a_block(tmp_path):
    page = write(
        tmp_path,
        "<!-- not run: slow -->\n```sh\nllmexam run demo\n```\n\n"
        "<!-- file: a.txt -->\n\n```text\nx\n```\n"
        "<!-- exit: 2 -->\n```console\n$ llmexam solve \\\n    none.csv\nerror: ...\n```\n"
        "```sh\nls\n```\n",
    )
    slow, file, error, other = blocks_of(page)
    assert slow.is_left_out
    assert (file.file, file.text) == ("a.txt", "x\n")
    assert (error.exit_code, error.commands) == (2, [["llmexam", "solve", "none.csv"]])
    assert other.commands == []


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("wrote 4 passages, 0.2 s", "wrote 4 passages, 11.3 s"),
        ("audit       73 ms    144 MB", "audit    1.3 s   1.2 GB"),
        ("23.4 of 25.3 GB memory free", "5 of 8 GB memory free"),
        ("0.1.0 on Python 3.11.7", "0.2.0rc1 on Python 3.13.1"),
        ("linux x86_64, 2 cores", "darwin arm64, 10 cores"),
        ("383 texts/s on 2026-01-02", "1,204 texts/s on 2027-11-30 10:02"),
        ("7:55 min", "12:01 min"),
        (
            " Stage   Time\n ────────────\n audit   4 ms",
            " Stage    Time\n ─────────────\n audit   14 ms",
        ),
        ("a\n...\nz", "a\nb\nc\nz"),
        ("a\n...", "a"),
        (
            "lexical 0.529\nbi-encoder 0.5514 to 0.6181",
            "lexical 0.529\nbi-encoder 0.5597 to 0.6264",
        ),
    ],
)
def test_figures_of_the_machine_are_masked(shown, printed):
    assert difference(shown, printed) == ""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("MAP@3 0.5292", "MAP@3 0.5293"),
        ("wrote 4 passages, 0.2 s", "wrote 5 passages, 0.2 s"),
        ("lexical  0.5", "lexical 0.5"),
        ("p 0.0006154", "p 0.0006155"),
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("a\n...\nz", "a\nb\ny"),
        ("a\nb\n...\nb\nz", "a\nb\nz"),
        ("bi-encoder 0.5514", "bi-encoder 0.6014"),
        ("bi-encoder 12", "bi-encoder 13"),
    ],
)
def test_results_are_compared(shown, printed):
    assert "the page shows" in difference(shown, printed)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("one\ntwo 1\n...\nfour 0.2 s\nfive", "one\nnew\ntwo 2\n...\nfour 3 ms\nfive\n"),
        ("...\nfive", "...\nfive\n"),
        ("one\n...", "one\n...\n"),
        ("one\ngone\n...\nfive", "one\nnew\n...\nfive\n"),
    ],
)
def test_what_a_page_leaves_out_is_left_out_again(shown, expected):
    printed = "one\nnew\ntwo 2\nthree\nfour 3 ms\nfive"
    assert update(shown, printed) == expected


def test_paragraphs_that_differ_by_machine_only_stay():
    shown = "MAP@3 0.5\n\n Stage   Time\n audit   4 ms\n\nend\n"
    printed = "MAP@3 0.6\n\n Stage    Time\n audit   14 ms\n\nend"
    assert update(shown, printed) == "MAP@3 0.6\n\n Stage   Time\n audit   4 ms\n\nend"
    other = printed.replace("audit", "search")
    assert update(shown, other) == other
