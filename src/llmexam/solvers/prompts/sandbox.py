"""Jinja templates from files of others: a sandbox with budgets for time and memory.

A template may have loops, conditions, filters and methods of texts. It may not define macros,
call itself, or make huge texts or numbers, so that rendering ends in bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import wraps
from typing import Any, cast

from jinja2 import StrictUndefined, Template, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from llmexam.solvers.prompts.budget import ELEMENT, Budget, own_size, size_of

MOST_ITERATIONS = 100_000
"""The most iterations of all loops of a template together, in one rendering."""
_LARGEST_NUMBER = 1_000_000
_BUDGET = "_budget"
_MOST_BITS = 4096
_WIDTH = re.compile(r"\d{5,}|\*|\{[^{}]*\{")
_NOT_ALLOWED = {
    nodes.Macro: "macros",
    nodes.CallBlock: "call blocks",
    nodes.Import: "imports",
    nodes.FromImport: "imports",
    nodes.Include: "includes",
    nodes.Extends: "inheritance",
    nodes.Block: "blocks",
}
# Filters that pass values on, or read them one by one; what they hold is not copied.
_PASSING = {
    *("abs", "attr", "batch", "count", "d", "default", "first", "float", "int", "items", "last"),
    *("length", "list", "map", "random", "reject", "rejectattr", "round", "select", "selectattr"),
    "slice",
}
_NO_METHODS = {"encode", "expandtabs", "format_map", "join", "maketrans", "replace", "translate"}


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
        self.tests = {name: _bounded("", one) for name, one in self.tests.items()}

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an element of a list or a mapping."""
        if isinstance(argument, list | tuple | dict):
            raise SecurityError("a key or an index is a list")
        return super().getitem(obj, argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator whose result may be huge."""
        budget: Budget = context[_BUDGET]
        if operator == "%" and isinstance(left, str):
            _require_small_widths(left)
            budget.spend(len(left) + left.count("%") * size_of(right))
        elif operator == "**":
            _require_small(left, right)
            if isinstance(left, int) and isinstance(right, int):
                _require_few_bits(left.bit_length() * right)
        elif operator == "*" and not _are_numbers(left, right):
            _require_small(left, right)
            n = next((one for one in (left, right) if isinstance(one, int)), 1)
            budget.spend(max(0, n) * (own_size(left) + own_size(right)))
        else:
            budget.spend(own_size(left) + own_size(right))
        found = super().call_binop(context, operator, left, right)
        if isinstance(found, int):
            _require_few_bits(found.bit_length())
        return found

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a method of a text or a list."""
        owner = getattr(getattr(obj, "__wrapped__", obj), "__self__", None)
        if isinstance(owner, Budget):
            return super().call(context, obj, *args, **kwargs)
        budget: Budget = context[_BUDGET]
        name = getattr(obj, "__name__", "")
        _require_small(*args, *kwargs.values())
        given = size_of([*args, *kwargs.values()])
        budget.spend_reading(owner if isinstance(owner, str) else None)
        if isinstance(owner, bytes | bytearray) or (isinstance(owner, str) and name in _NO_METHODS):
            raise SecurityError(
                "write the filters `|replace` and `|join` instead of the methods"
                if name in ("replace", "join")
                else f"prompt templates cannot call the method {name}"
            )
        if isinstance(owner, str) and name == "format":
            _require_small_widths(owner)
            given *= owner.count("{")
        if isinstance(owner, str) and name in ("split", "rsplit", "splitlines"):
            given += len(owner) * ELEMENT // 8
        budget.spend(given)
        found = super().call(context, obj, *args, **kwargs)
        budget.spend(own_size(found))
        return found


def compile_template(text: str) -> CountedTemplate:
    """Return the Jinja template of a text.

    Raises:
        jinja2.TemplateSyntaxError: The text is no template.
        SecurityError: It has what templates may not have here.
    """
    environment = PromptEnvironment()
    tree = environment.parse(text)
    if any(one.name == _BUDGET for one in tree.find_all(nodes.Name)):
        raise SecurityError(f"prompt templates cannot use the name {_BUDGET}")
    for kind, name in _NOT_ALLOWED.items():
        if next(tree.find_all(kind), None) is not None:
            raise SecurityError(f"prompt templates cannot have {name}")
    for loop in list(tree.find_all(nodes.For)):
        if loop.recursive:
            raise SecurityError("prompt templates cannot have recursive loops")
        loop.iter = _call("count", loop.iter)
    counted = _WithBudget().visit(tree).set_environment(environment)
    return CountedTemplate(environment.from_string(counted), 1 + len(text) // 1000)


class _WithBudget(NodeTransformer):
    """Replaces what a sandbox cannot intercept: `~`, slices, keys and comparisons."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        return _call("join", nodes.List(node.nodes, lineno=node.lineno))

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        if not isinstance(part := node.arg, nodes.Slice):
            return node
        none = nodes.Const(None, lineno=node.lineno)
        return _call(
            "slice", node.node, *(one or none for one in (part.start, part.stop, part.step))
        )

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        if not isinstance(node.key, nodes.Const):
            node.key = _call("key", node.key)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        node.expr = _call("read", node.expr)
        for operand in node.ops:
            operand.expr = _call("read", operand.expr)
        return node


def _call(method: str, *arguments: nodes.Node) -> nodes.Call:
    line = {"lineno": arguments[0].lineno}
    name = nodes.Getattr(nodes.Name(_BUDGET, "load", **line), method, "load", **line)
    return nodes.Call(name, [cast(nodes.Expr, one) for one in arguments], [], None, None, **line)


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
    """Return a filter, or a test without a name, that spends from the budget."""
    leading = getattr(getattr(made, "jinja_pass_arg", None), "name", "")

    @wraps(made)
    def bounded(context: Any, *args: Any, **kwargs: Any) -> Any:
        budget: Budget = context[_BUDGET]
        _require_small(*args, *kwargs.values())
        if not name:
            budget.spend_reading(*args)
        elif name in _PASSING:
            budget.spend(ELEMENT + sum(own_size(one) for one in args if not isinstance(one, str)))
        else:
            args = tuple(map(budget.listed, args))
            budget.spend(ELEMENT + size_of([*args, *kwargs.values()]))
            budget.spend(_repeated(name, args, kwargs))
        first = {
            "context": context,
            "eval_context": context.eval_ctx,
            "environment": context.environment,
        }
        given = (first[leading], *args) if leading else args
        found = made(*given, **kwargs)
        if name not in _PASSING or isinstance(found, list):
            budget.spend(own_size(found))
        return found

    return pass_context(bounded)


def _repeated(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """Return the size of what a filter repeats: an indentation in every line, for example."""
    text = args[0] if args and isinstance(args[0], str) else ""
    others = [*args[1:], *kwargs.values()]
    if name == "format" and text:
        _require_small_widths(text)
        return text.count("%") * size_of(others)
    sizes = (one if isinstance(one, int) else own_size(one) for one in others)
    longest = max((0, *sizes))
    if name == "replace":
        old, new = (*others, "", "")[:2]
        old, new = kwargs.get("old", old), kwargs.get("new", new)
        return text.count(str(old)) * size_of(new)
    if name == "indent":
        return (text.count("\n") + 1) * longest
    if name == "join":
        return longest * (len(text) or (own_size(args[0]) // ELEMENT if args else 0))
    if name == "tojson":
        return max(1, longest) * size_of(args)
    # They add something to parts of a text, and parts have a character at least.
    repeats = name in ("wordwrap", "urlize") and any(isinstance(one, str) for one in others)
    return longest * len(text) if repeats else 0


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _require_small(*values: Any) -> None:
    for value in values:
        if isinstance(value, int | float) and abs(value) > _LARGEST_NUMBER:
            raise SecurityError(f"a number is larger than {_LARGEST_NUMBER:,}")


def _require_small_widths(text: str) -> None:
    if _WIDTH.search(text):
        raise SecurityError("a format has a width of five digits or more, or one that varies")


def _require_few_bits(n_bits: int) -> None:
    if n_bits > _MOST_BITS:
        raise SecurityError(f"a number has more than {_MOST_BITS:,} bits")
