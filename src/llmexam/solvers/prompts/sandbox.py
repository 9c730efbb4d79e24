"""Jinja templates from files of others: a sandbox with budgets for time and memory.

A template may have loops, conditions, filters and methods of texts. It may not define macros,
call itself, or make huge texts or numbers, so that rendering ends in bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import wraps
from typing import Any, cast

from jinja2 import StrictUndefined, Template, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MOST_ITERATIONS = 100_000
"""The most iterations of all loops of a template together, in one rendering."""
MOST_CHARACTERS = 50_000_000
"""The longest text that an operation may give."""
_LARGEST_NUMBER = 1_000_000
_BUDGET = "_budget"
_TOO_LONG = f"a text has more than {MOST_CHARACTERS:,} characters"
_WIDTH = re.compile(r"\d{5,}|\*|\{[^{}]*\{")
_NOT_ALLOWED = {
    nodes.Macro: "macros",
    nodes.CallBlock: "call blocks",
    nodes.Import: "imports",
    nodes.FromImport: "imports",
    nodes.Include: "includes",
    nodes.Extends: "inheritance",
}


class Budget:
    """Counts the iterations and the written characters of one rendering.

    Args:
        n_iterations: The most iterations of all loops together.
    """

    def __init__(self, n_iterations: int) -> None:
        self._n_iterations = self._n_left = n_iterations
        self._n_characters = MOST_CHARACTERS

    def count(self, values: Iterable[Any]) -> Iterator[Any]:
        """Yield values, and count them.

        Raises:
            SecurityError: There were too many.
        """
        for value in values:
            self._n_left -= 1
            if self._n_left < 0:
                raise SecurityError(f"its loops have more than {self._n_iterations:,} iterations")
            yield value

    def join(self, values: Iterable[Any]) -> str:
        """Return the texts of values, joined: the operator `~`."""
        texts = [str(value) for value in values]
        if sum(map(len, texts)) > MOST_CHARACTERS:
            raise SecurityError(_TOO_LONG)
        return "".join(texts)

    def write(self, value: Any) -> Any:
        """Return a value that is written, and count its characters.

        Raises:
            SecurityError: There were too many.
        """
        text = value if isinstance(value, str) else str(value)
        self._n_characters -= len(text)
        if self._n_characters < 0:
            raise SecurityError(_TOO_LONG)
        return value


@pass_context
def _write(context: Any, value: Any) -> Any:
    return value if isinstance(value, Undefined) else context[_BUDGET].write(value)


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """The environment of prompt templates. Rendering needs a `Budget` under the name `_budget`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            finalize=_write,
        )
        # `lipsum` writes at length, and what a namespace holds can grow with every iteration.
        for name in ("lipsum", "namespace"):
            del self.globals[name]
        self.filters = {name: _bounded(name, one) for name, one in self.filters.items()}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator whose result may be huge."""
        if operator == "%" and isinstance(left, str):
            _require_small_widths(left)
        if operator == "**" or (operator == "*" and not _are_numbers(left, right)):
            _require_small(left, right)
        found = super().call_binop(context, operator, left, right)
        return _require_short(found)

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a method of a text or a list."""
        _require_small(*args, *kwargs.values())
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str) and getattr(obj, "__name__", "").startswith("format"):
            _require_small_widths(owner)
        if isinstance(owner, str) and getattr(obj, "__name__", "") in ("replace", "join"):
            raise SecurityError("write the filters `|replace` and `|join` instead of the methods")
        return _require_short(super().call(context, obj, *args, **kwargs))


def compile_template(text: str) -> CountedTemplate:
    """Return the Jinja template of a text.

    Raises:
        jinja2.TemplateSyntaxError: The text is no template.
        SecurityError: It has what templates may not have here.
    """
    environment = PromptEnvironment()
    tree = environment.parse(text)
    for kind, name in _NOT_ALLOWED.items():
        if next(tree.find_all(kind), None) is not None:
            raise SecurityError(f"prompt templates cannot have {name}")
    for loop in list(tree.find_all(nodes.For)):
        if loop.recursive:
            raise SecurityError("prompt templates cannot have recursive loops")
        loop.iter = _call("count", loop.iter)
    counted = _JoinWithBudget().visit(tree).set_environment(environment)
    return CountedTemplate(environment.from_string(counted), 1 + len(text) // 1000)


class _JoinWithBudget(NodeTransformer):
    """Replaces the operator `~`, which a sandbox cannot intercept."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        return _call("join", nodes.List(node.nodes, lineno=node.lineno))


def _call(method: str, argument: nodes.Node) -> nodes.Call:
    line = {"lineno": argument.lineno}
    name = nodes.Getattr(nodes.Name(_BUDGET, "load", **line), method, "load", **line)
    return nodes.Call(name, [cast(nodes.Expr, argument)], [], None, None, **line)


class CountedTemplate:
    """A template whose rendering takes bounded time and memory.

    Args:
        template: The template, of which every loop is counted.
        weight: How much an iteration counts.
    """

    def __init__(self, template: Template, weight: int) -> None:
        self._template = template
        self._n_iterations = MOST_ITERATIONS // weight

    def render(self, names: Mapping[str, Any]) -> str:
        """Return the text of the template with these names.

        Raises:
            SecurityError: It takes too many iterations, or a text or a number becomes too large.
        """
        return self._template.render({**names, _BUDGET: Budget(self._n_iterations)})


def _bounded(name: str, made: Any) -> Any:
    @wraps(made)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        _require_small(*args, *kwargs.values())
        texts = [one for one in args if isinstance(one, str)]
        if name == "format" and texts:
            _require_small_widths(texts[0])
        n = texts[0].count(texts[1]) * len(texts[2]) if name == "replace" and texts[2:] else 0
        if n > MOST_CHARACTERS:
            raise SecurityError(_TOO_LONG)
        return _require_short(made(*args, **kwargs))

    return filtered


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _require_small(*values: Any) -> None:
    for value in values:
        if isinstance(value, int | float) and abs(value) > _LARGEST_NUMBER:
            raise SecurityError(f"a number is larger than {_LARGEST_NUMBER:,}")


def _require_small_widths(text: str) -> None:
    if _WIDTH.search(text):
        raise SecurityError("a format has a width of five digits or more, or one that varies")


def _require_short(value: Any) -> Any:
    if isinstance(value, str | list | tuple) and len(value) > MOST_CHARACTERS:
        raise SecurityError(_TOO_LONG)
    if isinstance(value, int) and abs(value).bit_length() > 4096:
        raise SecurityError("a number has more than 4,096 bits")
    return value
