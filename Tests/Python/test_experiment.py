"""The experiment's machinery: keys, results on disk, stopping, intervals, the document."""

import io
import json
import math
import re
import sys
import threading
import time

import numpy as np
import pytest

import scrl
from conftest import REPOSITORY, needs_library

sys.path.insert(0, str(REPOSITORY / "examples"))

from experiment import cli, clock, document, flow, intervals, measures, runner  # noqa: E402
from experiment import settings as plan  # noqa: E402
from experiment import stages as work  # noqa: E402
from experiment.cache import Cache, read_records, write_records  # noqa: E402
from experiment.flow import Stage, Stopped  # noqa: E402

TINY = {
    "model.arch": "resnet18", "roi.stage": "layer2", "views.size": 32, "boxes.min_size": 8,
    "boxes.per_image": 3, "head.hidden": 16, "head.output": 8, "train.batch": 4, "threads": 1,
    "loader.threads": 1, "checkpoint.every": 1000, "checkpoint.keep": 1,
}
DETECTOR = {
    "detect.batch": 2, "detect.min_size": 48, "detect.test_size": 48, "detect.max_size": 64,
    "detect.channels": 16, "detect.fc": 16, "detect.mask_channels": 16, "detect.proposals": 20,
    "detect.region_samples": 16, "threads": 1, "loader.threads": 1,
}


def tiny(**changes):
    """Settings of seconds: two seeds, two methods."""
    sets = {name: plan.replace(what, count=20, side=48)
            for name, what in plan.FULL.pictures.items()}
    return plan.replace(
        plan.FULL, name="tiny", seeds=(0, 1), more_seeds=(), methods=("byol", "scrl"),
        pictures=sets,
        pretraining=plan.replace(
            plan.FULL.pretraining, images=16, calibration_steps=2, common=TINY),
        linear=plan.Linear(crops=1, epochs=3, base_lr=0.2),
        regions=plan.Regions(neighbours=5, epochs=3, base_lr=0.2), quick=plan.Quick(8, 4),
        detection=plan.Detection(2, DETECTOR), **changes)


class Silent(io.StringIO):
    """A stream that is no terminal."""


def run(stages, out, expected=None, minutes=None, chosen=None, known=None, jobs=1):
    cache = Cache(out, flow.keys_of(stages), known)
    teller = runner.Teller(Silent())
    made = runner.Runner(stages, chosen or stages, cache, expected or {}, {"machine": "m"}, teller,
                         jobs)
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    return made.run(deadline), made, cache, teller.stream.getvalue()


def stage(name, calls, needs=(), result=None, inputs=None, fails=False, work=1.0):
    def act(job):
        calls.append(name)
        if fails:
            raise OSError("no room")
        return result or {"value": sum(each.get("value", 1) for each in job.results.values())}

    return Stage(name, inputs or {}, tuple(needs), work, "things", name.split(".")[0], act)


# ------------------------------------------------------------------ stages and keys

def test_a_changed_number_changes_what_depends_on_it_and_nothing_else():
    before = flow.keys_of(work.stages(plan.FULL))

    def moved(path, value):
        after = flow.keys_of(work.stages(plan.changed(plan.FULL, path, value)))
        assert after.keys() == before.keys()
        return {name.rsplit(".", 1)[0] for name in before if before[name] != after[name]}

    everyone = {f"{kind}.{method}" for kind in {n.split(".")[0] for n in before} - {
        "pictures", "corpus"} for method in plan.METHODS}
    assert moved("linear.epochs", "41") == {f"linear.{method}" for method in plan.METHODS}
    assert moved("pretraining.own.byol.ema.momentum", "0.97") == {
        each for each in everyone if each.endswith(".byol")}
    assert moved("pictures.corpus_scenes.count", "3999") == {"pictures", "corpus"} | {
        each for each in everyone if not each.endswith(".supervised")}
    assert moved("pictures.objects_test.look.patches", "3") == {"pictures"} | {
        f"linear.{method}" for method in plan.METHODS}
    assert moved("name", "another") == set()
    assert moved("editions.few", "2") == {f"few.{method}" for method in plan.METHODS}


