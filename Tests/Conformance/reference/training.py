"""The method of training in PyTorch, float64 unless told otherwise, written from the paper and
METHOD sections: networks, loss, LARS, EMA, schedules. Nothing of ours is imported."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from torchvision.ops import roi_align

TRUST, EPSILON, MOMENTUM = 1e-3, 1e-8, 0.9


def head(inputs, hidden=4096, outputs=256):
    parts = {"fc1": nn.Linear(inputs, hidden), "bn": nn.BatchNorm1d(hidden),
             "fc2": nn.Linear(hidden, outputs, bias=False)}
    return nn.ModuleDict(parts)


def run_head(net, x):
    return net["fc2"](F.relu(net["bn"](net["fc1"](x))))


def networks(method, arch, classes=0):
    """By the first word of their names, in the order of a state dict."""
    def encoder():
        net = getattr(torchvision.models, arch)(weights=None)
        del net.fc
        return net

    features = 2048 if arch in ("resnet50", "resnet101") else 512
    if method == "supervised":
        return {"online": nn.ModuleDict({"encoder": encoder()}),
                "classifier": nn.Linear(features, classes)}
    nets = {"online": nn.ModuleDict({"encoder": encoder(), "projector": head(features)}),
            "predictor": head(256)}
    if classes:
        nets["probe"] = nn.Linear(features, classes)
    nets["target"] = nn.ModuleDict({"encoder": encoder(), "projector": head(features)})
    return nets


def forward(nets, views, boxes, labels):
    """(loss of the method, cross entropy of a probe or None)."""
    features = feature_map(nets["online"]["encoder"], views)
    if "classifier" in nets:
        return cross_entropy(nets["classifier"](pool(features, None)), labels), None
    q = run_head(nets["predictor"], run_head(nets["online"]["projector"], pool(features, boxes)))
    with torch.no_grad():
        seen = feature_map(nets["target"]["encoder"], views)
        t = run_head(nets["target"]["projector"], pool(seen, boxes))
    probe = None
    if "probe" in nets:
        probe = cross_entropy(nets["probe"](pool(features.detach(), None)), labels)
    return regression_loss(q, t), probe


def cross_entropy(logits, labels):
    """Both views share the label; −1: none."""
    return F.cross_entropy(logits, torch.tensor(labels + labels), ignore_index=-1)


def feature_map(net, x):
    x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    return net.layer4(net.layer3(net.layer2(net.layer1(x))))


def pool(features, boxes, side=1):
    """(K, C·side·side) of the boxes, or the global mean without them."""
    if boxes is None:
        return features.mean((2, 3))
    return roi_align(features, boxes, (side, side), 1 / 32, -1, False).flatten(1)


def regression_loss(q, t):
    """Mean over pairs of (2 − 2 q₁·t₂) + (2 − 2 q₂·t₁), rows normalised."""
    q, t = F.normalize(q, dim=1, eps=1e-12), F.normalize(t, dim=1, eps=1e-12)
    q1, q2 = q.chunk(2)
    t1, t2 = t.chunk(2)
    return (4 - 2 * (q1 * t2).sum(1) - 2 * (q2 * t1).sum(1)).mean()


def official_name(name):
    """Our names → those of the official modules, whose rule looks for "bn" and "bias" in them."""
    for ours, official in [("encoder.conv1.", "encoder.0."), ("encoder.bn1.", "encoder.1."),
                           ("encoder.layer1.", "encoder.4."), ("encoder.layer2.", "encoder.5."),
                           ("encoder.layer3.", "encoder.6."), ("encoder.layer4.", "encoder.7."),
                           ("tor.fc1.", "tor.net.0."), ("tor.bn.", "tor.net.1."),
                           ("tor.fc2.", "tor.net.3.")]:
        name = name.replace(ours, official)
    return name


def is_excluded(name, parameter, quirks):
    if quirks == "corrected":
        return parameter.ndim == 1
    name = official_name(name)
    return "bn" in name or "bias" in name


class SGD:
    """The supervised baseline's: weight decay on every parameter, nothing else."""

    def __init__(self, named, weight_decay):
        self.sgd = torch.optim.SGD([p for _, p in named], lr=0.0, momentum=MOMENTUM,
                                   weight_decay=weight_decay)

    def step(self, rate):
        self.sgd.param_groups[0]["lr"] = rate
        self.sgd.step()


class LARS:
    def __init__(self, named, weight_decay, quirks):
        self.named, self.weight_decay, self.quirks = list(named), weight_decay, quirks
        self.sgd = torch.optim.SGD([p for _, p in self.named], lr=0.0, momentum=MOMENTUM)

    @torch.no_grad()
    def step(self, rate):
        for name, p in self.named:
            if is_excluded(name, p, self.quirks):
                if self.quirks == "official":
                    p.grad.mul_(rate)
                continue
            weight, gradient = p.norm(), p.grad.norm()
            local = 1.0
            if weight > 0 and gradient > 0:
                local = TRUST * weight / (gradient + self.weight_decay * weight + EPSILON)
            p.grad.add_(p, alpha=self.weight_decay).mul_(local)
        self.sgd.param_groups[0]["lr"] = rate
        self.sgd.step()


@torch.no_grad()
def follow(target, online, momentum):
    for mine, theirs in zip(target, online):
        mine.mul_(momentum).add_(theirs, alpha=1 - momentum)


def rate_of(step, base, warmup, total):
    """Of step 1, 2, …: the scheduler moves before the optimiser uses it."""
    if step <= warmup:
        return base * step / warmup
    return base * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


def ema_of(step, start, total):
    """After step 0, 1, …"""
    return 1 - (1 - start) * (math.cos(math.pi * step / total) + 1) / 2
