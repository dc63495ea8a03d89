"""Peer: one SCRL pretraining step in PyTorch on the CPU, the work of `scrl bench step`.

Two views of each image in one batch through ResNet, RoIAlign of matched boxes on layer4, projector
and predictor of two layers, a target network that is a moving average, LARS with momentum.

    python bench/torch_step.py --layout nhwc --dtype bf16
"""

import argparse
import copy
import time
from statistics import median

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from peer_result import print_result

HIDDEN, OUTPUT = 4096, 256
RATE, MOMENTUM, DECAY, TRUST, AVERAGE = 0.45, 0.9, 1e-6, 1e-3, 0.97
EMULATED = 3  # times as long in bf16 as in fp32: a step of such convolutions is nobody's best


def parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--batch", type=int, default=16, help="source images a step")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--boxes", type=int, default=10, help="per image")
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32",
                        help="bf16: autocast, as PyTorch means it to be used")
    parser.add_argument("--layout", choices=("nchw", "nhwc"), default="nhwc")
    parser.add_argument("--compile", action="store_true", help="torch.compile of both passes")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's choice")
    return parser


def slower_in_bf16(repeats=5):
    """How many times as long as in fp32 a bottleneck's convolutions take, of 8 maps of 14².

    Told in one thread's own time, whatever else runs. On a CPU without bf16 arithmetic PyTorch
    may have kernels that convert, or loops.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    inputs = torch.randn(8, 256, 14, 14).contiguous(memory_format=torch.channels_last)
    layers = [nn.Conv2d(256, 64, 1), nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 256, 1)]
    block = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    least = []
    with torch.no_grad():
        for dtype in (torch.float32, torch.bfloat16):
            block, inputs = block.to(dtype), inputs.to(dtype)
            times = []
            for _ in range(1 + repeats):
                start = time.thread_time()
                block(inputs)
                times.append(time.thread_time() - start)
            least.append(min(times[1:]))
    torch.set_num_threads(threads)
    return least[1] / least[0]


def head(inputs):
    return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(inplace=True),
                         nn.Linear(HIDDEN, OUTPUT, bias=False))


class Branch(nn.Module):
    """Encoder and projector."""

    def __init__(self, arch):
        super().__init__()
        resnet = getattr(torchvision.models, arch)(weights=None)
        self.encoder = nn.Sequential(*list(resnet.children())[:-2])
        self.pool = torchvision.ops.RoIAlign((1, 1), 1 / 32, sampling_ratio=-1, aligned=False)
        self.projector = head(resnet.fc.in_features)

    def forward(self, views, boxes):
        return self.projector(self.pool(self.encoder(views), boxes).flatten(1))


def random_boxes(images, each, size):
    """(images · each, 4): boxes of a sixth to all of the view, in pixels."""
    extent = size / 6 + torch.rand(images * each, 2) * size * 5 / 6
    corner = torch.rand(images * each, 2) * (size - extent)
    return torch.cat([corner, corner + extent], 1)


class Step:
    def __init__(self, asked):
        layout = torch.channels_last if asked.layout == "nhwc" else torch.contiguous_format
        self.half = asked.dtype == "bf16"
        self.online = Branch(asked.arch).to(memory_format=layout)
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.predictor = head(OUTPUT)
        images = 2 * asked.batch
        views = torch.randn(images, 3, asked.size, asked.size)
        self.views = views.contiguous(memory_format=layout)
        index = torch.arange(images).repeat_interleave(asked.boxes)[:, None].float()
        self.boxes = torch.cat([index, random_boxes(images, asked.boxes, asked.size)], 1)
        self.parameters = [*self.online.parameters(), *self.predictor.parameters()]
        self.momenta = [torch.zeros_like(p) for p in self.parameters]
        self.forward = torch.compile(self.loss) if asked.compile else self.loss

    def loss(self):
        """Each view's prediction against the other view's target, mean over the boxes."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            predicted = self.predictor(self.online(self.views, self.boxes))
            with torch.no_grad():
                targets = self.target(self.views, self.boxes)
        one, two = predicted.float().chunk(2)
        to_one, to_two = targets.float().chunk(2)
        return (4 - 2 * F.cosine_similarity(one, to_two) - 2 * F.cosine_similarity(two, to_one)
                ).mean()

    @torch.no_grad()
    def update(self):
        for weight, velocity in zip(self.parameters, self.momenta):
            gradient = weight.grad
            if weight.ndim > 1:
                size = weight.norm()
                local = TRUST * size / (gradient.norm() + DECAY * size + 1e-8)
                gradient = (gradient + DECAY * weight) * local
            velocity.mul_(MOMENTUM).add_(gradient)
            weight.add_(velocity, alpha=-RATE)
        target = list(self.target.parameters())
        torch._foreach_mul_(target, AVERAGE)
        torch._foreach_add_(target, list(self.online.parameters()), alpha=1 - AVERAGE)

    def __call__(self):
        for weight in self.parameters:
            weight.grad = None
        loss = self.forward()
        loss.backward()
        self.update()
        return loss.item()


def prepared(asked):
    """The step that was asked for, on so many threads."""
    if asked.threads:
        torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    if asked.dtype == "bf16" and (times := slower_in_bf16()) > EMULATED:
        raise SystemExit(f"bf16 convolutions take {times:.0f} times as long as fp32's on this CPU")
    return Step(asked)


def versions():
    return {"torch": torch.__version__, "torchvision": torchvision.__version__}


def main():
    asked = parser().parse_args()
    step = prepared(asked)
    times = []
    for number in range(asked.warmup + asked.steps):
        start = time.perf_counter()
        loss = step()
        if number >= asked.warmup:
            times.append(time.perf_counter() - start)
    seconds = median(times)
    print_result(images_per_second=asked.batch / seconds, step_seconds=seconds,
                 all_step_seconds=times, loss=loss,
                 config={**vars(asked), "threads": torch.get_num_threads()}, versions=versions())


if __name__ == "__main__":
    main()
