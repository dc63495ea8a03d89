"""Raw runs of a section into its summary: the numbers that pages and thresholds use.

Medians over the rounds. A ratio is ours over the peer's of the same round, its median kept with
the smallest and the largest, because a machine's speed changes between rounds and not so much
within one. Pure: results in, a dictionary out.

    {"title", "rate", "words", "date", "rounds", "steps", "warmup", "machine", "versions", "note",
     "programs": [{"name", "kind", "rate", "seconds", "peak_gib", "command" or "error"}],
     "ratios": [{"program", "peer", "against", "ratio"}],
     "parts_of", "parts": [[name, seconds, share]], "arithmetic"}

A rate or a ratio is [median, least, most]. `against` lists what the peer is the best of: "fp32",
"all" (bfloat16 peers too), or "one", the same program on one thread.
"""

from statistics import median


def spread(values):
    return [median(values), min(values), max(values)]


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

    def summary(self):
        row = {"name": self.name, "kind": self.kind, "command": command_text(self.command)}
        if not self.rates:
            return {**row, "error": self.error}
        seconds = [result.get("step_seconds") or result.get("call_seconds")
                   or result.get("seconds") for result in self.results]
        peaks = [result["peak_bytes"] for result in self.results if result.get("peak_bytes")]
        return {**row, "rate": spread(self.rates.values()),
                "seconds": median(seconds) if all(seconds) else None,
                "peak_gib": median(peaks) / 2**30 if peaks else None}


def ratio(ours, peer, against):
    """Ours over the peer's, round by round; nothing without a common round."""
    both = [ours.rates[turn] / peer.rates[turn] for turn in ours.rates if turn in peer.rates]
    return [{"program": ours.name, "peer": peer.name, "against": against,
             "ratio": spread(both)}] if both else []


def best(measured, kinds):
    there = [each for each in measured if each.kind in kinds and each.rates]
    return max(there, key=Measured.rate, default=None)


def ratios(measured):
    """Ours beside the best fp32 peer, and beside the best of all."""
    peers = [(["fp32"], best(measured, ("fp32",)))]
    if any(each.kind == "bf16" for each in measured):
        fastest = best(measured, ("fp32", "bf16"))
        peers = ([(["fp32", "all"], fastest)] if fastest is peers[0][1]
                 else [*peers, (["all"], fastest)])
    return [line for kind in ("ours", "ours bf16") for ours in (best(measured, (kind,)),)
            for against, peer in peers if ours and peer for line in ratio(ours, peer, against)]


def scaling(measured):
    """Of pairs named "x, 1" and "x, n": how much faster n threads are."""
    return [line for one in measured if one.name.endswith(", 1")
            for more in measured if more is not one and more.name.startswith(one.name[:-1])
            for line in ratio(more, one, ["one"])]


def parts(ours):
    """Where our step's time goes: part, seconds, share."""
    if not ours or not ours.results[0].get("parts"):
        return []
    names = [name for name in ours.results[0]["parts"] if name != "total"]
    seconds = {name: median([result["parts"][name] for result in ours.results]) for name in names}
    whole = sum(seconds.values()) or 1.0
    return [[name, each, each / whole] for name, each in seconds.items()]


def arithmetic(ours):
    """Speed of the convolutions beside the GEMM peak of the same runs."""
    found = [result for result in ours.results if "gflops_per_second" in result] if ours else []
    if not found:
        return None
    keys = ("gflops_per_second", "gemm_peak_gflops", "fraction_of_gemm_peak")
    return {"gflops": found[0]["gflops"], "alone": "kernels" in found[0],
            **{key: median([result[key] for result in found]) for key in keys}}


def summarise(data, section):
    """None where nothing of the section was run. data: the raw results, as store.py has them."""
    measured = [Measured(program, section["rate"],
                         [run for run in data["runs"] if (run["section"], run["program"])
                          == (section["key"], program["name"])])
                for program in section["programs"]]
    if not any(each.rates or each.error != "not run" for each in measured):
        return None
    ours, facts, setting = best(measured, ("ours",)), data["facts"], data["setting"]
    spent = parts(ours)
    return {
        "title": section["title"], "rate": section["rate"],
        "words": section.get("words", "as fast"), "date": facts.get("date"),
        "rounds": data["rounds"], "steps": setting["steps"], "warmup": setting["warmup"],
        "machine": facts.get("machine"), "versions": facts.get("versions", {}), "note": "",
        "programs": [each.summary() for each in measured],
        "ratios": (scaling if section["key"] == "threads" else ratios)(measured),
        "parts_of": ours.name if ours else None, "parts": spent,
        "arithmetic": arithmetic(ours) if spent else None}


def command_text(command):
    """As one would type it: no machine's paths, a run of files as a pattern."""
    words = ["python" if word.endswith(("/python", "/python3")) else word for word in command]
    files = [word for word in words if word.endswith(".jpg")]
    if files:
        folder = files[0].rpartition("/")[0]
        words = [word for word in words if word not in files] + [f"{folder}/*.jpg"]
    return " ".join(words)
