"""Makes the fixtures of Tests/Python/test_weights.py with PyTorch and torchvision:

    python Tests/Fixtures/make_weights.py

official.pth         a checkpoint as the official SCRL code lays it out: ResNet-18's names with 1/64
                     of its channels, heads, and real states of SGD, a scheduler and a GradScaler
official_legacy.pth  the same in the format of torch <= 1.5; the networks' names behind "module."
kinds.pth            tensors of every floating type, shared, strided, as Parameter; legacy likewise

Files are committed packed by xz. Weights are multiples of 1/8 below 4, so that int8 holds what is
expected: official.npy (8 x all values) with official.txt (our name, shape; the order of the
values), and kinds.npy with kinds.txt.
"""

import io
import lzma
import pathlib

import numpy as np
import torch
import torchvision
from make_nn import fnv1a

OUT = pathlib.Path(__file__).parent / "weights"
OUT.mkdir(exist_ok=True)
torch.manual_seed(0)

NUMBERED = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
HEAD = {"0": "fc1", "1": "bn", "3": "fc2"}


def eighths(name, shape):
    """Values by name: the same in every run, with few bits."""
    generator = np.random.default_rng(fnv1a(name))
    values = generator.integers(-31, 32, tuple(shape)) / 8
    return torch.from_numpy(np.asarray(values, np.float32))


def thinned(net):
    """The same modules with 1/64 of the channels."""
    for name, child in list(net.named_children()):
        if isinstance(child, torch.nn.Conv2d):
            setattr(net, name, torch.nn.Conv2d(
                max(1, child.in_channels // 64) if child.in_channels > 3 else 3,
                child.out_channels // 64, child.kernel_size, child.stride, child.padding,
                bias=False))
        elif isinstance(child, torch.nn.BatchNorm2d):
            setattr(net, name, torch.nn.BatchNorm2d(child.num_features // 64))
        else:
            thinned(child)
    return net


class Head(torch.nn.Module):
    def __init__(self, size, hidden, output):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(size, hidden), torch.nn.BatchNorm1d(hidden), torch.nn.ReLU(),
            torch.nn.Linear(hidden, output, bias=False))

    def forward(self, x):
        return self.net(x)


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        net = thinned(torchvision.models.resnet18(weights=None))
        self.encoder = torch.nn.Sequential(*list(net.children())[:-1])
        self.projector = Head(8, 6, 4)


class Evaluator(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 3)


def filled(part, module):
    """The module with the weights of its names; num_batches_tracked stays."""
    state = module.state_dict()
    for name, tensor in state.items():
        if not name.endswith("num_batches_tracked"):
            tensor.copy_(eighths(f"{part}/{name}", tensor.shape))
    return module


def checkpoint():
    online, target, predictor, evaluator = Network(), Network(), Head(4, 6, 4), Evaluator()
    trained = [online, predictor, evaluator]
    optimizer = torch.optim.SGD(
        [p for module in trained for p in module.parameters()], lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=190, eta_min=0.0)
    scaler = torch.amp.GradScaler("cpu")
    features = online.encoder(torch.randn(4, 3, 32, 32)).flatten(1)
    loss = predictor(online.projector(features)).square().mean() + \
        evaluator.linear(features.detach()).square().mean()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    scheduler.step()
    for state in optimizer.state.values():  # few bits, for small files
        state["momentum_buffer"].mul_(8).round_().div_(8)
    networks = {"online_network": online, "target_network": target, "predictor": predictor,
                "evaluator": evaluator}
    result = {"tag": "1", "epoch": 1, "max_eval_score": 12.5, "max_eval_epoch": 1}
    for key, module in networks.items():
        result[key + "_state_dict"] = filled(key, module).state_dict()
    result["optimizer_state_dict"] = optimizer.state_dict()
    result["scheduler_state_dict"] = {
        "max_epochs": 10, "last_epoch": 0.5, "base_lrs": [0.1], "_last_lr": [0.05],
        "main_scheduler": scheduler.state_dict()}
    result["scaler_state_dict"] = scaler.state_dict()
    return result


def ours(key, name):
    """Our name of an official one, spelled out once more, apart from the library's way."""
    first, number, *rest = name.split(".")
    if key == "evaluator":
        return f"probe.{number}"
    if key == "predictor":
        return ".".join(["predictor", HEAD[number], *rest])
    if first == "projector":
        return ".".join([key[:6], "projector", HEAD[rest[0]], *rest[1:]])
    return ".".join([key[:6], "encoder", NUMBERED[number], *rest])


def save(name, value, legacy):
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    packed = lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME)
    (OUT / f"{name}.xz").write_bytes(packed)


def expect(name, tensors):
    values = np.concatenate([tensor.double().numpy().ravel() * 8 for tensor in tensors.values()])
    assert (values == values.astype(np.int8)).all()
    np.save(OUT / f"{name}.npy", values.astype(np.int8))
    lines = [" ".join([key, *map(str, tensor.shape)]) for key, tensor in tensors.items()]
    (OUT / f"{name}.txt").write_text("\n".join(lines) + "\n")


def official():
    saved = checkpoint()
    save("official.pth", saved, legacy=False)
    expected = {}
    for key in ["online_network", "target_network", "predictor", "evaluator"]:
        state = saved[key + "_state_dict"]
        expected.update({ours(key, name): tensor for name, tensor in state.items()
                         if not name.endswith("num_batches_tracked")})
        prefixed = type(state)(("module." + name, tensor) for name, tensor in state.items())
        saved[key + "_state_dict"] = prefixed
    save("official_legacy.pth", saved, legacy=True)
    expect("official", expected)


def kinds():
    shared = eighths("shared", (40,))
    state = {
        "conv1.weight": eighths("a", (2, 3, 4, 4)).bfloat16(),
        "bn1.weight": eighths("b", (5,)).half(),
        "bn1.bias": eighths("c", (5,)).double(),
        "bn1.running_mean": shared[3:8],
        "bn1.running_var": shared[5:25:4],
        "bn1.num_batches_tracked": torch.tensor(7),
        "layer1.0.conv1.weight": eighths("d", (4, 3, 2, 5)).permute(3, 0, 2, 1),
        "layer1.0.conv2.weight": eighths("e", (2, 3, 3, 3)).to(memory_format=torch.channels_last),
        "layer1.0.bn1.weight": torch.nn.Parameter(eighths("f", (2, 6))[1]),
        "layer1.0.bn1.bias": eighths("g", ()),
        "fc.weight": eighths("h", (3, 4)).t(),
        "fc.bias": shared[:4],
    }
    expected = {name if name.startswith("fc.") else "online.encoder." + name: tensor.detach()
                for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    save("kinds.pth", {"epoch": 3, "state_dict": {
        "module." + name: tensor for name, tensor in state.items()}}, legacy=False)
    save("kinds_legacy.pth", {"model": state, "args": torch.device("cpu")}, legacy=True)
    expect("kinds", expected)


if __name__ == "__main__":
    official()
    kinds()
