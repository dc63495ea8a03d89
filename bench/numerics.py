"""Does rounding change what is learnt? One training by direct, Winograd and bfloat16 convolutions.

    python bench/numerics.py                   # bench/numerics.svg, and the figures below it

All runs see the same made scenes, weights, views and boxes; they differ in `compute.winograd` and
`compute.precision` alone. As a yardstick one more starts from another seed. Needs the package scrl
and matplotlib.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import scrl
from scrl import synth

DIRECT = {"compute.winograd": "off"}
RUNS = {"direct": DIRECT, "Winograd": {"compute.winograd": "auto"},
        "bfloat16": {"compute.precision": "bfloat16"},
        "direct, another seed": {**DIRECT, "seed": 1}}


def losses(data, settings, asked):
    config = scrl.Config("scrl-small", **{
        "train.steps": asked.steps, "train.batch": asked.batch, "views.size": asked.size,
        "boxes.min_size": asked.size // 4, **settings})
    with scrl.Trainer(config, dataset=data) as trainer:
        return np.array([trainer.step().loss for _ in range(asked.steps)])


def smooth(values, width=20):
    """The mean of the last `width` values."""
    total = np.cumsum(np.concatenate([np.zeros(1), values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (total[ends] - total[starts]) / (ends - starts)


def draw(curves, out):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    matplotlib.rcParams["svg.hashsalt"] = "scrl"
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(7, 5), sharex=True, layout="tight")
    for name, values in curves.items():
        above.plot(smooth(values), ":" if "seed" in name else "-", label=name, linewidth=1.1)
    above.set_ylabel("loss, mean of 20 steps")
    above.legend()
    direct = curves["direct"]
    below.plot([])  # so that a run has one colour
    for name, values in list(curves.items())[1:]:
        below.semilogy(smooth(np.maximum(np.abs(values - direct), 1e-9)),
                       ":" if "seed" in name else "-", linewidth=1.1, label=f"{name} − direct")
    below.set_ylabel("step's difference, mean of 20")
    below.set_xlabel("step")
    below.legend()
    figure.savefig(out, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--out", default=str(Path(__file__).with_name("numerics.svg")))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scenes, file = Path(folder) / "scenes", Path(folder) / "scenes.h5"
        synth.write(scenes, asked.images)
        scrl.pack(scenes, file, progress=False)
        with scrl.Dataset(file) as data:
            curves = {name: losses(data, settings, asked) for name, settings in RUNS.items()
                      if name != "bfloat16" or scrl.build_info()["bfloat16"]}
    draw(curves, asked.out)
    last = slice(-min(50, asked.steps), None)
    for name, values in curves.items():
        apart = np.abs(values - curves["direct"])
        print(f"{name}: mean loss of the last {len(values[last])} steps {values[last].mean():.4f}; "
              f"from direct {apart[:10].max():.1e} in the first ten steps, "
              f"{apart.max():.1e} at most")


if __name__ == "__main__":
    main()
