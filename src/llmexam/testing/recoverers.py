"""Contract checks of recoverers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from llmexam.recovery.recoverer import Recoverer
from llmexam.recovery.rewrites import RewriteExam, join
from llmexam.testing.require import require


def check_recoverer(make: Callable[[], Recoverer], train: RewriteExam, items: RewriteExam) -> None:
    """Check that a recoverer satisfies the contract of `Recoverer`.

    Args:
        make: Makes a recoverer that has learned nothing.
        train: Rows with known prompts, at least 4.
        items: Rows to recover, at least 4, with known prompts.

    Raises:
        AssertionError: A law does not hold; the text says which.
    """
    recoverer = make()
    recoverer.fit(train)
    found = recoverer.recover(items.without_prompts())
    texts = [one.text for one in found]
    require(len(found) == len(items), "a recoverer returns one recovery for each row")
    require(all(text.strip() for text in texts), "no prompt is blank")
    for one in found:
        scores = [candidate.score for candidate in one.candidates]
        require(scores == sorted(scores, reverse=True), "candidates are ordered best first")
    others = replace(items, rows=tuple(replace(row, prompt="another prompt") for row in items))
    require(
        [one.text for one in recoverer.recover(others)] == texts,
        "a recoverer does not read the prompts of the rows it recovers",
    )
    order = list(range(len(items)))[::-1]
    turned = recoverer.recover(items.subset(order).without_prompts())
    require(
        [one.text for one in turned] == texts[::-1],
        "the prompt of a row does not depend on the other rows",
    )
    alone = recoverer.recover(items.subset([1]).without_prompts())
    require(alone[0].text == texts[1], "the prompt of a row does not depend on the number of rows")
    again = make()
    if recoverer.is_fitted:
        again.fit(join([train, items]))
    again.fit(train)
    require(
        [one.text for one in again.recover(items.without_prompts())] == texts,
        "two recoverers with the same settings give the same prompts, whatever one was fitted on "
        "before",
    )
    if recoverer.is_fitted:
        unlabelled = train.without_prompts()
        try:
            make().fit(unlabelled)
        except Exception as error:
            require(type(error).__name__ == "ExamError", "unknown prompts are an ExamError")
        else:
            raise AssertionError("fitting on rows without prompts is an error")
