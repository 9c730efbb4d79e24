"""A short part of `make kill`."""

import os

import pytest

if not hasattr(os, "fork"):
    pytest.skip("processes cannot be forked here", allow_module_level=True)

from tests.kill.campaign import run_campaign


@pytest.mark.parametrize("job", ["run", "add to an index"])
def test_a_killed_command_ends_as_an_undisturbed_one(job):
    outcome = run_campaign(3, 0, only=job)
    assert outcome.faults == []
    assert outcome.kills.total() >= 3