def test_methods_cost_the_same_pictures():
    by_method = {}
    for each in work.stages(plan.FULL):
        if each.kind == "pretrain" and ".random." not in each.name:
            by_method.setdefault(each.name.split(".")[1], set()).add(each.work)
    assert len(by_method) == 3 and len(set.union(*by_method.values())) == 1


def test_more_seeds_are_of_all_methods_but_supervised_training():
    wider = plan.changed(plan.FULL, "more_seeds", "(3, 4)")
    names = {each.name for each in work.stages(wider)}
    for method in plan.METHODS:
        seeds = {int(name.split(".")[2]) for name in names if f".{method}." in name}
        more = () if method == "supervised" else (3, 4)
        assert seeds == {*plan.FULL.seeds, *more}
    varied = work.stages(plan.varied(wider, plan.VARIANTS[0]))
    judged = {each.name.partition(".")[2] for each in varied if each.kind == "linear"}
    assert judged == {f"{method}.{seed}" for method in ("byol", "scrl") for seed in plan.FULL.seeds}


def test_a_stage_needs_what_is_before_it():
    with pytest.raises(ValueError, match="before"):
        flow.keys_of([stage("a", [], ["b"]), stage("b", [])])
    with pytest.raises(ValueError, match="twice"):
        flow.keys_of([stage("a", []), stage("a", [])])


def test_parts_of_names_choose_stages_and_what_they_need():
    stages = work.stages(plan.FULL)
    names = [each.name for each in flow.choose(stages, ["linear.scrl.1"])]
    assert names == ["pictures.corpus_scenes", "pictures.corpus_objects", "pictures.objects_train",
                     "pictures.objects_test", "corpus.both", "pretrain.scrl.1", "linear.scrl.1"]
    assert {name.split(".")[0] for name in (each.name for each in stages)} == {
        "pictures", "corpus", "pretrain", "linear", "regions", "few", "quick", "detection"}
    assert len(flow.choose(stages, [""])) == len(stages)
    with pytest.raises(ValueError, match="nothing.*byol"):
        flow.choose(stages, ["nothing"])


@pytest.mark.parametrize("path, value, words", [
    ("linear.epoch", "3", "epochs"), ("linear", "3", "too early"), ("seeds", "'x'", None),
    ("linear.epochs", "many", "like of 80"), ("linear.epochs.more", "3", "too late"),
    ("pictures.nosuch.count", "3", "nosuch")])
def test_wrong_settings_are_refused(path, value, words):
    if words is None:
        assert plan.changed(plan.FULL, path, value).seeds == ("x",)
        return
    with pytest.raises(ValueError, match=words):
        changed = plan.changed(plan.FULL, path, value)
        work.stages(changed)


def test_settings_change_in_depth():
    assert plan.changed(plan.FULL, "pretraining.common.views.size", "96").pretraining.common[
        "views.size"] == 96
    assert plan.changed(plan.FULL, "pictures.scenes_test.look.radius", "(0.1, 0.2)").pictures[
        "scenes_test"].look.radius == (0.1, 0.2)
    assert plan.FULL.pretraining.common["views.size"] == 112  # nothing shared was changed
    json.dumps(plan.as_json(plan.FULL))


# ------------------------------------------------------------------ running

def test_nothing_is_done_twice(tmp_path):
    calls = []
    stages = [stage("a", calls, result={"value": 2}), stage("b.x", calls, ["a"], inputs={"n": 1}),
              stage("b.y", calls, ["a"])]
    assert run(stages, tmp_path)[0] and calls == ["a", "b.x", "b.y"]
    assert run(stages, tmp_path)[0] and len(calls) == 3
    changed = [stages[0], stage("b.x", calls, ["a"], inputs={"n": 2}), stages[2]]
    done, _, cache, _ = run(changed, tmp_path)
    assert done and calls[3:] == ["b.x"] and cache.record(changed[1])["result"] == {"value": 2}
    assert run(stages, tmp_path)[0] and len(calls) == 4  # the old settings' results are still there


def test_a_damaged_result_is_made_again(tmp_path):
    calls = []
    stages = [stage("a", calls)]
    run(stages, tmp_path)
    path, = (tmp_path / "results").iterdir()
    for text in ('{"key": "tor', "[]", '{"key": "another", "result": {}}'):
        path.write_text(text)
        assert run(stages, tmp_path)[0]
    assert len(calls) == 4


