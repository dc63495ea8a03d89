"""The Python that runs the peer programs: PEER_PYTHON, or a virtual environment made here."""

import os
import subprocess
import sys


def python(root):
    """Its path. What cannot be installed is printed; the rows that need it will say why."""
    given = os.environ.get("PEER_PYTHON")
    if given:
        return given
    folder = root / ".venv-bench"
    path = folder / "bin" / "python"
    requirements = (root / "bench" / "requirements.txt").read_text()
    mark = folder / "installed.txt"
    if mark.exists() and mark.read_text() == requirements:
        return str(path)
    if not path.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    for line in requirements.splitlines():
        if not line or line.startswith("#"):
            continue
        print(f"installing {line}", flush=True)
        done = subprocess.run([str(path), "-m", "pip", "install", "--quiet", "--no-input",
                               "--disable-pip-version-check", line], stdin=subprocess.DEVNULL)
        if done.returncode:
            print(f"not installed: {line}", flush=True)
            requirements = ""  # tried again the next time
    mark.write_text(requirements)
    return str(path)
