import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.authoring.generators.sentences.quantities import find_quantity, other_numbers


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("The ice is about 3.5 km thick.", "3.5", " km"),
        ("The lake lost 1,250 million liters of water.", "1,250", " million liters"),
        ("Of the birds of the coast 45% never leave.", "45", "%"),
    ],
)
def test_a_quantity_is_found_with_its_unit(text, number, rest):
    quantity = find_quantity(text)
    assert quantity is not None
    assert (quantity.number, quantity.rest) == (number, rest)
    assert text[quantity.start : quantity.end] == number + rest


@pytest.mark.parametrize(
    "text",
    [
        "The ice is between 3 and 5 km thick.",
        "The ice is 3 to 5 km thick.",
        "The ice is more than 3 km thick.",
        "The ice is 3 km thick and 5 km long.",
        "The ice of group 3 elements is thick.",
        "The ice is thick.",
    ],
)
def test_ranges_and_several_quantities_are_left_out(text):
    assert find_quantity(text) is None


@given(
    number=st.one_of(
        st.integers(min_value=2, max_value=10**6).map(str),
        st.integers(min_value=1000, max_value=10**6).map(lambda value: f"{value:,}"),
        st.integers(min_value=2, max_value=999).map(lambda value: f"{value / 100:.2f}"),
    ),
    n_wanted=st.integers(min_value=2, max_value=6),
    seed=st.integers(min_value=0, max_value=9),
)
def test_other_numbers_have_the_same_format(number, n_wanted, seed):
    quantity = find_quantity(f"The ice is {number} km thick.")
    if quantity is None or quantity.value == 1:
        return
    numbers = other_numbers(quantity, n_wanted, seed, "")
    if numbers is None:
        return
    assert len({number, *numbers}) == n_wanted + 1
    decimals = len(number.partition(".")[2])
    for one in numbers:
        assert re.fullmatch(r"\d{1,3}(,\d{3})+|\d+(\.\d+)?", one)
        assert len(one.partition(".")[2]) == decimals
        assert 0 < float(one.replace(",", "")) <= 10 * quantity.value * 1.5 + 1


def test_the_rank_of_the_answer_is_drawn():
    quantity = find_quantity("The ice is 40 km thick.")
    assert quantity is not None
    ranks = set()
    for seed in range(60):
        numbers = other_numbers(quantity, 4, seed, "")
        assert numbers is not None
        ranks.add(sum(float(one) < 40 for one in numbers))
    assert ranks == {0, 1, 2, 3, 4}


def test_percentages_stay_within_100_and_numbers_of_the_passage_are_left_out():
    quantity = find_quantity("About 80 percent of the ice melts.")
    assert quantity is not None
    for seed in range(20):
        numbers = other_numbers(quantity, 4, seed, "The other 40 stay.")
        assert numbers is not None
        assert all(float(one) <= 100 for one in numbers)
        assert "40" not in numbers
