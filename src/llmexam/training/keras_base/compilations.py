"""Count the programs that JAX compiles, and the time it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_EVENT = "/jax/core/compile/backend_compile_duration"


@dataclass(slots=True)
class Compilations:
    """What was compiled, and the shapes of the passes.

    Attributes:
        n: Programs that were compiled, small ones included; 0 on a backend without compilation.
        seconds: Time of all compilations.
        shapes: Shapes of the passes: questions, options and tokens.
    """

    n: int = 0
    seconds: float = 0.0
    shapes: set[tuple[int, ...]] = field(default_factory=set)


@contextmanager
def counted_compilations(backend: str) -> Iterator[Compilations]:
    """Count compilations within the `with` block."""
    found = Compilations()
    if backend != "jax":
        yield found
        return
    import jax

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event == _EVENT:
            found.n += 1
            found.seconds += duration_secs

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
