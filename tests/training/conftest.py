import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Keep the tests of one trained model in one worker, so that it is trained once."""
    for item in items:
        if HERE in item.path.parents and "trained" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(f"trained {item.path.parent.name}"))


@pytest.fixture(scope="session")
def tiny():
    """The module of the tiny reader; tests are no package, so it is loaded by its path."""
    import sys

    spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("tiny.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny"] = module
    spec.loader.exec_module(module)
    return module
