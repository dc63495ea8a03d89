"""Results on disk: one JSON file a stage, named by the stage and its key, so nothing is done twice.

    OUT/results/pretrain.scrl.0-1f2e….json   {"stage", "key", "inputs", "seconds", "result", …}
    OUT/work/pretrain.scrl.0-1f2e…/          the stage's folder: pictures, a run, a detector
    OUT/spent.json                           seconds of attempts that stopped, by stage and key

What belongs to other settings stays and is found again when they come back.
"""

import datetime
import json
import os
from pathlib import Path
from typing import Any, Dict, Optional

from .flow import Stage


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", "utf-8")
    os.replace(beside, path)


def read_json(path: Path) -> Optional[Any]:
    """None when the file is not there or is no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


class Cache:
    """The results of a folder."""

    def __init__(self, out: Path, keys: Dict[str, str]) -> None:
        self.out = out
        self.keys = keys
        self._spent: Dict[str, float] = read_json(out / "spent.json") or {}

    def _label(self, stage: Stage) -> str:
        return f"{stage.name}-{self.keys[stage.name]}"

    def folder(self, stage: Stage) -> Path:
        return self.out / "work" / self._label(stage)

    def record(self, stage: Stage) -> Optional[Dict[str, Any]]:
        """What put() wrote; None when the stage is still to do."""
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
