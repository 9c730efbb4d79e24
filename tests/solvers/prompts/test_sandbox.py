import time
import tracemalloc

import pytest
from jinja2.exceptions import SecurityError, TemplateError

from llmexam.solvers.prompts.sandbox import compile_template

NAMES = {
    "prompt": "p",
    "long": "Why " * 25_000,
    "options": [{"letter": c, "text": c} for c in "ABCDE"],
}
# Evidence of a million characters.
PASSAGES = ["The sky is blue. " * 600] * 100
PASSAGES_SHOWN = "".join(f"{i}. {one.strip()}\n" for i, one in enumerate(PASSAGES, 1))
DICT, INDENTED = '{"a": 1, "p": 2}x1024', "a\n  bbccbaba"
NESTED = "{% for a in options %}" * 12 + "x" + "{% endfor %}" * 12
DOUBLED = "{% set a = 'x' * 1000 %}" + "{% set a = a ~ a %}" * 40
DOUBLED_LIST = "{% set a = [1, 1] %}" + "{% set a = [a, a] %}" * 40
DOUBLED_TUPLE = "{% set a = (1, 1) %}" + "{% set a = (a, a) %}" * 40
CAPTURED = "{% set a = 'x' * 1000 %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40


@pytest.mark.parametrize(
    "text",
    [
        NESTED,
        DOUBLED,
        DOUBLED.replace("a ~ a", "a + a"),
        CAPTURED,
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '{:{}}'.format(1, 10**9) }}",
        "{{ 'x' * 10**10 }}",
        "{{ [0] * 10**10 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ prompt.ljust(10000000000) }}",
        "{{ prompt|center(10000000000) }}",
        "{{ prompt|indent(10000000000) }}",
        "{{ ('x' * 20000)|replace('x', 'y' * 20000) }}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for a in options recursive %}{{ loop(options) }}{% endfor %}",
        "{% for i in range(10000000000) %}{% endfor %}",
        "{% set n = namespace(x='a') %}",
        "{% block a %}{{ self.a() }}{% endblock %}",
        "{% set _budget = 1 %}",
        # Many texts together, and lists that hold the same ones many times.
        "{{ (range(100000)|map('center', 20000)|list)|length }}",
        "{% for i in range(100000) %}{% set a = prompt * 40000 %}{% endfor %}",
        "{% for i in range(100000) %}{% set a = long|upper %}{% endfor %}",
        "{% for i in range(100000) %}{% set a = long[1:] %}{% endfor %}",
        "{% for i in range(100000) %}{% set a = long.strip('x') %}{% endfor %}",
        "{% for i in range(100000) %}{{ 'b' in long }}{% endfor %}",
        "{% for i in range(100000) %}{{ long is eq (prompt) }}{% endfor %}",
        "{% for i in range(100000) %}{% set a = range(100000)|list %}{% endfor %}",
        "{% for i in range(100000) %}{{ range(100000)|select('odd')|list|length }}{% endfor %}",
        "{% for i in range(100000) %}{% set a = long|indent(-1000000) %}{% endfor %}",
        "{{ ('x\n' * 100000)|indent(1000) }}",
        "{{ ('x\n' * 100000)|indent('y' * 1000) }}",
        "{{ ('x ' * 100000)|wordwrap(1, wrapstring='y' * 1000) }}",
        "{{ ([prompt] * 1000000)|join }}",
        "{{ ([1] * 100000)|join('y' * 1000) }}",
        "{{ ([long] * 1000)|sort|length }}",
        "{{ ('%(a)s' * 1000) % {'a': long} }}",
        "{{ ('{0}' * 1000).format(long) }}",
        "{{ 'x'.translate({120: long}) }}",
        "{{ long.encode().hex() }}",
        "{{ [[[[1]]]]|tojson(indent=1000000) * 5 }}",
        "{{ 999999 ** 999999 }}",
        f"{DOUBLED_LIST}{{{{ a }}}}",
        f"{DOUBLED_LIST}{{{{ a ~ 1 }}}}",
        f"{DOUBLED_LIST}{{{{ a|string|length }}}}",
        f"{DOUBLED_LIST}{{{{ '%s' % a }}}}",
        f"{DOUBLED_LIST}{{{{ '{{}}'.format(a) }}}}",
        f"{DOUBLED_LIST}{{% set b = a %}}{DOUBLED_LIST}{{{{ a == b }}}}",
        f"{DOUBLED_LIST}{{% set b = a %}}{DOUBLED_LIST}{{{{ a is eq(b) }}}}",
        f"{DOUBLED_LIST}{{% set b = a %}}{DOUBLED_LIST}{{{{ [a].index(b) }}}}",
        f"{DOUBLED_TUPLE}{{{{ {{a: 1}} }}}}",
        f"{DOUBLED_TUPLE}{{{{ {{}}[a] }}}}",
        f"{DOUBLED_TUPLE}{{{{ [a]|unique|list|length }}}}",
    ],
)
def test_a_template_takes_bounded_time(text):
    start = time.monotonic()
    with pytest.raises((TemplateError, TypeError)):
        compile_template(text).render(NAMES)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        "{{ (range(10000)|map('center', 20000)|list)|length }}",
        "{{ ('x\n' * 10000)|indent(20000) }}",
        "{{ ([prompt] * 200)|map('center', 1000000)|join }}",
    ],
)
def test_a_template_takes_bounded_memory(text):
    tracemalloc.start()
    try:
        with pytest.raises(SecurityError, match="its texts have more than"):
            compile_template(text).render(NAMES)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "{% for o in options if o.letter != 'B' %}{{ loop.index }}{{ o.text }}{% endfor %}",
            "1A2C3D4E",
        ),
        ("{{ prompt ~ '-' ~ 3 }}", "p-3"),
        ("{{ options|map(attribute='letter')|join(', ') }}", "A, B, C, D, E"),
        ("{{ prompt.upper() + prompt|upper }}{{ options|length * 2 }}", "PP10"),
        ("{% set x %}{{ prompt }}!{% endset %}{{ x|trim }}", "p!"),
        ("{{ '%02d' % 7 }} {{ 'a{}'.format(1) }} {{ 7 // 2 }}", "07 a1 3"),
        ("{% filter upper %}{{ prompt }}a{% endfilter %}{{ 'a-b'.split('-')|last }}", "PAb"),
        ("{{ options|map(attribute='text')|map('lower')|sort(reverse=true)|join }}", "edcba"),
        ("{{ options|selectattr('letter', 'eq', 'B')|map(attribute='text')|first }}", "B"),
        ("{{ options|selectattr('letter', 'in', 'AB')|list|length }}{{ 'p' in prompt }}", "2True"),
        ("{{ {'a': 1, prompt: 2}|tojson }}{{ none|default('x', true) }}{{ 2 ** 10 }}", DICT),
        ("{{ ('a\nb')|indent(2) }}{{ 'abc'[1:] }}{{ 'abc'[::-1] }}{{ 'ab'|reverse }}", INDENTED),
        ("{{ x is defined }}{{ x|default('y') }}{{ 3 is odd }}{{ [1, 2, 3]|sum }}", "FalseyTrue6"),
        ("{{ ['a', 'b']|batch(1)|list }}{{ 'a b'|wordwrap(1) }}", "[['a'], ['b']]a\nb"),
        (
            "{% for o in options %}{{ loop.cycle('x', 'y') }}{% endfor %}{{ dict(a=1).a }}"
            "{{ dict(a=1).items()|list }}",
            "xyxyx1[('a', 1)]",
        ),
        ("{% for p in passages %}{{ loop.index }}. {{ p|trim }}\n{% endfor %}", PASSAGES_SHOWN),
        ("{{ (options|first).letter }}{{ options[-1].text }}{{ prompt[:1] }}", "AEp"),
    ],
)
def test_what_templates_need_works(text, shown):
    assert compile_template(text).render({**NAMES, "passages": PASSAGES}) == shown
