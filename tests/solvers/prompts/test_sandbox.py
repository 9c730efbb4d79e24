import time

import pytest
from jinja2.exceptions import TemplateError

from llmexam.solvers.prompts.sandbox import compile_template

NAMES = {"prompt": "p", "options": [{"letter": c, "text": c} for c in "ABCDE"]}
NESTED = "{% for a in options %}" * 12 + "x" + "{% endfor %}" * 12
DOUBLED = "{% set a = 'x' * 1000 %}" + "{% set a = a ~ a %}" * 40
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
    ],
)
def test_a_template_takes_bounded_time(text):
    start = time.monotonic()
    with pytest.raises((TemplateError, TypeError)):
        compile_template(text).render(NAMES)
    assert time.monotonic() - start < 5


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
        ("{{ (options|first).letter }}{{ options[-1].text }}{{ prompt[:1] }}", "AEp"),
    ],
)
def test_what_templates_need_works(text, shown):
    assert compile_template(text).render(NAMES) == shown
