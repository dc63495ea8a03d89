"""Kernel fixtures: small inputs, outputs and gradients from PyTorch and torchvision.

Run with any Python that has torch and torchvision:  python Tests/Fixtures/make_kernels.py
Writes float32 C-order .npy files into Tests/Fixtures/kernels/, one per tensor:
<case>.<tensor>.npy. Integers that a case needs (box image, options) are written as float32 too.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.ops import roi_align

OUT = pathlib.Path(__file__).resolve().parent / "kernels"


def save(case, **tensors):
    for name, value in tensors.items():
        array = np.ascontiguousarray(torch.as_tensor(value).detach().numpy(), dtype=np.float32)
        np.save(OUT / f"{case}.{name}.npy", array)


def randn(*shape):
    return torch.randn(*shape)


def convolution(case, n, i, o, size, kernel, stride, padding):
    x = randn(n, i, size, size).requires_grad_()
    weight = (randn(o, i, kernel, kernel) / kernel).requires_grad_()
    y = F.conv2d(x, weight, stride=stride, padding=padding)
    dy = randn(*y.shape)
    y.backward(dy)
    save(case, x=x, weight=weight, y=y, dy=dy, dx=x.grad, dweight=weight.grad)


def batch_norm(case, shape, relu):
    x = (randn(*shape) * 2 + 1).requires_grad_()
    scale = (torch.rand(shape[1]) + 0.5).requires_grad_()
    shift = randn(shape[1]).requires_grad_()
    y = F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)
    y = F.relu(y) if relu else y
    dy = randn(*y.shape)
    y.backward(dy)
    save(case, x=x, scale=scale, shift=shift, y=y, dy=dy, dx=x.grad, dscale=scale.grad,
         dshift=shift.grad)


def max_pool(case, size):
    x = randn(2, 8, size, size).requires_grad_()
    y = F.max_pool2d(x, 3, stride=2, padding=1)
    dy = randn(*y.shape)
    y.backward(dy)
    save(case, x=x, y=y, dy=dy, dx=x.grad)


def linear(case):
    x, weight, bias = (randn(*s).requires_grad_() for s in ((5, 12), (7, 12), (7,)))
    y = F.linear(x, weight, bias)
    dy = randn(*y.shape)
    y.backward(dy)
    save(case, x=x, weight=weight, bias=bias, y=y, dy=dy, dx=x.grad, dweight=weight.grad,
         dbias=bias.grad)


# image, x0, y0, x1, y1 in input pixels; the map below is 9×7 cells of 8 pixels.
BOXES = torch.tensor([
    [0, 4.0, 6.0, 44.0, 52.0],
    [1, 0.0, 0.0, 55.9, 71.9],
    [1, -20.0, -9.0, 30.0, 21.0],  # partly outside
    [0, 30.0, 50.0, 90.0, 120.0],  # partly outside
    [0, 300.0, 300.0, 340.0, 350.0],  # outside
    [1, 20.0, 20.0, 20.5, 20.25],  # smaller than a cell
    [0, 40.0, 30.0, 10.0, 12.0],  # turned inside out
])


def box_align(case, size, ratio, aligned):
    x = randn(2, 4, 9, 7).requires_grad_()
    y = roi_align(x, BOXES, size, spatial_scale=0.125, sampling_ratio=ratio, aligned=aligned)
    dy = randn(*y.shape)
    y.backward(dy)
    options = torch.tensor([size[0], size[1], 0.125, ratio, float(aligned)])
    save(case, x=x, boxes=BOXES, options=options, y=y, dy=dy, dx=x.grad)


def losses():
    q = (randn(6, 5) * 3).requires_grad_()
    t = randn(6, 5)
    qn, tn = F.normalize(q, dim=1), F.normalize(t, dim=1)
    loss = ((2 - 2 * (qn[:3] * tn[3:]).sum(1)) + (2 - 2 * (qn[3:] * tn[:3]).sum(1))).mean()
    loss.backward()
    save("cosine", q=q, t=t, loss=loss.reshape(1), dq=q.grad)

    logits = (randn(5, 4) * 4).requires_grad_()
    labels = torch.tensor([0, 3, -1, 2, 2])
    loss = F.cross_entropy(logits, labels, ignore_index=-1)
    loss.backward()
    save("cross_entropy", logits=logits, labels=labels, loss=loss.reshape(1),
         dlogits=logits.grad)


def biased_convolution(case, i, o, size, kernel, padding):
    x = randn(2, i, *size).requires_grad_()
    weight = (randn(o, i, kernel, kernel) / kernel).requires_grad_()
    bias = randn(o).requires_grad_()
    y = F.relu(F.conv2d(x, weight, bias, padding=padding))
    dy = randn(*y.shape)
    y.backward(dy)
    save(case, x=x, weight=weight, bias=bias, y=y, dy=dy, dx=x.grad, dweight=weight.grad,
         dbias=bias.grad)


def transposed_convolution(case, i, o, size):
    x = randn(2, i, *size).requires_grad_()
    layer = torch.nn.ConvTranspose2d(i, o, 2, stride=2)
    y = F.relu(layer(x))
    dy = randn(*y.shape)
    y.backward(dy)
    save(case, x=x, weight=layer.weight, bias=layer.bias, y=y, dy=dy, dx=x.grad,
         dweight=layer.weight.grad, dbias=layer.bias.grad)


def pyramid():
    coarse, fine = (randn(*s).requires_grad_() for s in ((2, 6, 3, 5), (2, 6, 6, 10)))
    y = fine + F.interpolate(coarse, scale_factor=2.0, mode="nearest")
    dy = randn(*y.shape)
    y.backward(dy)
    save("upsample_add", coarse=coarse, fine=fine, y=y, dy=dy, dcoarse=coarse.grad,
         dfine=fine.grad)
    for case, size in (("subsample_odd", (7, 5)), ("subsample_even", (6, 4))):
        x = randn(2, 6, *size).requires_grad_()
        y = F.max_pool2d(x, kernel_size=1, stride=2, padding=0)
        dy = randn(*y.shape)
        y.backward(dy)
        save(case, x=x, y=y, dy=dy, dx=x.grad)


def element_losses():
    """Over every third element of a map, as a detector's; targets between 0 and 1."""
    shape = (2, 6, 3, 5)
    positions = torch.arange(1, 2 * 6 * 3 * 5, 3)
    targets = torch.rand(len(positions)).round(decimals=1)
    losses = {
        "sigmoid": lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="sum") / 7,
        "absolute": lambda x, t: F.smooth_l1_loss(x, t, beta=0.0, reduction="sum") / 7,
        "smooth": lambda x, t: F.smooth_l1_loss(x, t, beta=0.5, reduction="sum") / 7,
    }
    for name, loss_of in losses.items():
        x = (randn(*shape) * 3).requires_grad_()
        loss = loss_of(x.flatten()[positions], targets)
        loss.backward()
        save(f"element_{name}", x=x, positions=positions, targets=targets, loss=loss.reshape(1),
             dx=x.grad)


