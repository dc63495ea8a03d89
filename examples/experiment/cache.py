"""Results on disk: one JSON file a stage, named by the stage and its key, so nothing is done twice.

    OUT/results/pretrain.scrl.0-1f2e….json   {"stage", "key", "inputs", "seconds", "result", …}
    OUT/work/pretrain.scrl.0-1f2e…/          the stage's folder: pictures, a run, a detector
    OUT/spent.json                           seconds of attempts that stopped, by stage and key

What belongs to other settings stays and is found again when they come back. A file of records, one
JSON line each, carries results from one machine to the next, without the folders.
"""

import datetime
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, Optional

from .flow import Stage


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, "utf-8")
    os.replace(beside, path)


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all."""
    _write(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Optional[Any]:
    """None when the file is not there or is no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


Record = Dict[str, Any]  # what put() writes


def read_records(path: Path) -> Dict[str, Record]:
    """The records of a file by label; none when there is no file.
    Raises ValueError for a line that is no record."""
    found: Dict[str, Record] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.exists() else [], 1):
        try:
            record = json.loads(line)
            found[f"{record['stage']}-{record['key']}"] = record
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path}: line {number} is no record of a stage") from None
    return found


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Adds to the file, or replaces there, in the order of names; whole or not at all."""
    found = read_records(path)
    found.update((f"{each['stage']}-{each['key']}", each) for each in records)
    _write(path, "".join(json.dumps(found[label], allow_nan=False) + "\n"
                         for label in sorted(found)))


class Cache:
    """The results of a folder, and before them those of other machines."""

    def __init__(self, out: Path, keys: Dict[str, str], known: Optional[Mapping[str, Record]] = None
                 ) -> None:
        self.out = out
        self.keys = keys
        self._known = known or {}  # by label, as read_records gives them
        self._spent: Dict[str, float] = read_json(out / "spent.json") or {}

    def _label(self, stage: Stage) -> str:
        return f"{stage.name}-{self.keys[stage.name]}"

    def folder(self, stage: Stage) -> Path:
        return self.out / "work" / self._label(stage)

    def record(self, stage: Stage) -> Optional[Record]:
        """What put() wrote, here or elsewhere; None when the stage is still to do."""
        return self.own_record(stage) or self._known.get(self._label(stage))

    def own_record(self, stage: Stage) -> Optional[Record]:
        """Of this folder: what the stage made is there too."""
        found = read_json(self.out / "results" / f"{self._label(stage)}.json")
        if isinstance(found, dict) and found.get("key") == self.keys[stage.name] and isinstance(
                found.get("result"), dict):
            return found
        return None

    def put(self, stage: Stage, result: Dict[str, Any], seconds: float,
            facts: Dict[str, Any]) -> None:
        write_json(self.out / "results" / f"{self._label(stage)}.json", {
            "stage": stage.name, "key": self.keys[stage.name], "inputs": dict(stage.inputs),
            "needs": {name: self.keys[name] for name in stage.needs}, "rate": stage.rate,
            "work": stage.work, "unit": stage.unit, "seconds": seconds + self.spent(stage),
            "when": datetime.datetime.now().isoformat(timespec="seconds"), **facts,
            "result": result})

    def spent(self, stage: Stage) -> float:
        """Seconds of attempts that stopped before the end."""
        return float(self._spent.get(self._label(stage), 0))

    def add_spent(self, stage: Stage, seconds: float) -> None:
        self._spent[self._label(stage)] = self.spent(stage) + seconds
        write_json(self.out / "spent.json", self._spent)
