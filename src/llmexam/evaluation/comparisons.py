"""Results of paired comparisons: frozen data classes with the layout of `metrics.json`."""

from __future__ import annotations

from typing import Literal

from llmexam.evaluation.estimates import ClusterInfo, Estimate, MetricInfo, Result


class AdjustedP(Result):
    """P value of a comparison, adjusted for the number of tests of its family.

    Attributes:
        holm: By Holm's method, which controls the probability of any false rejection.
        benjamini_hochberg: By the method of Benjamini and Hochberg, which controls the expected
            share of false rejections.
        n_tests: Number of tests of the family.
        family: What the tests have in common.
    """

    holm: float
    benjamini_hochberg: float
    n_tests: int
    family: str


EquivalenceVerdict = Literal["equivalent", "not worse", "worse", "undecided"]


class Equivalence(Result):
    """Whether the first of two results is as good as the second, up to a margin.

    Attributes:
        margin: Largest difference that does not matter.
        alpha: Level of each of the two one-sided tests.
        interval: The difference a - b with its interval of level 1 - 2 alpha, which decides.
        verdict: `equivalent`: the interval is inside the margins; `not worse`: a is worse by less
            than the margin, if at all; `worse`: a is worse by more than the margin; `undecided`.
        n_for_not_worse: Items that show non-inferiority in 80 of 100 cases at this variance, if
            both are equally good.
        n_for_equivalence: The same for equivalence.
    """

    margin: float
    alpha: float
    interval: Estimate
    verdict: EquivalenceVerdict
    n_for_not_worse: int
    n_for_equivalence: int


class Comparison(Result):
    """Paired comparison of two results on the same items.

    Attributes:
        metric: The metric that is compared.
        name_a: Name of the first result.
        name_b: Name of the second.
        n_items: Number of items.
        a: Value of the metric for the first.
        b: Value of the metric for the second.
        difference: a - b, with a paired bootstrap interval.
        p_value: Two-sided, from a paired permutation test (sign flips).
        p_value_exact: Whether the test used all sign flips, or a random sample of them.
        n_better: Items on which a does better.
        n_worse: Items on which b does better.
        minimum_detectable_difference: Difference that a paired test on these items detects with
            a power of 80%.
        level: Level of the intervals.
        n_resamples: Resamples of the bootstrap and of the permutation test.
        seed: Seed of both.
        correlation: Correlation of the values of both over the items, which pairing makes use of;
            None if one of them has equal values on all items.
        clusters: Clusters that are resampled, and whose signs are flipped, as a whole, with the
            design effect of the difference; None for independent items.
        adjusted: P value adjusted for the number of comparisons; None for a single one.
        equivalence: Non-inferiority and equivalence; None without a margin.
    """

    metric: MetricInfo
    name_a: str
    name_b: str
    n_items: int
    a: Estimate
    b: Estimate
    difference: Estimate
    p_value: float
    p_value_exact: bool = False
    n_better: int
    n_worse: int
    minimum_detectable_difference: float
    level: float
    n_resamples: int
    seed: int
    correlation: float | None = None
    clusters: ClusterInfo | None = None
    adjusted: AdjustedP | None = None
    equivalence: Equivalence | None = None

    @property
    def winner(self) -> str | None:
        """Name of the significantly better result; None if the interval contains zero."""
        ends = (self.difference.low, self.difference.high)
        low, high = ends if self.metric.higher_is_better else (-ends[1], -ends[0])
        return self.name_a if low > 0 else self.name_b if high < 0 else None

    @property
    def n_ties(self) -> int:
        """Number of items on which both do equally well."""
        return self.n_items - self.n_better - self.n_worse


class Flip(Result):
    """Question whose first choice is right in one of two results and wrong in the other.

    Attributes:
        id: The question.
        prompt: Its text.
        options: Its options.
        answer: Letters of its right options, such as "B".
        right: Which of the two is right: `a` or `b`.
        ranking_a: Letters that the first result ranks, best first, such as "B A D"; empty where it
            gives no answer.
        ranking_b: Those of the second.
        evidence_a: Passages that the first result was given, best first.
        evidence_b: Those of the second.
    """

    id: str
    prompt: str
    options: tuple[str, ...]
    answer: str
    right: Literal["a", "b"]
    ranking_a: str
    ranking_b: str
    evidence_a: tuple[str, ...] = ()
    evidence_b: tuple[str, ...] = ()


class FullComparison(Comparison):
    """Paired comparison by the primary metric, and by each of the others.

    Attributes:
        others: Comparisons by the other metrics. Their p values are not adjusted for the number of
            metrics.
        noun: What one item is called.
        flips: For multiple choice, the questions whose first choice is right in one result only.
    """

    others: tuple[Comparison, ...] = ()
    noun: str = "question"
    flips: tuple[Flip, ...] = ()


class ComparisonFamily(Result):
    """Comparisons of one result with several others, with adjusted p values.

    Attributes:
        comparisons: The first result against each of the others.
        family: What the adjusted p values account for.
    """

    comparisons: tuple[FullComparison, ...]
    family: str