def main():
    torch.manual_seed(0)
    OUT.mkdir(exist_ok=True)
    convolution("conv_1x1", 2, 8, 6, 5, 1, 1, 0)
    convolution("conv_1x1_s2", 2, 8, 6, 7, 1, 2, 0)
    convolution("conv_3x3", 2, 6, 8, 7, 3, 1, 1)
    convolution("conv_3x3_s2", 2, 6, 8, 8, 3, 2, 1)
    convolution("conv_7x7_s2", 2, 3, 8, 15, 7, 2, 3)
    batch_norm("norm", (3, 8, 5, 4), relu=False)
    batch_norm("norm_relu", (3, 8, 5, 4), relu=True)
    batch_norm("norm_matrix", (9, 8), relu=True)
    max_pool("max_pool_even", 8)
    max_pool("max_pool_odd", 9)
    linear("linear")
    box_align("align_adaptive", (3, 3), -1, False)
    box_align("align_adaptive_half", (3, 2), -1, True)
    box_align("align_two", (2, 3), 2, False)
    box_align("align_two_half", (1, 1), 2, True)
    losses()
    torch.manual_seed(1)  # what a detector adds
    biased_convolution("biased_3x3", 6, 8, (5, 7), 3, 1)
    biased_convolution("biased_1x1", 16, 3, (3, 5), 1, 0)
    transposed_convolution("transposed", 6, 8, (3, 5))
    transposed_convolution("transposed_blocks", 16, 16, (2, 3))
    pyramid()
    element_losses()


if __name__ == "__main__":
    main()
