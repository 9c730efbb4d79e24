"""Files of a pack for any machine: scripts that install it and run its plan, and a README."""

from __future__ import annotations

from llmexam.packing.target import Target

INSTALL_SCRIPT = """\
#!/bin/sh
# Installs the pack into a virtual environment, without a network. Usage:
#   sh install.sh [PYTHON]     PYTHON is the interpreter to use: python{minor} by default.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
python=${{1:-python{minor}}}
venv=${{LLMEXAM_VENV:-$here/venv}}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --no-index --no-deps --disable-pip-version-check \\
    --find-links "$here/wheels" --requirement "$here/requirements.txt"
echo "Installed. Run the plan with: sh $here/run.sh"
"""

_RUN_SCRIPT = """\
#!/bin/sh
# Runs the plan of the pack, without a network. Further options go to `llmexam run`:
#   sh run.sh --set exam.path=other.csv
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
venv=${LLMEXAM_VENV:-$here/venv}
HF_HUB_OFFLINE=1 exec "$venv/bin/python" -m llmexam run "$here/plan.yaml" "$@"
"""

_README = """\
# {title}

This folder was made by `llmexam pack`. It installs and runs a plan of llmexam without a network.

It needs Python {minor} on {platform}{image}.

    sh install.sh                # a virtual environment in venv/
    sh run.sh --out ../result    # runs plan.yaml; the results are beside this folder

`LLMEXAM_VENV` names another folder for the environment. `pack.json` lists all files with their
SHA-256, and the licences of the parts.
"""


def scripts(target: Target, title: str, *, has_image: bool) -> dict[str, str]:
    """Return the files that a pack for any machine has beside its parts, by name.

    Args:
        target: The machine.
        title: Title of the README.
        has_image: Whether packages of an image are left out.
    """
    image = ", with the packages of the image that it was made for" if has_image else ""
    install = INSTALL_SCRIPT.format(minor=target.minor)
    if has_image:
        install = install.replace('-m venv "$venv"', '-m venv --system-site-packages "$venv"')
    return {
        "install.sh": install,
        "run.sh": _RUN_SCRIPT,
        "README.md": _README.format(
            title=title, minor=target.minor, platform=target.platform, image=image
        ),
    }
