"""Seeded mutations of files: of their bytes, lines and values."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

HOSTILE_TEXTS = (
    *('"', "'", ",", "\t", "\n", "\r", "\0", "\x1b[31m", "{", "[", "}", "]", "<", "&", ":", "#"),
    *("\ufeff", "\u202e", "\u2028", "é", "中文", "🙂", "nan", "NaN", "null", "None", "-1", "1e999"),
    *(
        "../../etc/passwd",
        "=1+1",
        "{{ 7*7 }}",
        "%s%n",
        "<!DOCTYPE x [<!ENTITY e 'x'>]>",
        "&e;",
        "*a",
    ),
    *("&a [*a, *a]", "!!python/object/apply:os.system ['true']", "\\ud800", '"\\ud800"', "\\u0000"),
    *("which " * 300, "answer " * 300, "A" * 3000, " " * 3000, "[" * 3000, "# a" + " " * 3000),
    *("9" * 5000, "a." * 1500, "<a " * 1000, "(" * 1500, "x\n" * 1500, "- " * 1500, '{"a":' * 1500),
)
HOSTILE_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**63, 10**400, 1.5, 1e308, "", " ", "\0", "A", "\ud800", [], {}),
    *([None], [[]], {"": None}, [1, "a", None], "x" * 10_000, ["a"] * 200, {"a": {"b": [1]}}),
)


def flip_bits(data: bytes, draw: random.Random) -> bytes:
    """Flip one to eight bits."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        if changed:
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def change_character(data: bytes, draw: random.Random) -> bytes:
    """Replace one byte by a printable one."""
    place = draw.randrange(len(data) + 1)
    return data[:place] + bytes([draw.randrange(32, 127)]) + data[place + 1 :]


def cut(data: bytes, draw: random.Random) -> bytes:
    """Cut the end off."""
    return data[: draw.randrange(len(data) + 1)]


def remove(data: bytes, draw: random.Random) -> bytes:
    """Remove a part."""
    start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[min(end, start + 200) :]


def repeat(data: bytes, draw: random.Random) -> bytes:
    """Repeat a part."""
    start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    part = data[start : min(end, start + 500)]
    return data[:start] + part * draw.choice([2, 3, 50]) + data[start:]


def insert(data: bytes, draw: random.Random) -> bytes:
    """Insert a hostile text."""
    place = draw.randrange(len(data) + 1)
    text = draw.choice(HOSTILE_TEXTS).encode("utf-8", "surrogatepass")
    return data[:place] + text + data[place:]


def insert_noise(data: bytes, draw: random.Random) -> bytes:
    """Insert random bytes."""
    place = draw.randrange(len(data) + 1)
    return data[:place] + draw.randbytes(draw.randint(1, 40)) + data[place:]


def shuffle_lines(data: bytes, draw: random.Random) -> bytes:
    """Swap, drop or repeat lines."""
    lines = data.split(b"\n")
    one, other = (draw.randrange(len(lines)) for _ in range(2))
    lines[one], lines[other] = lines[other], lines[one]
    if draw.random() < 0.5:
        lines.insert(one, lines[other])
    if draw.random() < 0.3:
        del lines[draw.randrange(len(lines))]
    return b"\n".join(lines)


def encode_otherwise(data: bytes, draw: random.Random) -> bytes:
    """Write a text in another encoding."""
    text = data.decode("utf-8", "replace")
    return text.encode(
        draw.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"]), "replace"
    )


def change_value(data: bytes, draw: random.Random) -> bytes:
    """Replace a value in JSON, or in one line of JSON."""
    lines = data.split(b"\n")
    whole = draw.random() < 0.5
    place = draw.randrange(len(lines))
    try:
        value = json.loads(data if whole else lines[place])
    except (ValueError, RecursionError):
        return insert(data, draw)
    text = json.dumps(_changed(value, draw)).encode()
    if whole:
        return text
    lines[place] = text
    return b"\n".join(lines)


def _changed(value: Any, draw: random.Random) -> Any:
    if isinstance(value, dict) and value and draw.random() < 0.8:
        key = draw.choice(list(value))
        kind = draw.random()
        if kind < 0.15:
            return {one: other for one, other in value.items() if one != key}
        if kind < 0.25:
            return {**value, draw.choice(HOSTILE_TEXTS): draw.choice(HOSTILE_VALUES)}
        return {**value, key: _changed(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.8:
        place = draw.randrange(len(value))
        return [*value[:place], _changed(value[place], draw), *value[place + 1 :]]
    return draw.choice(HOSTILE_VALUES)


MUTATIONS: tuple[Mutation, ...] = (
    *(
        change_character,
        change_character,
        change_character,
        flip_bits,
        cut,
        remove,
        repeat,
        insert,
        insert,
        insert_noise,
        shuffle_lines,
    ),
    *(encode_otherwise, change_value, change_value, change_value),
)


def mutated(data: bytes, name: str, draw: random.Random) -> bytes:
    """Return a file's content with one to three mutations; of a packed file, mostly inside."""
    inside = name.endswith(".gz") and draw.random() < 0.7
    if inside:
        data = gzip.decompress(data)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        data = draw.choice(MUTATIONS)(data, draw)
    return gzip.compress(data, mtime=0) if inside else data
