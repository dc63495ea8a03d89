"""The committed results: one JSON file and one page for each CPU, and the overview of all.

A part that was measured again replaces its own section; everything else stays as it was.
"""

from pathlib import Path

import report
from store import read, write

THRESHOLDS = Path(__file__).resolve().parent / "thresholds.json"


class Pages:
    def __init__(self, folder, overview, thresholds=THRESHOLDS):
        """folder: of the pages. overview: BENCHMARKS.md. thresholds: the committed claims."""
        self.folder, self.overview = Path(folder), Path(overview)
        self.claims = read(thresholds)["claims"]
        self.pages = {path.stem: read(path) for path in sorted(self.folder.glob("*.json"))}

    def merge(self, cpu, summaries, order):
        """Replaces the sections of `summaries`. order: the keys in the order of a page."""
        known = {**self.pages.get(cpu, {}), **summaries}
        last = len(order)
        self.pages[cpu] = dict(sorted(known.items(), key=lambda each: order.index(each[0])
                                      if each[0] in order else last))

    def write(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        for cpu, sections in self.pages.items():
            write(self.folder / f"{cpu}.json", sections)
            (self.folder / f"{cpu}.md").write_text(report.page(cpu, sections))
        self.overview.write_text(report.overview(self.claims, self.pages))

    def failures(self, cpu, keys=None):
        """What is slower than its threshold, a line each. keys: only these sections."""
        lines = []
        for claim in self.claims:
            key, least = claim["section"], claim["least"].get(cpu)
            if least is None or (keys is not None and key not in keys):
                continue
            found = report.found_ratio(self.pages.get(cpu, {}).get(key), claim)
            got = f"{found['ratio'][0]:.2f}" if found else "no ratio"
            if not found or round(found["ratio"][0], 2) < least:
                lines.append(f"{cpu}, {key}, {claim['claim']}: got {got} · "
                             f"expected {least:.2f} or more")
        return lines

    def bounded(self):
        """CPUs with a threshold: a stored result must answer each."""
        return sorted({cpu for claim in self.claims for cpu in claim["least"]})

    def unbounded(self, cpu, keys):
        """Claims of these sections that have no threshold on this CPU."""
        return [claim["claim"] for claim in self.claims
                if claim["section"] in keys and cpu not in claim["least"]]
