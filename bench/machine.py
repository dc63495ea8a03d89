"""What this machine is: CPU, instruction sets, memory, system. Linux's files only."""

import os
import platform
import re
from pathlib import Path

SHOWN = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_tile", "asimd",
         "sve", "bf16")
BF16 = ("avx512_bf16", "amx_bf16", "bf16")  # x86's two, and Arm's


def _field(text, *names):
    for name in names:
        found = re.search(rf"^{name}\s*:\s*(.+)$", text, flags=re.M)
        if found:
            return found.group(1).strip()
    return ""


def describe():
    """Facts as strings, numbers and lists."""
    cpu = Path("/proc/cpuinfo").read_text()
    flags = set(_field(cpu, "flags", "Features").split())
    memory = _field(Path("/proc/meminfo").read_text(), "MemTotal")
    return {
        "cpu": _field(cpu, "model name", "CPU part") or platform.processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "instructions": [flag for flag in SHOWN if flag in flags],
        "bf16": [flag for flag in BF16 if flag in flags],
        "memory_gib": round(int(memory.split()[0]) / 2**20, 1) if memory else 0,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