def test_records_of_another_machine_count_and_bring_no_folders(tmp_path):
    calls = []
    stages = [stage("a", calls, result={"value": 2}), stage("b", calls, ["a"]),
              stage("c", calls, ["b"]), stage("d", calls)]
    _, _, cache, _ = run(stages[:2], tmp_path / "there")
    file = tmp_path / "records.jsonl"
    write_records(file, [cache.record(each) for each in stages[:2]])
    known = read_records(file)
    calls.clear()
    assert run(stages[:2], tmp_path / "here", known=known)[0] and calls == []
    done, _, cache, _ = run(stages[3:], tmp_path / "here", known=known)
    assert done and calls == ["d"]
    calls.clear()  # what needs a folder has it made again, and all that that needs
    done, _, cache, _ = run(stages, tmp_path / "here", known=known)
    assert done and calls == ["a", "b", "c"] and cache.record(stages[2])["result"] == {"value": 2}
    write_records(file, [cache.record(each) for each in stages])
    assert len(file.read_text().splitlines()) == len(read_records(file)) == 4
    for line in ("{}", "[1]", "x"):
        file.write_text(line + "\n")
        with pytest.raises(ValueError, match="line 1 is no record"):
            read_records(file)
    assert read_records(tmp_path / "none") == {}


def test_a_failure_stops_only_what_needs_it_and_is_tried_again(tmp_path):
    calls = []
    stages = [stage("a", calls, fails=True), stage("b", calls, ["a"]), stage("c", calls)]
    done, made, cache, said = run(stages, tmp_path)
    assert not done and calls == ["a", "c"] and "no room" in said
    assert "no room" in made.failed["a"] and made.failed["b"] == "needs a"
    assert cache.record(stages[2]) and not cache.record(stages[0])
    healed = [stage("a", calls), *stages[1:]]
    assert run(healed, tmp_path)[0] and calls == ["a", "c", "a", "b"]


def test_stopped_and_interrupted_stages_go_on(tmp_path):
    seen = []

    def act(job):
        done = job.folder / "done"
        before = int(done.read_text()) if done.exists() else 0
        seen.append(before)
        for number in range(before, 10):
            done.write_text(str(number + 1))
            if number == 3:
                raise Stopped
            if number == 6:
                raise KeyboardInterrupt
        return {"value": 10}

    def begun(folder):
        return int((folder / "done").read_text()) / 10 if (folder / "done").exists() else 0.0

    stages = [Stage("long", {}, (), 10, "steps", "long", act, begun), stage("next", [], ["long"])]
    expected = {"long": 1.0, "next": 1.0}
    done, made, cache, said = run(stages, tmp_path, expected)
    assert not done and "2 stages are left" in said and not made.failed
    planned = runner.plan(stages, cache, expected)
    assert "40 % done" in planned and f"; {6 + 1} s left" in planned
    with pytest.raises(KeyboardInterrupt):
        run(stages, tmp_path)
    assert cache.record(stages[0]) is None
    done, _, cache, _ = run(stages, tmp_path)
    assert done and seen == [0, 4, 7]
    assert cache.spent(stages[0]) > 0
    assert cache.record(stages[0])["seconds"] >= cache.spent(stages[0])


def meeting(name, barrier, needs=(), ends=None):
    """A stage that waits until others are at work with it."""
    def act(job):
        barrier.wait(timeout=30)
        if ends:
            raise ends
        return {"value": 1}

    return Stage(name, {}, tuple(needs), 1.0, "things", name, act)


def test_jobs_are_at_work_side_by_side_and_after_what_they_need(tmp_path):
    two, other = threading.Barrier(2), threading.Barrier(2)
    stages = [meeting("a", two), meeting("b", two), meeting("c", other, ["a", "b"]),
              meeting("d", other, ["a"])]
    done, _, cache, said = run(stages, tmp_path, jobs=2)
    assert done and all(cache.record(each) for each in stages)
    assert "[4/4]" in said and "s left · a 0 %, begins" in said.replace("?", "0 s")
    plan_of = runner.plan([stage("slow", [], work=8)], Cache(tmp_path, {"slow": "k"}), {"slow": 2.0}, 2)
    assert "2 s left" in plan_of


