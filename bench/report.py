"""BENCHMARKS.md from raw results. Pure: results in, text out.

Medians over the rounds; a ratio is ours over the peer's of the same round, its median told with
the smallest and the largest, because a machine's speed changes between rounds and not so much
within one.
"""


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


class Measured:
    """The rounds of one program in one section."""

    def __init__(self, program, rate, runs):
        self.name, self.kind, self.command = program["name"], program["kind"], program["command"]
        good = [run for run in runs if "result" in run]
        self.results = [run["result"] for run in good]
        self.rates = {run["round"]: run["result"][rate] for run in good}
        self.error = next((run["error"] for run in runs if "error" in run), "not run")

    def rate(self):
        return median(self.rates.values())

    def memory(self):
        peaks = [result["peak_bytes"] for result in self.results if result.get("peak_bytes")]
        return f"{median(peaks) / 2**30:.2f} GiB" if peaks else "–"

    def row(self):
        if not self.rates:
            return [self.name, f"not measured: {self.error}", "", "", ""]
        seconds = [result.get("step_seconds") or result.get("call_seconds")
                   or result.get("seconds") for result in self.results]
        took = f"{median(seconds):.3f} s" if all(seconds) else "–"
        return [self.name, f"{self.rate():.2f}",
                f"{min(self.rates.values()):.2f} … {max(self.rates.values()):.2f}", took,
                self.memory()]


def ratio(ours, peer):
    """Ours over the peer's, round by round; None without a common round."""
    both = [ours.rates[turn] / peer.rates[turn] for turn in ours.rates if turn in peer.rates]
    if not both:
        return None
    return f"**{median(both):.2f}** ({min(both):.2f} … {max(both):.2f})"


def best(measured, kinds):
    there = [each for each in measured if each.kind in kinds and each.rates]
    return max(there, key=Measured.rate, default=None)


def ratios(measured, words="as fast"):
    """Lines that compare ours with the best fp32 peer, and with the best of all."""
    lines = []
    groups = [("the best fp32 peer", ("fp32",))]
    if any(each.kind == "bf16" for each in measured):
        groups.append(("the best peer of all", ("fp32", "bf16")))
        if best(measured, ("fp32", "bf16")) is best(measured, ("fp32",)):
            del groups[0]
    for ours in (best(measured, (kind,)) for kind in ("ours", "ours bf16")):
        for title, kinds in groups:
            peer = best(measured, kinds)
            told = ratio(ours, peer) if ours and peer else None
            if told:
                lines.append(f"- {ours.name} against {title}, {peer.name}: {told} times {words}.")
    return lines


def scaling(measured):
    """Of pairs named "x, 1" and "x, n": how much faster n threads are."""
    lines = []
    for one in measured:
        if not one.name.endswith(", 1"):
            continue
        for more in measured:
            if more is not one and more.name.startswith(one.name[:-1]):
                gain = ratio(more, one)
                if gain:
                    lines.append(f"- {more.name} threads against one: {gain} times as fast.")
    return lines


def parts(section, measured):
    """Where our step's time goes."""
    ours = best(measured, ("ours",))
    if not ours or not ours.results[0].get("parts"):
        return []
    names = [name for name in ours.results[0]["parts"] if name != "total"]
    seconds = {name: median([result["parts"][name] for result in ours.results]) for name in names}
    whole = sum(seconds.values()) or 1.0
    lines = ["", f"Where the time of {ours.name} goes:", ""]
    lines += table(["part", "seconds", "share"],
                   [[name, f"{each:.4f}", f"{each / whole:.1%}"] for name, each in seconds.items()])
    arithmetic = [result for result in ours.results if "gflops_per_second" in result]
    if arithmetic:
        speed, peak = (median([result[key] for result in arithmetic])
                       for key in ("gflops_per_second", "gemm_peak_gflops"))
        share = median([result["fraction_of_gemm_peak"] for result in arithmetic])
        when = "while they run" if "kernels" in arithmetic[0] else "over the whole time"
        lines += ["", f"Convolutions: {arithmetic[0]['gflops']:.1f} GFLOP, counted directly; "
                      f"{when} {speed:.0f} GFLOP/s, {share:.0%} of the GEMM peak of {peak:.0f} in "
                      "the same runs."]
    return lines


def section_lines(section, runs):
    measured = [Measured(program, section["rate"],
                         [run for run in runs if (run["section"], run["program"])
                          == (section["key"], program["name"])])
                for program in section["programs"]]
    if not any(each.rates or each.error != "not run" for each in measured):
        return []
    unit = section["rate"].replace("_per_", " / ").replace("_", " ")
    lines = ["", f"## {section['title']}", ""]
    lines += table(["program", unit, "least … most", "time", "peak memory"],
                   [each.row() for each in measured])
    compared = (scaling(measured) if section["key"] == "threads"
                else ratios(measured, section.get("words", "as fast")))
    lines += ["", *compared] if compared else []
    lines += parts(section, measured)
    lines += ["", "```sh", *(command_text(each.command) for each in measured), "```"]
    return lines


def command_text(command):
    """As one would type it: no machine's paths, a run of files as a pattern."""
    words = ["python" if word.endswith(("/python", "/python3")) else word for word in command]
    files = [word for word in words if word.endswith(".jpg")]
    if files:
        folder = files[0].rpartition("/")[0]
        words = [word for word in words if word not in files] + [f"{folder}/*.jpg"]
    return " ".join(words)


def machine_lines(facts):
    machine = facts.get("machine", {})
    lines = [f"- {machine.get('cpu', 'unknown CPU')}, {machine.get('cpus', '?')} CPUs used, "
             f"{machine.get('memory_gib', '?')} GiB, {machine.get('system', '')}",
             f"- instruction sets: {', '.join(machine.get('instructions', [])) or 'none noted'}"]
    if machine.get("bf16"):
        lines.append(f"- bf16 arithmetic: yes ({', '.join(machine['bf16'])}), so a peer's best may "
                     "be bf16; libscrl computes in float32 where nothing else is said")
    else:
        lines.append("- bf16 arithmetic: none; bf16 saves bytes here, not arithmetic")
    versions = ", ".join(f"{name} {version}" for name, version in
                         sorted(facts.get("versions", {}).items()))
    return lines + [f"- versions: {versions}"]


def render(data):
    setting, facts = data["setting"], data["facts"]
    lines = ["# Benchmarks", "",
             "Written by `make bench` (`bench/run.py`) from its raw results. Programs take turns: "
             f"each of {data['rounds']} rounds runs every program of a section once, in a process "
             f"of its own, {setting['steps']} timed runs after {setting['warmup']}. Numbers are "
             "medians over the rounds, ratios are taken within a round; in brackets the least and "
             "the most. Before libscrl is timed, its result is compared with another engine's."]
    if setting.get("tiny"):
        lines += ["", "**Tiny sizes: this tries the tool and measures nothing.**"]
    lines += ["", f"Measured {facts.get('date', 'at an unknown date')}:", "", *machine_lines(facts)]
    for section in data["sections"]:
        lines += section_lines(section, data["runs"])
    return "\n".join(lines) + "\n"
