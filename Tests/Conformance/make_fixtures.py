"""Makes the fixtures of the conformance suite from an independent program in PyTorch and NumPy:

    python Tests/Conformance/make_fixtures.py [part …]

Parts: boxes, loss, optimiser, schedules, and the trajectories by name (reference/trajectory.py).
Without any, all: some 20 minutes on two cores, since trajectories run in float64. Needs torch,
torchvision, numpy. Pictures are made by Tests/Fixtures/make_image.py.
"""

import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "reference"))

import boxes as box_reference  # noqa: E402
import trajectory  # noqa: E402
import training  # noqa: E402
from hashed import hashed, weights  # noqa: E402


def save(name, array, dtype=np.float32):
    trajectory.FIXTURES.mkdir(exist_ok=True)
    array = array.detach().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
    np.save(trajectory.FIXTURES / f"{name}.npy", np.ascontiguousarray(array.astype(dtype)))


def hashed64(name, shape, centre, spread):
    return torch.from_numpy(hashed(name, shape, centre, spread)).double()


# ------------------------------------------------------------------ boxes

def boxes():
    save("boxes_skips", box_reference.skips(np.random.default_rng(11), 2000), np.int16)
    for index, case in enumerate(box_reference.CASES):
        rng = np.random.default_rng(100 + index)
        one, two, size, sampler, threshold, jitter, least = case
        first, second = box_reference.sample(rng, 100_000, case)
        save(f"boxes_{index}", box_reference.distributions(first, second, size))
    rows = [[*c[0], *c[1], c[2], c[3] == "grid", c[4], c[5], c[6]] for c in box_reference.CASES]
    save("boxes_cases", np.array(rows, float), np.float64)


# ------------------------------------------------------------------ loss and gradients

LOSSES = {"loss_scrl": 1, "loss_byol": 0, "loss_cells": 2}  # RoIAlign's output side; 0: the mean


def loss():
    images, channels, side = 4, 32, 7
    rng = np.random.default_rng(3)
    shape = (2 * images, channels, side, side)
    corner = rng.uniform(-8, 160, (2 * 24, 2))
    extent = rng.uniform(0.5, 120, (2 * 24, 2))  # some leave the map, some are within one cell
    image = np.concatenate([np.arange(24) % images, np.arange(24) % images + images])
    box = np.concatenate([image[:, None], corner, corner + extent], 1).astype(np.float32)
    save("loss_boxes", box)
    for name, cells in LOSSES.items():
        inputs = channels * max(cells, 1) ** 2
        nets = {"projector.": training.head(inputs, 48, 24),
                "predictor.": training.head(24, 48, 24), "target.": training.head(inputs, 48, 24)}
        for prefix, net in nets.items():
            fill(net.double(), prefix, weights)
        x = hashed64("features", shape, 0.0, 1.0).requires_grad_()
        b = None if cells == 0 else torch.from_numpy(box).double()
        q = training.run_head(nets["projector."], training.pool(x, b, max(cells, 1)))
        q = training.run_head(nets["predictor."], q)
        with torch.no_grad():
            y = hashed64("target features", shape, 0.0, 1.0)
            t = training.run_head(nets["target."], training.pool(y, b, max(cells, 1)))
        value = training.regression_loss(q, t)
        value.backward()
        parts = [value.detach().reshape(1), x.grad]
        for prefix in ["projector.", "predictor."]:
            parts += [p.grad for p in nets[prefix].parameters()]
        save(name, torch.cat([part.reshape(-1) for part in parts]))


def fill(net, prefix, values):
    """Every value from its name; the first values by full name."""
    first = {}
    for name, tensor in net.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            first[prefix + name] = values(prefix + name, tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(first[prefix + name]))
    return first


# ------------------------------------------------------------------ optimiser, EMA, schedules

PARAMETERS = [
    ("online.encoder.conv1.weight", (4, 3, 3, 3)), ("online.encoder.bn1.weight", (4,)),
    ("online.encoder.bn1.bias", (4,)), ("online.encoder.layer1.0.conv2.weight", (4, 4, 3, 3)),
    ("online.encoder.layer1.0.bn2.weight", (4,)), ("online.encoder.layer1.0.bn2.bias", (4,)),
    ("online.encoder.layer2.0.downsample.0.weight", (6, 4, 1, 1)),
    ("online.encoder.layer2.0.downsample.1.weight", (6,)),
    ("online.encoder.layer2.0.downsample.1.bias", (6,)), ("online.projector.fc1.weight", (8, 6)),
    ("online.projector.fc1.bias", (8,)), ("online.projector.bn.weight", (8,)),
    ("online.projector.bn.bias", (8,)), ("online.projector.fc2.weight", (5, 8)),
    ("predictor.fc1.weight", (8, 5)), ("predictor.bn.weight", (8,)),
    ("predictor.fc2.weight", (5, 8)),
]


def optimiser():
    """50 steps, 10 of them warm-up: values of all parameters and their targets after 1, 10, 50."""
    for quirks in ["corrected", "official"]:
        named = [(name, hashed64(name, shape, 0.1, 1.0).requires_grad_())
                 for name, shape in PARAMETERS]
        online = [p for name, p in named if name.startswith("online.")]
        target = [hashed64("target/" + name, shape, 0.1, 1.0)
                  for name, shape in PARAMETERS if name.startswith("online.")]
        lars = training.LARS(named, 1e-2, quirks)
        kept = []
        for step in range(1, 51):
            for name, p in named:
                p.grad = hashed64(f"{name}/{step}", tuple(p.shape), 0.0, 1.0)
            lars.step(training.rate_of(step, 2.0, 10, 50))
            training.follow(target, online, training.ema_of(step - 1, 0.97, 50))
            if step in (1, 10, 50):
                kept.append(torch.cat([v.detach().reshape(-1) for v in online + target]
                                      + [p.detach().reshape(-1) for n, p in named
                                         if n.startswith("pred")]))
        save(f"optimiser_{quirks}", torch.stack(kept))


