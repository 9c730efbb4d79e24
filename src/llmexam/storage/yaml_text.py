"""Safe YAML loading: plain types only, and no repeated keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from llmexam.errors import SettingsError


def load_yaml(text: str, *, file: str | Path | None = None) -> Any:
    """Return the value of a YAML text, of plain types only.

    Args:
        text: The YAML.
        file: The file it came from, for error texts.

    Raises:
        SettingsError: It is not YAML, a value cannot be, or a mapping has a key twice.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise SettingsError(f"invalid YAML{line}: {problem}", file=file) from None
    except (ValueError, RecursionError) as error:
        # Dates that are none, numbers of thousands of digits, thousands of brackets.
        raise SettingsError(f"invalid YAML: {error}", file=file) from None


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML forbids it, and one value would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key '{key.value}' appears twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)
