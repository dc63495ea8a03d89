"""The ResNet-18 trajectory of Tests/Conformance, through the public surface: given weights in,
ten steps on given views and boxes, weights out, against PyTorch in float64."""

import sys

import numpy as np
import scrl
from conftest import REPOSITORY, needs_library

sys.path.insert(0, str(REPOSITORY / "Tests" / "Conformance" / "reference"))
import trajectory  # noqa: E402

pytestmark = needs_library
NAME = "r18_scrl"
PLAN = trajectory.RUNS[NAME]
CONFIG = {
    "method": PLAN["method"], "quirks": PLAN["quirks"], "model.arch": PLAN["arch"],
    "head.hidden": 4096, "head.output": 256, "views.size": trajectory.SIZE,
    "boxes.per_image": trajectory.BOXES,
    "train.batch": PLAN["images"], "train.steps": trajectory.STEPS,
    "optimizer.base_lr": trajectory.BASE_RATE,
    "optimizer.weight_decay": trajectory.WEIGHT_DECAY, "ema.momentum": trajectory.EMA,
}


def kept(name):
    return np.load(trajectory.FIXTURES / f"{NAME}_{name}.npy")


def start(state):
    return {name: trajectory.start(name, value.shape, PLAN["quirks"])
            for name, value in state.items()}


def test_ten_steps_equal_the_reference():
    losses, boxes, end = kept("losses"), kept("boxes"), kept("end")
    with scrl.Trainer(scrl.Config(**CONFIG)) as trainer:
        first = start(trainer.state_dict())
        trainer.load_state_dict(first)
        for step in range(1, trajectory.STEPS + 1):
            views = [trajectory.views(f"{NAME}/{step}/{view}", PLAN["images"], trajectory.SIZE)
                     for view in (1, 2)]
            rows = boxes[boxes[:, 0] == step]  # step, image, box in view 1, box in view 2
            report = trainer.step_on(*views, rows[:, 1:6], rows[:, [1, 6, 7, 8, 9]])
            assert abs(report.loss - losses[step - 1, 0]) <= 1e-4 * losses[step - 1, 0]
        state = trainer.state_dict()

    order = sorted(state, key=lambda name: ("online", "predictor", "target").index(
        name.split(".")[0]))  # the fixture's; within a network both go by state_dict
    assert len(order) == len(end)
    for name, row in zip(order, end):
        norm, elements, projections = row[0], row[2:34], row[34:]
        ours = trajectory.strided(state[name])
        assert np.linalg.norm(ours - elements) <= 1e-3 * np.linalg.norm(elements), name
        if state[name].size <= 1 << 17:  # the Swift suite projects the large ones too
            change = state[name].astype(float) - first[name]
            apart = trajectory.projections(name, change) - projections
            # 5e-4: see Tests/Conformance/Comparison.swift.
            assert np.sqrt(np.mean(apart**2)) <= 5e-4 * norm, name
