"""Makes the fixtures of ScrlNNTests from PyTorch and torchvision:

    python Tests/Fixtures/make_nn.py

Network weights are too big to commit: both sides compute them from their names (hashed.py).
Committed are names, outputs and trajectories, all small.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

from hashed import hashed, weights

OUT = pathlib.Path(__file__).parent / "nn"
OUT.mkdir(exist_ok=True)
torch.set_num_threads(1)


def fill(module):
    state = module.state_dict()
    for name, tensor in state.items():
        if tensor.dtype == torch.float32:
            shape = tuple(tensor.shape)
            tensor.copy_(torch.from_numpy(weights(name, shape)))
    return module


def save(name, tensor):
    array = tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)
    np.save(OUT / f"{name}.npy", np.ascontiguousarray(array.astype(np.float32)))


class Features(torch.nn.Module):
    def __init__(self, architecture):
        super().__init__()
        net = getattr(torchvision.models, architecture)(weights=None)
        net.fc = torch.nn.Identity()
        self.net = fill(net)

    def forward(self, x):
        n = self.net
        x = n.maxpool(n.relu(n.bn1(n.conv1(x))))
        return n.layer4(n.layer3(n.layer2(n.layer1(x))))


def names():
    for architecture in ["resnet18", "resnet34", "resnet50", "resnet101"]:
        net = getattr(torchvision.models, architecture)(weights=None)
        lines = []
        for name, tensor in net.state_dict().items():
            if name.startswith("fc.") or name.endswith("num_batches_tracked"):
                continue
            lines.append(name + " " + " ".join(map(str, tensor.shape)) + "\n")
        (OUT / f"{architecture}.txt").write_text("".join(lines))


def image(n, size):
    shape = (n, 3, size, size)
    return torch.from_numpy(hashed("image", shape, 0.0, 1.7))


def networks():
    for architecture in ["resnet18", "resnet50"]:
        model = Features(architecture).eval()
        with torch.no_grad():
            save(f"{architecture}_eval", model(image(1, 64)))
    model = Features("resnet18").train()
    # 96²: layer4 has 2·9 rows; with fewer, the batch variance amplifies rounding.
    y = model(image(2, 96))
    save("resnet18_train", y)
    dy = torch.from_numpy(hashed("dy", tuple(y.shape), 0.0, 1.0 / y.numel()))
    y.backward(dy)
    net = model.net
    save("resnet18_train_running_mean", net.layer4[1].bn2.running_mean)
    save("resnet18_train_running_var", net.layer4[1].bn2.running_var)
    save("resnet18_train_d_conv1", net.conv1.weight.grad[:16])
    save("resnet18_train_d_bn", net.layer2[0].downsample[1].weight.grad)
    norms = [p.grad.double().norm().item() for p in net.parameters()]
    save("resnet18_train_gradient_norms", np.array(norms))


def head():
    torch.manual_seed(0)
    net = torch.nn.Sequential()
    net.fc1 = torch.nn.Linear(24, 40)
    net.bn = torch.nn.BatchNorm1d(40)
    net.relu = torch.nn.ReLU()
    net.fc2 = torch.nn.Linear(40, 16, bias=False)
    fill(net).train()
    x = torch.from_numpy(hashed("x", (12, 24), 0.0, 1.0)).requires_grad_()
    y = net(x)
    dy = torch.from_numpy(hashed("dy", (12, 16), 0.0, 1.0))
    y.backward(dy)
    save("head_y", y)
    save("head_dx", x.grad)
    for name, parameter in net.named_parameters():
        save(f"head_d_{name}", parameter.grad)
    save("head_running_mean", net.bn.running_mean)
    save("head_running_var", net.bn.running_var)


PARAMETERS = [  # (ours, official, shape)
    ("encoder.conv1.weight", "encoder.0.weight", (4, 3, 3, 3)),
    ("encoder.bn1.weight", "encoder.1.weight", (4,)),
    ("encoder.bn1.bias", "encoder.1.bias", (4,)),
    ("encoder.layer1.0.bn2.weight", "encoder.4.0.bn2.weight", (4,)),
    ("encoder.layer2.0.downsample.1.weight", "encoder.5.0.downsample.1.weight", (4,)),
    ("projector.fc1.weight", "projector.net.0.weight", (6, 4)),
    ("projector.fc1.bias", "projector.net.0.bias", (6,)),
    ("projector.bn.weight", "projector.net.1.weight", (6,)),
]


def lars():
    """Five steps of the rule in the method's terms, in torch, with torch's own SGD below it."""
    rates, decay, trust, eps = [0.0, 0.2, 0.5, 0.4, 0.1], 1e-2, 1e-3, 1e-8
    for quirks in ["official", "corrected"]:
        result = []
        for ours, official, shape in PARAMETERS:
            p = torch.from_numpy(hashed(ours, shape, 0.1, 1.0)).requires_grad_()
            sgd = torch.optim.SGD([p], lr=0.0, momentum=0.9)
            if quirks == "official":
                excluded = "bn" in official or "bias" in official
            else:
                excluded = len(shape) == 1
            for step, rate in enumerate(rates):
                g = torch.from_numpy(hashed(f"{ours}/{step}", shape, 0.0, 1.0))
                with torch.no_grad():
                    if excluded:
                        g = g * rate if quirks == "official" else g
                    else:
                        w_norm, g_norm = p.norm(), g.norm()
                        local = trust * w_norm / (g_norm + decay * w_norm + eps)
                        g = (g + decay * p) * local
                p.grad = g
                sgd.param_groups[0]["lr"] = rate
                sgd.step()
            result.append(p.detach().reshape(-1))
        save(f"lars_{quirks}", torch.cat(result))


def losses():
    q = torch.from_numpy(hashed("q", (6, 16), 0.0, 1.0)).requires_grad_()
    t = torch.from_numpy(hashed("t", (6, 16), 0.0, 1.0))
    rows = 2 - 2 * (F.normalize(q, eps=1e-12) * F.normalize(t, eps=1e-12)).sum(1)
    rows.mean().backward()
    save("cosine_rows", rows)
    save("cosine_dq", q.grad)


if __name__ == "__main__":
    names()
    networks()
    head()
    lars()
    losses()
