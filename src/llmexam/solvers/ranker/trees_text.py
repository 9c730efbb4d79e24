"""Checks of LightGBM's text format: its own parser ends the process over some damaged files."""

from __future__ import annotations

from collections.abc import Mapping

_END = "end of trees"
_HEADER = {"num_class": "1", "num_tree_per_iteration": "1"}


def check_trees(text: str) -> None:
    """Check that a text has trees whose numbers and links are in order.

    Raises:
        ValueError: It has not; the message says where.
    """
    head, *parts = text.split(f"\n{_END}", 1)[0].split("\nTree=")
    header = _fields(head.removeprefix("tree\n"))
    if not head.startswith("tree\n") or f"\n{_END}" not in text:
        raise ValueError("it does not begin with 'tree', or ends early")
    for name, expected in _HEADER.items():
        if header.get(name) != expected:
            raise ValueError(f"expected {name}={expected}")
    n_features = _whole(header, "max_feature_idx") + 1
    if len(header.get("feature_names", "").split()) != n_features:
        raise ValueError("feature_names and max_feature_idx differ")
    sizes = header.get("tree_sizes", "").split()
    if len(sizes) != len(parts) or not all(size.isdecimal() for size in sizes):
        raise ValueError("tree_sizes and the trees differ")
    for number, part in enumerate(parts):
        first, _, rest = part.partition("\n")
        if first != str(number) or len(f"Tree={part}".strip()) > int(sizes[number]):
            raise ValueError(f"tree {number} is out of order, or longer than tree_sizes says")
        try:
            _check_tree(_fields(rest), n_features)
        except (ValueError, KeyError) as error:
            raise ValueError(f"tree {number}: {error}") from None


def _check_tree(tree: Mapping[str, str], n_features: int) -> None:
    n_leaves = _whole(tree, "num_leaves")
    if n_leaves < 1 or tree.get("num_cat") != "0" or tree.get("is_linear", "0") != "0":
        raise ValueError("expected numeric splits and constant leaves")
    _numbers(tree, "leaf_value", n_leaves)
    n_inner = n_leaves - 1
    if n_inner == 0:
        return
    _numbers(tree, "threshold", n_inner)
    features = _numbers(tree, "split_feature", n_inner)
    kinds = _numbers(tree, "decision_type", n_inner)
    if any(not (0 <= one < n_features) for one in features):
        raise ValueError("a split is on a feature that is not there")
    if any(one not in (0, 2, 4, 6, 8, 10) for one in kinds):
        raise ValueError("a split has an unknown type")
    children = [*_numbers(tree, "left_child", n_inner), *_numbers(tree, "right_child", n_inner)]
    # Every node but the root is the child of one node, and stands after it.
    if sorted(children) != [*range(-n_leaves, 0), *range(1, n_inner)]:
        raise ValueError("its nodes are not a tree")
    if any(0 <= child <= place % n_inner for place, child in enumerate(children)):
        raise ValueError("its nodes are not a tree")


def _fields(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in lines}


def _whole(fields: Mapping[str, str], name: str) -> int:
    value = fields.get(name, "")
    if not value.isdecimal() or len(value) > 9:
        raise ValueError(f"expected a whole number as {name}")
    return int(value)


def _numbers(fields: Mapping[str, str], name: str, n: int) -> list[float]:
    values = [float(one) for one in fields.get(name, "").split()]
    if len(values) != n:
        raise ValueError(f"expected {n} values of {name}, got {len(values)}")
    return values
