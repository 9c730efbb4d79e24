"""A part of `make kill` for runs with a time limit.

A run that is killed once is among the tests of `workflows/run/limit`.
"""

import pytest
from tests.kill.limit_campaign import run_campaign


@pytest.mark.slow
def test_killed_runs_leave_valid_submissions():
    outcome = run_campaign(30, 0)
    assert outcome.faults == []
    assert outcome.n_kills == 30
