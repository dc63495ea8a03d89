"""Raw results in one JSON file, written after every run, so that an interrupted bench goes on.

    {"setting": {…}, "rounds": 5, "facts": {…}, "sections": […],
     "runs": [{"section", "program", "round", "seconds", "result" or "error"}]}
"""

import json
import os
from pathlib import Path


class Store:
    def __init__(self, path, setting, fresh=False):
        """setting: what must be the same for results to be comparable."""
        self.path = Path(path)
        self.data = {"setting": setting, "rounds": 0, "facts": {}, "sections": [], "runs": []}
        if self.path.exists() and not fresh:
            known = read(self.path)
            if known["setting"] != setting:
                raise SystemExit(f"{path} holds results of {known['setting']}, not {setting}; "
                                 "--fresh begins anew")
            self.data = known

    def has(self, section, program, turn):
        """Whether there is a result; what failed is tried again."""
        return any("result" in run and key(run) == (section, program, turn)
                   for run in self.data["runs"])

    def add(self, section, program, turn, seconds, **outcome):
        run = {"section": section, "program": program, "round": turn, "seconds": seconds, **outcome}
        self.data["runs"] = [old for old in self.data["runs"] if key(old) != key(run)] + [run]
        self.save()

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write(self.path, self.data)


def key(run):
    return run["section"], run["program"], run["round"]


def read(path):
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: {error}") from None


def write(path, data):
    """All or nothing: a stop leaves the file as it was."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    os.replace(beside, path)
