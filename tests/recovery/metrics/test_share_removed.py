import pytest

from llmexam.recovery.metrics.share_removed import ShareRemoved


def test_share_is_that_of_characters(rewrites):
    texts = ["Rewrite lucrarea", "Poem", "ab </s>", "lucrarea", "x x x x x", "Fix it. Ice xkcdqz"]
    found = ShareRemoved().values(rewrites, texts)
    assert found.tolist() == pytest.approx([8 / 15, 0, 4 / 6, 1, 4 / 5, 6 / 15])


def test_words_of_the_texts_are_kept(rewrites):
    row = rewrites.subset([0])
    assert ShareRemoved().values(row, ["hmmph"]).tolist() == [1]
    from dataclasses import replace

    said = replace(row, rows=(replace(row[0], rewritten="He said hmmph."),))
    assert ShareRemoved().values(said, ["hmmph"]).tolist() == [0]