def test_a_failure_beside_another_stage_leaves_it_alone(tmp_path):
    both = threading.Barrier(2)
    stages = [meeting("a", both, ends=OSError("no room")), meeting("b", both),
              stage("c", [], ["a"]), stage("d", [], ["c"])]
    done, made, cache, _ = run(stages, tmp_path, jobs=2)
    assert not done and cache.record(stages[1])
    assert set(made.failed) == {"a", "c", "d"} and made.failed["d"] == "needs c"


def test_a_stage_without_room_for_its_folder_or_result_fails_alone(tmp_path):
    calls = []
    stages = [stage("a", calls), stage("b", calls, result={"value": math.nan}), stage("c", calls)]
    folder = Cache(tmp_path, flow.keys_of(stages)).folder(stages[0])
    folder.parent.mkdir(parents=True)
    folder.write_text("a file in its place")
    done, made, cache, _ = run(stages, tmp_path)
    assert not done and set(made.failed) == {"a", "b"} and calls == ["b", "c"]
    assert cache.record(stages[2])


def test_an_interruption_lets_the_others_save(tmp_path):
    both, kept = threading.Barrier(2), []

    def act(job):
        both.wait(timeout=30)
        until = time.monotonic() + 30
        while not job.should_stop() and time.monotonic() < until:
            time.sleep(0.01)
        kept.append(job.should_stop())
        raise Stopped

    stages = [meeting("a", both, ends=KeyboardInterrupt()),
              Stage("b", {}, (), 1.0, "things", "b", act), stage("c", [])]
    with pytest.raises(KeyboardInterrupt):
        run(stages, tmp_path, jobs=2)
    cache = Cache(tmp_path, flow.keys_of(stages))
    assert kept == [True] and not any(cache.record(each) for each in stages)
    assert cache.spent(stages[1]) > 0


def test_no_stage_begins_after_the_time(tmp_path):
    calls = []
    done, _, _, said = run([stage("a", calls)], tmp_path, minutes=0.0)
    assert not done and not calls and "1 stages are left" in said


def test_time_left_comes_from_measured_rates(tmp_path):
    stages = [stage(name, [], work=work) for name, work in (
        ("slow.a", 100), ("slow.b", 300), ("new", 8))]
    cache = Cache(tmp_path, flow.keys_of(stages))
    text = runner.plan(stages, cache, {"new": 2.0})
    assert "more than 4 s left" in text and "? ~" in text
    cache.put(stages[0], {}, 10.0, {})
    assert clock.measured(stages, cache) == {"slow": 10.0}
    text = runner.plan(stages, cache, {"new": 2.0, "slow": 1e6})
    assert "done in 10 s; 34 s left" in text and "30 s" in text and "30 s ~" not in text
    assert "4 s ~" in text
    assert [clock.duration(s) for s in (None, 89, 91, 3600 * 3 + 300)] == [
        "?", "89 s", "2 min", "3 h 05 min"]


# ------------------------------------------------------------------ numbers

@pytest.mark.parametrize("freedom, value", [
    (1, 12.706204736), (2, 4.302652730), (3, 3.182446305), (4, 2.776445105), (9, 2.262157163),
    (30, 2.042272456), (1000, 1.962339081)])
def test_quantiles_are_those_of_the_tables(freedom, value):
    assert intervals.t_quantile(0.975, freedom) == pytest.approx(value, rel=1e-9)


def test_the_quantile_inverts_the_distribution_in_closed_form():
    for p in (0.5, 0.6, 0.9, 0.999):  # one degree of freedom: Cauchy; two: algebraic
        assert intervals.t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), abs=1e-9)
        assert intervals.t_quantile(p, 2) == pytest.approx(
            (2 * p - 1) / math.sqrt(2 * p * (1 - p)), abs=1e-9)
    with pytest.raises(ValueError):
        intervals.t_quantile(1.0, 2)


def test_intervals_cover_as_often_as_they_say(rng):
    # 4,000 draws of 3: the share's own deviation is sqrt(0.95·0.05/4000) = 0.0034; four of them.
    draws = rng.normal(1.5, 0.7, (4000, 3))
    inside = [abs(found.mean - 1.5) <= found.half for found in map(intervals.interval, draws)]
    assert abs(np.mean(inside) - 0.95) < 0.014


