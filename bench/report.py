"""A CPU's page, and BENCHMARKS.md over all of them, from summaries. Pure: results in, text out."""

AGAINST = {"fp32": "the best fp32 peer", "all": "the best peer of all"}
HOW = ("Programs take turns: each round runs every program of a section once, in a process of its "
       "own, some timed runs after some that are not timed. Numbers are medians over the rounds, "
       "ratios are taken within a round; in brackets the least and the most. Before libscrl is "
       "timed, its result is compared with another engine's.")


def table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def ratio_text(found):
    middle, least, most = found
    return f"**{middle:.2f}** ({least:.2f} … {most:.2f})"


def program_row(program):
    if "error" in program:
        return [program["name"], f"not measured: {program['error']}", "", "", ""]
    middle, least, most = program["rate"]
    seconds, memory = program["seconds"], program["peak_gib"]
    return [program["name"], f"{middle:.2f}", f"{least:.2f} … {most:.2f}",
            "–" if seconds is None else f"{seconds:.3f} s",
            "–" if memory is None else f"{memory:.2f} GiB"]


def ratio_line(found, words):
    shown = ratio_text(found["ratio"])
    if "one" in found["against"]:
        return f"- {found['program']} threads against one: {shown} times as fast."
    return (f"- {found['program']} against {AGAINST[found['against'][-1]]}, {found['peer']}: "
            f"{shown} times {words}.")


def parts_lines(section):
    if not section["parts"]:
        return []
    lines = ["", f"Where the time of {section['parts_of']} goes:", ""]
    lines += table(["part", "seconds", "share"], [
        [name, f"{seconds:.4f}", f"{share:.1%}"] for name, seconds, share in section["parts"]])
    found = section["arithmetic"]
    if found:
        when = "while they run" if found["alone"] else "over the whole time"
        lines += ["", f"Convolutions: {found['gflops']:.1f} GFLOP, counted directly; {when} "
                      f"{found['gflops_per_second']:.0f} GFLOP/s, "
                      f"{found['fraction_of_gemm_peak']:.0%} of the GEMM peak of "
                      f"{found['gemm_peak_gflops']:.0f} in the same runs."]
    return lines


def section_lines(section):
    unit = section["rate"].replace("_per_", " / ").replace("_", " ")
    lines = ["", f"## {section['title']}", ""]
    lines += [section["note"], ""] if section["note"] else []
    lines += table(["program", unit, "least … most", "time", "peak memory"],
                   [program_row(each) for each in section["programs"]])
    compared = [ratio_line(each, section["words"]) for each in section["ratios"]]
    lines += ["", *compared] if compared else []
    commands = [each["command"] for each in section["programs"]]
    return [*lines, *parts_lines(section), "", "```sh", *commands, "```"]


def machine_lines(machine, versions):
    lines = [f"- {machine.get('cpu', 'unknown CPU')}, {machine.get('cpus', '?')} CPUs used, "
             f"{machine.get('memory_gib', '?')} GiB, {machine.get('system', 'unknown system')}",
             f"- instruction sets: {', '.join(machine.get('instructions', [])) or 'unknown'}"]
    if machine.get("bf16"):
        lines.append(f"- bf16 arithmetic: yes ({', '.join(machine['bf16'])}), so a peer's best may "
                     "be bf16; libscrl computes in float32 where nothing else is said")
    else:
        lines.append("- bf16 arithmetic: none; bf16 saves bytes here, not arithmetic")
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return lines + [f"- versions: {named}"]


def occasions(sections):
    """One paragraph for all sections of one day, machine and setting: they share it."""
    shared = {}
    for key, section in sections.items():
        machine = (machine_lines(section["machine"], section["versions"])
                   if section["machine"] else [])
        timed = (f"{section['steps']} timed runs after {section['warmup']}"
                 if section["steps"] else "")
        occasion = (section["date"] or "at an unknown date", section["rounds"], timed,
                    tuple(machine))
        shared.setdefault(occasion, []).append(key)
    lines = []
    for (date, rounds, timed, machine), keys in shared.items():
        how = f"{rounds} rounds" + (f" of {timed}" if timed else "")
        lines += ["", f"Measured {date}, {how} ({', '.join(keys)})" + (":" if machine else "."),
                  *([""] if machine else []), *machine]
    return lines


def page(name, sections):
    """The page of one CPU. sections: summaries by key, in the order of the page."""
    lines = [f"# Benchmarks: {name}", "",
             f"Written by `make bench` (`bench/run.py`) from `docs/benchmarks/{name}.json`. {HOW}",
             *occasions(sections)]
    for section in sections.values():
        lines += section_lines(section)
    return "\n".join(lines) + "\n"


def claim_cell(section, found):
    if not found:
        return "–"
    return f"{ratio_text(found['ratio'])}, {section['date']}"


def overview(claims, pages):
    """BENCHMARKS.md: a row for each claim, a column for each CPU, and links.

    claims: of thresholds.json. pages: sections by CPU.
    """
    rows = []
    for claim in claims:
        cells = []
        for name, sections in pages.items():
            section = sections.get(claim["section"])
            cell = claim_cell(section, found_ratio(section, claim))
            least = claim["least"].get(name)
            cells.append(cell + (f"; at least {least:.2f}" if least is not None else ""))
        rows.append([claim["claim"], *cells, f"`python bench/run.py --part {claim['section']}`"])
    columns = ["libscrl's speed over", *(f"[{name}](docs/benchmarks/{name}.md)" for name in pages),
               "command"]
    return "\n".join([
        "# Benchmarks", "",
        f"Written by `make bench` (`bench/run.py`). {HOW} A page for each CPU has the numbers, "
        "versions and commands of every program.", "",
        *table(columns, rows), "",
        "\"At least\" is the committed threshold of `bench/thresholds.json`: the least ratio of "
        "any single round, when it was set. `python bench/run.py --check` compares the stored "
        "medians with it, and each run compares what it has measured. A part that is run again "
        "replaces its own section on the page of its CPU and nothing else."]) + "\n"


def found_ratio(section, claim):
    """The ratio that a claim is about, or None where it was not measured."""
    return next((each for each in (section or {}).get("ratios", [])
                 if each["program"] == claim["program"] and claim["against"] in each["against"]),
                None)
