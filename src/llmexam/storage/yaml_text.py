"""Safe YAML loading: plain types only, and no repeated keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from llmexam.errors import SettingsError

MOST_VALUES = 100_000
"""The most values of a YAML text, each alias counted with all that it stands for."""


def load_yaml(text: str, *, file: str | Path | None = None) -> Any:
    """Return the value of a YAML text, of plain types only.

    Args:
        text: The YAML.
        file: The file it came from, for error texts.

    Raises:
        SettingsError: It is not YAML, a value cannot be, a mapping has a key twice, an alias
            contains itself, or aliases make the text much larger than it is.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise SettingsError(f"invalid YAML{line}: {problem}", file=file) from None
    except (ValueError, RecursionError) as error:
        # Dates that are none, numbers of thousands of digits, thousands of brackets.
        raise SettingsError(f"invalid YAML: {error}", file=file) from None
    finally:
        if loader is not None:
            loader.dispose()


def _check(root: yaml.Node) -> None:
    """Check the values of a YAML text before they are made.

    Raises:
        yaml.MarkedYAMLError: A text has a lone surrogate, an alias contains itself, or there are
            too many values when every alias is counted with all that it stands for.
    """
    sizes: dict[int, int | None] = {}
    # Depth first, without recursion: a node's size is known after those of its children.
    waiting = [(root, False)]
    while waiting:
        node, is_left = waiting.pop()
        children = _children(node)
        if is_left:
            size = 1 + sum(sizes[id(child)] or 0 for child in children)
            if size > MOST_VALUES:
                raise _problem(
                    f"with its aliases it has more than {MOST_VALUES:,} values", root.start_mark
                )
            sizes[id(node)] = size
            continue
        if id(node) in sizes:
            if sizes[id(node)] is None:
                raise _problem("an alias contains itself", node.start_mark)
            continue
        if isinstance(node, yaml.ScalarNode) and not _is_text(node.value):
            raise _problem("a text has an incomplete character (lone surrogate)", node.start_mark)
        sizes[id(node)] = None
        waiting.append((node, True))
        waiting += [(child, False) for child in children]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _problem(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, mark)


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML forbids it, and one value would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                # As Python compares them: `1` and `0x1` are one key, `1` and `"1"` are two.
                made = self.construct_object(key)
                if made in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key '{key.value}' appears twice", key.start_mark
                    )
                seen.add(made)
        return super().construct_mapping(node, deep)