def test_one_seed_has_no_interval():
    found = intervals.interval([0.3])
    assert found.half is None and found.low is None and measures.percent(found) == "30.0"
    assert intervals.interval([2.0, 2.0, 2.0]) == intervals.Interval(2.0, 0.0, 3)


def results_of(table):
    """{"linear": {"scrl": [values by seed]}} as stage results."""
    keys = {"linear": "accuracy", "regions": "linear", "detection": "box_ap"}
    return {f"{kind}.{method}.{seed}": {keys[kind]: value}
            for kind, methods in table.items() for method, values in methods.items()
            for seed, value in enumerate(values)}


def test_differences_are_paired_by_seed():
    values = measures.collect(results_of({"linear": {
        "scrl": [0.10, 0.50, 0.90], "byol": [0.08, 0.47, 0.88, 0.99]}}))
    found = measures.difference(values, "linear.accuracy", "scrl", "byol")
    assert found.count == 3 and found.mean == pytest.approx((0.02 + 0.03 + 0.02) / 3)
    # The seeds scatter by 0.4, their differences by 0.006.
    assert found.half < 0.02 < measures.of_method(values, "linear.accuracy", "scrl").half
    assert measures.difference(values, "linear.accuracy", "scrl", "random") is None


def test_claims_answer_by_their_intervals():
    values = measures.collect(results_of({
        "regions": {"scrl": [0.50, 0.52, 0.51], "byol": [0.40, 0.41, 0.41]},
        "linear": {"scrl": [0.70, 0.71, 0.70], "byol": [0.50, 0.52, 0.51]},
        "detection": {"scrl": [0.2, 0.1, 0.3], "byol": [0.1, 0.2, 0.2], "random": [0.1]}}))
    answers = {(c.measure, c.first, c.second): c.answer for c in measures.claims(values)}
    assert answers["regions.linear", "scrl", "byol"] == "yes"
    assert answers["linear.accuracy", "byol", "scrl"] == "no: the opposite"
    assert answers["detection.box_ap", "scrl", "byol"].startswith("open")
    assert answers["detection.box_ap", "byol", "random"] == "one seed: no interval"
    assert answers["detection.mask_ap", "scrl", "byol"] == "not measured"
    apart = {(c.measure, c.first): c.apart for c in measures.claims(values)}
    assert apart["regions.linear", "scrl"] is True and apart["linear.accuracy", "byol"] is False
    assert apart["detection.box_ap", "byol"] is None  # random weights have one seed


def test_paired_seeds_may_differ_where_their_own_intervals_overlap():
    values = measures.collect(results_of({"linear": {
        "byol": [0.12, 0.52, 0.92], "scrl": [0.10, 0.50, 0.90]}}))
    found, = measures.claims(values, [("linear.accuracy", "byol", "scrl")])
    assert found.answer == "yes" and found.apart is False


# ------------------------------------------------------------------ all of it

