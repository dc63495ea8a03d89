"""What a result was measured with: the machine's CPU and the library's build."""

import os
import re
from pathlib import Path
from typing import Any, Dict

import scrl


def facts() -> Dict[str, Any]:
    """`machine` as a line, `library` as what scrl.build_info() tells."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    built = scrl.build_info()
    cpu = found.group(1).strip() if found else "an unknown CPU"
    return {
        "machine": f"{cpu}, {len(os.sched_getaffinity(0))} CPUs used, libscrl {built['version']} "
                   f"({built['simd']}, oneDNN {built['onednn'] or 'none'})",
        "library": built["version"],
    }
