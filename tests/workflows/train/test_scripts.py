"""The scripts of recipes/ for several processes, with stand-ins for the programs of Slurm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmexam.storage.hashing import hash_file

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
SRUN = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in
        --nodes|--ntasks|--nodelist|--exclude) shift 2;;
        --overlap) shift;;
        *) break;;
    esac
done
exec "$@"
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a script on a Slurm node with two processors."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {
        "srun": SRUN,
        "scontrol": "#!/bin/sh\necho 127.0.0.1\n",
        "hostname": "#!/bin/sh\necho 127.0.0.1\n",
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    slurm = {
        "SLURM_JOB_NODELIST": "n1",
        "SLURM_NNODES": "1",
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_CPUS_PER_TASK": "2",
    }

    def _run(*arguments, **environment):
        return subprocess.run(
            ["bash", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **slurm, **environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=400,
        )

    return _run


@pytest.mark.slow
def test_both_scripts_train_in_two_processes(run, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "family: multiple-choice\n"
        "train: bundled\n"
        "split: {train: 0.7, dev: 0.15, test: 0.15}\n"
        "settings: {encoding: {evidence: none, max_tokens: 32}, max_steps: 4, batch_size: 2, "
        "head: mean, device: cpu}\n"
    )
    for done in (
        run(RECIPES / "torchrun.sh", recipe, "one", "--processes", 2),
        run(RECIPES / "slurm_train.sbatch", recipe, "two", SLURM_GPUS_ON_NODE="2"),
    ):
        assert done.returncode == 0, done.stderr
    one, two = (tmp_path / name / "model" / "model.safetensors" for name in ("one", "two"))
    assert hash_file(one) == hash_file(two)


@pytest.mark.slow
@pytest.mark.needs("scale")
def test_a_command_runs_with_a_ray_cluster_in_an_allocation(run, tmp_path):
    done = run(
        RECIPES / "slurm_ray.sbatch",
        "solve",
        "bundled",
        "--out",
        "s.parquet",
        SLURM_GPUS_ON_NODE="0",
    )
    assert done.returncode == 0, done.stderr
    assert "connected to the Ray cluster at 127.0.0.1:" in done.stderr
    assert (tmp_path / "s.parquet").is_file()
