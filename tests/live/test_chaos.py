"""Every fault once, on real processes: bin/chaos, for a minute or two."""

import re
import subprocess
import sys

import pytest

import chaos.__main__  # noqa: F401 - has all faults
from chaos.fault import FAULTS
from tests.dynos import ROOT


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_every_promise_is_kept_while_each_fault_comes_once():
    answer = subprocess.run([sys.executable, "-m", "chaos", "--seed", "8", "--minutes", "0.75", "--pause", "2.2",
                             "--jobs", "400"], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert set(FAULTS) <= set(re.findall(r" s  (\w+): ", answer.stdout))
