"""Can a detector learn at all? It has to find the things of 20 made scenes that it is trained on.

    python Tests/Python/overfit_detector.py [KEY=VALUE…]

Fresh weights, the preset detect-small with half its batch. Prints losses and COCO's figures, and exits
with 1 unless AP50 is above 0.95 for boxes and masks. It took 112 seconds on two cores: AP50 1.000 and
0.976, AP 0.80 and 0.66. Too long for every test run; test_detector.py has a smaller one.
"""

import sys
import tempfile
import time
from pathlib import Path

import scrl
from scrl import synth

SETTINGS = {"detect.steps": 480, "detect.batch": 4, "detect.base_lr": 0.06}
WANTED = 0.95


def main() -> int:
    settings = {**SETTINGS, **dict(each.split("=", 1) for each in sys.argv[1:])}
    with tempfile.TemporaryDirectory() as folder:
        scenes, data = Path(folder) / "scenes", Path(folder) / "d.h5"
        synth.write(scenes, 20, seed=3, size=160, workers=1, progress=False)
        scrl.pack(scenes, data, annotations=scenes / "annotations.json", progress=False)
        start = time.perf_counter()

        def tell(report: scrl.DetectorReport) -> None:
            if report.step % 40 == 0:
                print(f"step {report.step}  loss {report.loss:.3f}  classes "
                      f"{report.classification:.3f}  boxes {report.box:.3f}  masks "
                      f"{report.mask:.3f}  {time.perf_counter() - start:.0f} s", flush=True)

        with scrl.Detector(settings, data) as detector:
            detector.fit(tell, progress=False)
            figures = detector.evaluate(data, progress=False)
    for kind, each in figures.items():
        print(f"{kind}: AP {each.AP:.3f}  AP50 {each.AP50:.3f}")
    return int(min(each.AP50 for each in figures.values()) <= WANTED)


if __name__ == "__main__":
    sys.exit(main())