SCHEDULES = [(7, 20, 10, 0.45), (100, 30, 10, 14.4), (13, 9, 0, 0.2), (3, 200, 10, 6.4)]


def schedules():
    """(steps of an epoch, epochs, warm-up epochs, rate): as the official scheduler yields them:
    an epoch count that grows by 1/steps, linear until warm-up's end, then PyTorch's cosine."""
    rows = []
    for steps, epochs, warmup, base in SCHEDULES:
        sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=epochs - warmup, eta_min=0.0)
        for step in range(1, steps * epochs + 1):
            epoch = step / steps
            if epoch > warmup:
                cosine.step(epoch - warmup)
                rate = sgd.param_groups[0]["lr"]
            else:
                rate = base * epoch / warmup
            momentum = training.ema_of(step - 1, 0.97, steps * epochs)
            rows.append([steps, epochs, warmup, base, step, rate, momentum])
    save("schedules", np.array(rows)[::7], np.float64)


# ------------------------------------------------------------------ trajectories

def matched_boxes(rng, images):
    """Rows image, box in view 1, box in view 2; an image whose crops share too little has none.
    Eighths of pixels: RoIAlign's adaptive sample count is a ceiling of an extent, and with these
    float32 and float64 agree about it."""
    rows = []
    for image in range(images):
        one, two = (box_reference.random_crop(rng, 320, 240) for _ in range(2))
        one, two = (*one[:4], int(rng.integers(2))), (*two[:4], int(rng.integers(2)))
        if box_reference.canvas(one, two, trajectory.SIZE, 32) is None:
            continue
        case = (one, two, trajectory.SIZE, "grid", 0.5, 0.0, 32)
        first, second = box_reference.sample(rng, 1, case)
        for k in range(trajectory.BOXES):
            rows.append([image, *first[k, 0], *second[k, 0]])
    return (np.array(rows) * 8).round().astype(np.float32) / 8


def run(name):
    plan = trajectory.RUNS[name]
    images, method, probe = plan["images"], plan["method"], plan.get("probe", False)
    nets = training.networks(
        method, plan["arch"], trajectory.CLASSES if probe or method == "supervised" else 0)
    first = {}
    for part, net in nets.items():
        first |= fill(net.double(), part + ".",
                      lambda n, shape: trajectory.start(n, shape, plan["quirks"]))
    named = [(f"{part}.{n}", p) for part, net in nets.items() if part != "target"
             for n, p in net.named_parameters()]
    if method == "supervised":
        optimiser = training.SGD(named, trajectory.WEIGHT_DECAY)
    else:
        optimiser = training.LARS(named, trajectory.WEIGHT_DECAY, plan["quirks"])
    base = plan.get("rate", trajectory.BASE_RATE) * images / 256
    rng = np.random.default_rng(17)
    losses, boxes, states = [], [], []
    steps = plan.get("steps", trajectory.STEPS)
    for step in range(1, steps + 1):
        tag = f"{plan.get('like', name)}/{step}"
        pair = [trajectory.views(f"{tag}/{view}", images, trajectory.SIZE) for view in (1, 2)]
        region = None
        if method == "scrl":
            rows = matched_boxes(rng, images)
            boxes.append(np.concatenate([np.full((len(rows), 1), step, np.float32), rows], 1))
            second = np.concatenate([rows[:, :1] + images, rows[:, 5:]], 1)
            region = torch.from_numpy(np.concatenate([rows[:, :5], second])).double()
        for _, p in named:
            p.grad = None
        loss, other = training.forward(nets, torch.from_numpy(np.concatenate(pair)).double(),
                                       region, trajectory.labels(step, images))
        (loss if other is None else loss + other).backward()
        optimiser.step(training.rate_of(step, base, 1, trajectory.STEPS))
        if "target" in nets:
            training.follow(nets["target"].parameters(), nets["online"].parameters(),
                            training.ema_of(step - 1, trajectory.EMA, trajectory.STEPS))
        losses.append([loss.item(), 0.0 if other is None else other.item()])
        print(name, step, losses[-1], flush=True)
        if step in (1, steps):
            states.append(state(nets, first))
    return np.array(losses), np.concatenate(boxes) if boxes else None, states


def state(nets, first):
    rows = []
    for part, net in nets.items():
        for n, value in net.state_dict().items():
            full = f"{part}.{n}"
            if full in first:
                rows.append(trajectory.summary(full, value.numpy(), first[full]))
    return np.stack(rows)


def save_run(name):
    losses, boxes, states = run(name)
    save(f"{name}_losses", losses, np.float64)
    if boxes is not None and "like" not in trajectory.RUNS[name]:
        save(f"{name}_boxes", boxes)
    save(f"{name}_end", states[-1])
    if name == "r18_scrl":
        save(f"{name}_first", states[0])


PARTS = {"boxes": boxes, "loss": loss, "optimiser": optimiser, "schedules": schedules}

if __name__ == "__main__":
    torch.set_num_threads(2)
    for part in sys.argv[1:] or [*PARTS, *trajectory.RUNS]:
        PARTS[part]() if part in PARTS else save_run(part)
