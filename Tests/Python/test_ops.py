"""RoIAlign: against an independent loop over its definition, and against torchvision where there."""

import numpy as np
import pytest

import scrl
from conftest import needs_library

pytestmark = needs_library

CASES = [
    dict(output_size=1, spatial_scale=1 / 4, sampling_ratio=-1, aligned=False),
    dict(output_size=(3, 2), spatial_scale=1 / 4, sampling_ratio=2, aligned=False),
    dict(output_size=(2, 4), spatial_scale=0.3, sampling_ratio=-1, aligned=True),
    dict(output_size=7, spatial_scale=1.0, sampling_ratio=1, aligned=True),
]


def samples(boxes, shape, output_size, spatial_scale, sampling_ratio, aligned):
    """Yields (box, image, output cell, source y, source x, weight) of every bilinear read."""
    height, width = shape[2:]
    rows, columns = (output_size,) * 2 if np.isscalar(output_size) else output_size
    for k, (image, *corners) in enumerate(np.asarray(boxes, float)):
        x0, y0, x1, y1 = np.array(corners) * spatial_scale - (0.5 if aligned else 0)
        w, h = (x1 - x0, y1 - y0) if aligned else (max(x1 - x0, 1), max(y1 - y0, 1))
        ny = sampling_ratio if sampling_ratio > 0 else int(np.ceil(h / rows))
        nx = sampling_ratio if sampling_ratio > 0 else int(np.ceil(w / columns))
        for i in range(rows):
            for j in range(columns):
                for a in range(ny):
                    for b in range(nx):
                        y = y0 + (i + (a + 0.5) / ny) * h / rows
                        x = x0 + (j + (b + 0.5) / nx) * w / columns
                        if y < -1 or y > height or x < -1 or x > width:
                            continue
                        y, x = max(y, 0), max(x, 0)
                        top, left = min(int(y), height - 1), min(int(x), width - 1)
                        y, x = (top if top == height - 1 else y), (left if left == width - 1 else x)
                        for v in (0, 1):
                            for u in (0, 1):
                                weight = (abs(1 - v - (y - top)) * abs(1 - u - (x - left)))
                                yield (k, int(image), i, j, min(top + v, height - 1),
                                       min(left + u, width - 1), weight / max(ny * nx, 1))


@pytest.fixture()
def problem(rng):
    x = rng.standard_normal((2, 5, 11, 13)).astype(np.float32)
    corner = rng.uniform(-4, 30, (9, 2))
    extent = rng.uniform(0.5, 25, (9, 2))
    boxes = np.hstack([rng.integers(0, 2, (9, 1)), corner, corner + extent]).astype(np.float32)
    return x, boxes


@pytest.mark.parametrize("case", CASES)
def test_forward_is_its_definition(problem, case):
    x, boxes = problem
    got = scrl.ops.roi_align(x, boxes, **case)
    expected = np.zeros(got.shape)
    for k, n, i, j, y, column, weight in samples(boxes, x.shape, **case):
        expected[k, :, i, j] += weight * x[n, :, y, column]
    # 1e-5: a mean of at most ~200 products below 4 in float32; coordinates in float32 as well.
    np.testing.assert_allclose(got, expected, atol=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_backward_is_the_adjoint(problem, case, rng):
    x, boxes = problem
    y = scrl.ops.roi_align(x, boxes, **case)
    gradient = rng.standard_normal(y.shape).astype(np.float32)
    back = scrl.ops.roi_align_backward(gradient, boxes, feature_shape=x.shape, **case)
    assert back.shape == x.shape
    # <dy, A x> = <Aᵀ dy, x>, a sum of ~2000 products: 2000·2⁻²⁴·4 is about 5e-4.
    assert np.vdot(gradient, y) == pytest.approx(np.vdot(back, x), abs=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_torchvision_agrees(problem, case):
    torch = pytest.importorskip("torch")
    vision = pytest.importorskip("torchvision.ops")
    x, boxes = problem
    expected = vision.roi_align(torch.from_numpy(x), torch.from_numpy(boxes), **case).numpy()
    np.testing.assert_allclose(scrl.ops.roi_align(x, boxes, **case), expected, atol=1e-5)


def test_strides_and_types_do_not_matter(problem):
    x, boxes = problem
    plain = scrl.ops.roi_align(x, boxes, 2)
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for other in (channels_last, x.astype(np.float64), x.astype(">f4"), x[::-1, :, ::-1][
            ::-1, :, ::-1], np.stack([x, x], -1)[..., 0]):
        np.testing.assert_array_equal(scrl.ops.roi_align(other, boxes, 2), plain)
    np.testing.assert_array_equal(scrl.ops.roi_align(x, boxes.tolist(), 2), plain)


def test_no_boxes_give_an_empty_result(problem):
    assert scrl.ops.roi_align(problem[0], [], (2, 3)).shape == (0, 5, 2, 3)


@pytest.mark.parametrize("boxes", [
    [[2, 0, 0, 4, 4]], [[-1, 0, 0, 4, 4]], [[0.5, 0, 0, 4, 4]], [[0, np.nan, 0, 4, 4]],
    [[0, 0, 0, np.inf, 4]], [[0, 0, 4, 4]], "boxes",
])
def test_bad_boxes_are_refused(problem, boxes):
    with pytest.raises(scrl.Error):
        scrl.ops.roi_align(problem[0], boxes, 2)


def test_bad_sizes_are_refused(problem):
    x, boxes = problem
    for size in (0, -1, 2.5, (1, 2, 3), 2 ** 40):
        with pytest.raises(scrl.Error):
            scrl.ops.roi_align(x, boxes, size)
    with pytest.raises(scrl.ShapeError):
        scrl.ops.roi_align(x[0], boxes, 2)
    with pytest.raises(scrl.ShapeError):
        scrl.ops.roi_align_backward(np.zeros((9, 5, 2, 2)), boxes, 2, feature_shape=(2, 5))
    with pytest.raises(scrl.Error):
        scrl.ops.roi_align_backward(np.zeros((9, 5, 2, 2)), boxes, 3, feature_shape=x.shape)
