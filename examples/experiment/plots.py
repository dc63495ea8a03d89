"""The experiment's plots as SVG files; needs matplotlib."""

from pathlib import Path
from typing import Any, List, Mapping

from .measures import DIFFERENCES, MEASURES, TITLES, Values, difference, of_method

COLOURS = {"random": "#8a94a0", "supervised": "#d9822b", "byol": "#7b4fb5", "scrl": "#2f76c9"}


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({
        "font.size": 10, "svg.hashsalt": "scrl", "font.family": "sans-serif",
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "grid.alpha": 0.3, "grid.linewidth": 0.6})
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    _pyplot().close(figure)
    return path


def measures(values: Values, methods: List[str], path: Path) -> Path:
    """Each measure by method: a dot per seed, the mean and its 95 % interval."""
    shown = [each for each in MEASURES if each.name in values]
    columns = min(4, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure, grid = _pyplot().subplots(
        rows, columns, figsize=(3 * columns, 2.7 * rows), squeeze=False, layout="constrained")
    for axes in grid.flat[len(shown):]:
        axes.set_visible(False)
    for axes, measure in zip(grid.flat, shown):
        for place, method in enumerate(methods):
            seeds = values[measure.name].get(method, {})
            found = of_method(values, measure.name, method)
            if found is None:
                continue
            colour = COLOURS.get(method, "#444444")
            axes.bar(place, 100 * found.mean, 0.62, color=colour, alpha=0.35)
            axes.plot([place] * len(seeds), [100 * v for v in seeds.values()], "o", color=colour,
                      markersize=4)
            if found.half is not None:
                axes.errorbar(place, 100 * found.mean, 100 * found.half, color="#222222",
                              capsize=4, linewidth=1.2)
        axes.set_title(measure.title, fontsize=10)
        axes.set_xticks(range(len(methods)), [TITLES.get(m, m).split()[0] for m in methods],
                        fontsize=8)
        axes.set_ylim(bottom=0)
        axes.grid(False, axis="x")
    figure.supylabel("%", fontsize=10)
    return _save(figure, path)


def differences(values: Values, path: Path) -> Path:
    """Paired differences with their intervals, a row for each measure and pair."""
    rows = [(measure, pair, found) for measure in MEASURES for pair in DIFFERENCES[:1]
            if (found := difference(values, measure.name, *pair)) is not None]
    figure, axes = _pyplot().subplots(
        figsize=(7.5, 0.8 + 0.42 * max(1, len(rows))), layout="constrained")
    for place, (_, _, found) in enumerate(reversed(rows)):
        half = None if found.half is None else 100 * found.half
        axes.errorbar(100 * found.mean, place, xerr=half, fmt="o", color=COLOURS["scrl"], capsize=4)
    axes.axvline(0, color="#222222", linewidth=0.9)
    axes.set_yticks(range(len(rows)), [measure.title for measure, _, _ in reversed(rows)])
    axes.set_xlabel("SCRL − BYOL, points")
    axes.grid(False, axis="y")
    return _save(figure, path)


def curves(records: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    """The loss of every pretraining run."""
    methods = [method for method in ("scrl", "byol", "supervised")
               if any(name.startswith(f"pretrain.{method}.") for name in records)]
    figure, grid = _pyplot().subplots(
        1, max(1, len(methods)), figsize=(3.6 * max(1, len(methods)), 2.7), squeeze=False,
        layout="constrained")
    for axes, method in zip(grid.flat, methods):
        for name, result in sorted(records.items()):
            if name.startswith(f"pretrain.{method}.") and result.get("curve"):
                steps, losses = zip(*result["curve"])
                axes.plot(steps, losses, color=COLOURS[method], linewidth=1.1, alpha=0.8)
        axes.set_title(TITLES[method], fontsize=10)
        axes.set_xlabel("step")
    grid[0, 0].set_ylabel("loss")
    return _save(figure, path)
