"""What the benchmarks share: inputs, arithmetic against this machine's peak, memory.

Each benchmark is a file of its own, and each compares with a reference before it times.
"""

import json
import os
import re
import subprocess
import sys
from ctypes import byref, c_double
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np

from . import _abi
from ._abi import lib
from .config import Config
from .errors import InternalError


def peak_bytes() -> int:
    """The process's largest resident memory so far, in bytes (VmHWM); 0 where it is not told."""
    try:
        match = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return int(match.group(1)) * 1024 if match else 0


def forget_peak() -> None:
    """Lets peak_bytes() begin again from now; where the system forbids it nothing changes."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


_APART = """
import json, sys
from scrl import Config, Error, {module}
try:
    answer = {module}.check(Config.from_dict(json.load(sys.stdin)))
except Error as error:
    sys.exit(str(error))
print(json.dumps(answer))
"""


def check_apart(module: str, config: Config) -> Any:
    """scrl.<module>.check(config) in a process of its own: the two backends and their workspaces
    would be counted in peak_bytes() otherwise. Raises InternalError with that process's reason."""
    parent = str(Path(__file__).resolve().parents[1])
    paths = [parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", _APART.format(module=module)], input=json.dumps(dict(config.items())),
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    if done.returncode:
        raise InternalError((done.stderr.strip().splitlines() or ["bench: the comparison died"])[-1])
    return json.loads(done.stdout)


def random_boxes(images: int, each: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """(images · each, 5): image index and boxes of a sixth to all of the view, in pixels."""
    extent = rng.uniform(size / 6, size, (images * each, 2))
    corner = rng.uniform(0, 1, (images * each, 2)) * (size - extent)
    index = np.repeat(np.arange(images), each)[:, None]
    return np.hstack([index, corner, corner + extent]).astype(np.float32)


def config_of(arch: str, batch: int, size: int, threads: Optional[int],
              settings: Optional[Dict[str, Any]], preset: Optional[str] = None,
              **more: Any) -> Config:
    """The preset (None: "scrl-200ep", so the published heads) with what a benchmark is told."""
    values = {"model.arch": arch, "train.batch": batch, "views.size": size, **more}
    if threads is not None:
        values["threads"] = threads
    values.update(settings or {})
    return Config(preset or "scrl-200ep", **values)


def other_backend(config: Config) -> Optional[str]:
    """A backend to compare the config's with: the reference, or for the reference the other one.

    None where there is only one.
    """
    from . import build_info

    there = build_info()["backends"]
    chosen = config["compute.backend"]
    if chosen == "auto":
        chosen = "onednn" if "onednn" in there else "openblas"
    other = "onednn" if chosen == "openblas" else "openblas"
    return other if other in there else None


def distance(got: np.ndarray, wanted: np.ndarray) -> float:
    """‖got − wanted‖ / ‖wanted‖ in float64."""
    exact = wanted.astype(float)
    return float(np.linalg.norm(got - exact) / np.linalg.norm(exact))


class Arithmetic:
    """Convolution operations of a config, and the peak of this machine in the same run."""

    def __init__(self, config: Config) -> None:
        self._config = config
        image, step = c_double(), c_double()
        _abi.check(lib.scrl_bench_flops(config._handle, byref(image), byref(step)))
        self.image_flops, self.step_flops = image.value, step.value

    def of(self, flops: float, seconds: float) -> Dict[str, float]:
        """`flops` in `seconds`, and as a share of the peak, which is measured now."""
        found = c_double()
        _abi.check(lib.scrl_bench_gemm(self._config._handle, byref(found)))
        return {"gflops": flops / 1e9, "gflops_per_second": flops / seconds / 1e9,
                "gemm_peak_gflops": found.value / 1e9,
                "fraction_of_gemm_peak": flops / seconds / found.value}
