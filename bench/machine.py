"""What this machine is: CPU, instruction sets, memory, system. Linux's files only."""

import os
import platform
import re
from pathlib import Path

SHOWN = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_tile", "asimd",
         "sve", "bf16")
BF16 = ("avx512_bf16", "amx_bf16", "bf16")  # x86's two, and Arm's
INSTRUCTIONS = (("avx512f", "avx512"), ("avx2", "avx2"), ("sve", "sve"), ("asimd", "neon"))

# Intel's family 6, by the kernel's arch/x86/include/asm/intel-family.h.
INTEL = {60: "haswell", 63: "haswell", 61: "broadwell", 79: "broadwell", 85: "skylake",
         106: "icelake", 108: "icelake", 143: "sapphirerapids", 207: "emeraldrapids",
         173: "graniterapids", 174: "graniterapids"}


def _field(text, *names):
    for name in names:
        found = re.search(rf"^{name}\s*:\s*(.+)$", text, flags=re.M)
        if found:
            return found.group(1).strip()
    return ""


def _family(cpu):
    """The microarchitecture where the table knows it, else the numbers that name it."""
    if not _field(cpu, "cpu family"):
        return f"part{_field(cpu, 'CPU part') or 'unknown'}"
    family, model = int(_field(cpu, "cpu family")), int(_field(cpu, "model"))
    if _field(cpu, "vendor_id") == "AuthenticAMD":
        if family == 23:
            return "zen1" if model < 0x30 else "zen2"
        if family == 25:
            zen4 = 0x10 <= model < 0x20 or 0x60 <= model < 0xB0
            return "zen4" if zen4 else "zen3"
        if family == 26:
            return "zen5"
    elif family == 6 and model in INTEL:
        return INTEL[model]
    return f"family{family}-model{model}"


def cpu_class(cpu=None):
    """The name of a CPU's page, such as avx2-zen3: its widest instructions and its family.

    cpu: the text of /proc/cpuinfo. Machines that hide AVX-512 from their guests get a page of
    their own, because other kernels run there.
    """
    cpu = cpu or Path("/proc/cpuinfo").read_text()
    flags = _field(cpu, "flags", "Features").split()
    instructions = next((name for flag, name in INSTRUCTIONS if flag in flags), "scalar")
    return f"{instructions}-{_family(cpu)}"


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