@needs_library
def test_the_experiment_in_seconds(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(cli, "FULL", plan.replace(tiny(), name="full"))
    out = ["--out", str(tmp_path / "x")]
    assert cli.main([*out, "--only", "linear.scrl.0,linear.byol.0,regions.scrl.0"]) == 0
    text = (tmp_path / "x/EXPERIMENTS.md").read_text()
    assert "**Not complete**" in text and "one seed: no interval" in text
    assert re.search(r"\| BYOL \| 1 \| [\d.]+ \| – \| – \|", text) and "not measured" in text
    records = sorted(path.name.split("-")[0] for path in (tmp_path / "x/results").iterdir())
    assert "linear.scrl.0" in records and not any(".1" in name for name in records)
    result = json.loads((tmp_path / "x/results.json").read_text())
    told = result["values"]["linear.accuracy"]["scrl"]["0"]
    assert f"| SCRL | 1 | {100 * told:.1f} |" in text
    monkeypatch.setattr(cli, "ROOT", tmp_path / "checkout")
    assert cli.main([*out, "--document", "--only", "pictures"]) == 0
    assert not (tmp_path / "checkout").exists()
    assert cli.main([*out, "--document"]) == 0
    text = (tmp_path / "checkout/EXPERIMENTS.md").read_text()
    assert "Not complete" not in text and str(tmp_path) not in text and "| – |" not in text
    assert "not measured" not in text and "| SCRL | 2 |" in text and "signs of collapse" in text
    for target in re.findall(r"\]\(([^)]*)\)", text):
        assert (tmp_path / "checkout" / target).stat().st_size > 1000
    shorter = plan.Variant("half as long", {"pretraining.images": "8"})
    for module in (cli, document):
        monkeypatch.setattr(module, "VARIANTS", (shorter,))
    assert "What it depends on" not in text
    assert cli.main([*out, "--document", "--variants", "--only", "linear,regions"]) == 0
    text = (tmp_path / "checkout/EXPERIMENTS.md").read_text()
    assert re.search(r"\| half as long \| 2 \| [\d.]+ \([+−][\d.]+ ± [\d.]+\) \| –", text)
    assert "- half as long: `--set pretraining.images=8`" in text
    for name in ("other", "full, with x"):  # the checkout's document is of the full settings
        monkeypatch.setattr(cli, "settings_of", lambda _: plan.replace(tiny(), name=name))
        (tmp_path / "checkout/EXPERIMENTS.md").write_text("kept")
        assert cli.main([*out, "--document"]) == 0
        assert (tmp_path / "checkout/EXPERIMENTS.md").read_text() == "kept"
    monkeypatch.undo()
    monkeypatch.setattr(cli, "FULL", plan.replace(tiny(), name="full"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "x/results").iterdir()}
    assert cli.main(out) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "x/results").iterdir()}
    for name in ("measures.svg", "differences.svg", "curves.svg", "pictures.png"):
        assert (tmp_path / "x/plots" / name).stat().st_size > 1000
    kept = ["--records", str(tmp_path / "kept.jsonl")]
    assert cli.main([*out, *kept]) == 0
    assert cli.main(["--out", str(tmp_path / "y"), *kept]) == 0  # nothing is done again
    assert not (tmp_path / "y/results").exists()
    assert (tmp_path / "y/EXPERIMENTS.md").read_text() == (tmp_path / "x/EXPERIMENTS.md").read_text()


@needs_library
def test_a_stopped_pretraining_ends_as_one_that_was_not(tmp_path):
    stages = {each.name: each for each in work.stages(tiny())}
    chain = flow.choose(list(stages.values()), ["pretrain.scrl.0"])
    assert run(chain, tmp_path / "whole")[0]

    def act(job):  # asks to stop at the second step, then not at all
        asked = []
        job.should_stop = lambda: asked.append(0) or len(asked) == 2 and not job.folder.joinpath(
            "stopped").exists()
        try:
            return chain[-1].run(job)
        except Stopped:
            (job.folder / "stopped").touch()
            raise

    cut = [*chain[:-1], chain[-1]._replace(run=act)]
    done, made, cache, _ = run(cut, tmp_path / "cut")
    assert not done and not made.failed and 0 < cut[-1].begun(cache.folder(cut[-1])) < 1
    assert run(cut, tmp_path / "cut")[0]
    one, two = (Cache(tmp_path / name, flow.keys_of(chain)).record(chain[-1])["result"]
                for name in ("whole", "cut"))
    assert one["curve"] == two["curve"] and one["steps"] == two["steps"] == 4


@needs_library
def test_random_weights_stay_and_get_the_pictures_statistics(tmp_path):
    settings = plan.replace(tiny(), methods=("random",))
    chain = flow.choose(work.stages(settings), ["pretrain.random.0"])
    done, _, cache, _ = run(chain, tmp_path)
    with scrl.Model.load(cache.folder(chain[-1]) / "run") as model, scrl.Model(model.config) as fresh:
        kept, first = model.state_dict(), fresh.state_dict()
    changed = {name for name in first if (kept[name] != first[name]).any()}
    assert done and changed and all("running_" in name for name in changed)


@needs_library
def test_wrong_words_are_one_line(tmp_path, capsys):
    for words in (["--only", "nosuch"], ["--set", "nosuch=3"], ["--set", "x"],
                  ["--set", "pretraining.common.views.sise=9"]):
        assert cli.main(["--out", str(tmp_path), *words]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@needs_library
def test_one_experiment_a_folder(tmp_path, capsys):
    with cli.alone(tmp_path):
        assert cli.main(["--out", str(tmp_path), "--report"]) == 2
    assert "another experiment" in capsys.readouterr().err
