"""Shared by all Python tests: a checkout's sources, small configs, small data."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
try:
    import scrl  # the installed package, when there is one
except ImportError:
    sys.path.insert(0, str(REPOSITORY / "bindings" / "python"))
    import scrl

PACKAGE_PARENT = str(Path(scrl.__file__).resolve().parents[1])

SMALL = {
    "model.arch": "resnet18", "views.size": 64, "boxes.min_size": 16, "boxes.per_image": 4,
    "head.hidden": 64, "head.output": 32, "train.batch": 4, "train.steps": 40, "threads": 1,
    "loader.threads": 1, "checkpoint.every": 1000,
}


def library_is_there() -> bool:
    try:
        scrl.build_info()
        return True
    except scrl.UnsupportedError:
        return False


needs_library = pytest.mark.skipif(not library_is_there(), reason="libscrl.so.0 is not built")


def small(**values):
    """A Config that trains in milliseconds; keys with _ for the dot of their group."""
    return scrl.Config(**{**SMALL, **values})


def python(*arguments, timeout=120, **more):
    """Runs this interpreter with the package importable."""
    environment = {**os.environ, "PYTHONPATH": PACKAGE_PARENT}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True,
                          env=environment, timeout=timeout, **more)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """24 made scenes of 96²."""
    from scrl import synth

    folder = tmp_path_factory.mktemp("scenes")
    synth.write(folder, 24, seed=3, size=96, workers=1, progress=False)
    return folder


@pytest.fixture(scope="session")
def data(scenes, tmp_path_factory):
    """Those scenes, packed with their boxes."""
    out = tmp_path_factory.mktemp("data") / "d.h5"
    scrl.pack(scenes, out, annotations=scenes / "annotations.json", progress=False)
    return out


@pytest.fixture()
def rng():
    return np.random.default_rng(7)
