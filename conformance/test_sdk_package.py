"""The Python package as a program gets it: installed, typed, importable without anything else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "sdk" / "python"
SECONDS_MAX = 240


def ran(*command, **environment):
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=SECONDS_MAX, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_package_is_installed_and_runs(tmp_path):
    # From a copy: what building leaves behind doesn't belong into the sources.
    shutil.copytree(PACKAGE, tmp_path / "sdk", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    pip = ("-m", "pip", "install", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation")
    ran(*pip, "--target", str(tmp_path / "site"), str(tmp_path / "sdk"))
    assert (tmp_path / "site" / "countersign" / "py.typed").exists()
    assert (tmp_path / "site" / "countersign_sdk-0.1.0.dist-info").exists()
    site = {"PYTHONPATH": str(tmp_path / "site")}
    program = "import countersign.sso, countersign.otp, countersign.services as s; print(s.__file__)"
    assert ran("-c", program, **site).startswith(str(tmp_path))
    assert "--zato-alias" in ran("-m", "countersign.services", "--help", **site)


def test_the_package_has_types_that_hold():
    mypy = ("-m", "mypy", "--config-file", str(PACKAGE / "pyproject.toml"), "--cache-dir", os.devnull)
    assert "Success" in ran(*mypy, str(PACKAGE / "src" / "countersign"))


def test_a_program_that_uses_it_is_checked_against_its_types(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from countersign import SSO\n"
        "sso = SSO('http://127.0.0.1:9')\n"
        "reveal_type(sso.user.reset_totp_key)\n"
        "reveal_type(sso.user.session.verify)\n",
        encoding="utf-8",
    )
    told = ran("-m", "mypy", "--strict", "--cache-dir", os.devnull, str(program), MYPYPATH=str(PACKAGE / "src"))
    assert "-> str | None" in told.replace("Union[str, None]", "str | None")
    assert "-> bool" in told
