"""Source distributions from the package index, unpacked: their tests are run as they are and are no part of ours."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

CACHE = Path(__file__).parent.parent.parent / "target" / "conformance-suites"
DOWNLOAD_SECONDS_MAX = 120


def pinned(requirement: Path) -> tuple[str, str]:
    """Name and version of the one distribution that the file names."""
    lines = [line for line in requirement.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    (line,) = lines
    name, _, version = line.split()[0].partition("==")
    return name, version


def unpacked(requirement: Path) -> Path:
    """The directory of the distribution. Fetched once for each version, and only with the digest that the file names."""
    name, version = pinned(requirement)
    directory = CACHE / f"{name}-{version}"
    if directory.exists():
        return directory
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as there:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--no-binary", name, "--dest", there, "--require-hashes", "--requirement", requirement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS_MAX)
        assert done.returncode == 0, f"can't fetch the source distribution of {name}\n{done.stdout}\n{done.stderr}"
        (archive,) = Path(there).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(there, filter="data")
        # Last: what is there is whole.
        (Path(there) / directory.name).rename(directory)
    return directory
