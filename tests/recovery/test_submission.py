import pytest

from llmexam.errors import SubmissionError
from llmexam.recovery.submission import read_submission, submission_text, write_submission


def test_what_is_written_is_read_back(tmp_path, rewrites):
    path = tmp_path / "submission.csv"
    prompts = ['say "x", please', "None", "two\nlines", "d", "e", "f"]
    write_submission(path, rewrites.ids, prompts)
    assert list(read_submission(path, rewrites).values()) == prompts
    assert path.read_text().startswith("id,rewrite_prompt\n")


def test_the_official_form(shared_data):
    path = shared_data / "prompt_recovery" / "official_sample_submission.csv"
    assert read_submission(path) == {"9559194": "Improve that text."}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,rewrite_prompt\n0,a\n0,b\n", r"row 2 field 'id'.*twice"),
        ("id,rewrite_prompt\n9,a\n", r"no row with the id '9'"),
        ("id,rewrite_prompt\n0, \n", r"row 1 field 'rewrite_prompt'.*blank"),
        ("id,rewrite_prompt\n0,a\n", r"5 of 6 rows have no prompt; the first is '1'"),
        ("id,prompt\n0,a\n", r"'rewrite_prompt' is missing; found: id, prompt"),
    ],
)
def test_faults_are_named(tmp_path, rewrites, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(SubmissionError, match=message):
        read_submission(tmp_path / "s.csv", rewrites)


def test_blank_prompts_are_not_written(tmp_path):
    with pytest.raises(SubmissionError, match=r"row 2.*blank"):
        write_submission(tmp_path / "s.csv", ["1", "2"], ["a", "\n"])
    assert not (tmp_path / "s.csv").exists()
    with pytest.raises(SubmissionError, match="no rows"):
        submission_text([], [])
