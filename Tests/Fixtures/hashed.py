"""Numbers that both sides compute from a name, so that they need not be committed:

    value_i = centre + spread * u(fnv1a(name), i),  u in [-1, 1)

with 32-bit integer arithmetic only, so that every bit agrees with Tests/Reference/Hashed.swift.
"""

import math

import numpy as np


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def words(name, count):
    """The hash's 32-bit words 0 … count − 1."""
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
        x += np.uint32(fnv1a(name))
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    return x


def hashed(name, shape, centre, spread):
    """float32(centre) + float32(spread) * u, each rounded to float32."""
    x = words(name, int(np.prod(shape)))
    u = (x >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return (np.float32(centre) + np.float32(spread) * u).reshape(shape)


def recipe(name, shape):
    """(centre, spread): convolutions with He's variance, statistics near the identity."""
    if len(shape) == 4:
        # A uniform in ±s has variance s²/3; He's is 2/fan_in.
        return 0.0, math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
    if len(shape) == 2:
        return 0.0, math.sqrt(3.0 / shape[1])
    if name.endswith("running_var"):
        return 1.0, 0.2
    if name.endswith("weight"):
        return 0.8, 0.2
    return 0.0, 0.1


def weights(name, shape):
    return hashed(name, shape, *recipe(name, shape))


def picture(name, height, width):
    """(H,W,3) bytes: hashed colours every 16 pixels, bilinear between, and noise; whole numbers
    only, so that every bit agrees with Pixels.swift."""
    rows, columns = height // 16 + 2, width // 16 + 2
    coarse = (words(name + "/coarse", rows * columns * 3) >> np.uint32(24)).astype(np.int64)
    coarse = coarse.reshape(rows, columns, 3)
    y, x = np.arange(height)[:, None, None], np.arange(width)[None, :, None]
    i, j, fy, fx = (y // 16)[:, :, 0], (x // 16)[:, :, 0], y % 16, x % 16
    upper = coarse[i, j] * (16 - fx) + coarse[i, j + 1] * fx
    lower = coarse[i + 1, j] * (16 - fx) + coarse[i + 1, j + 1] * fx
    noise = (words(name + "/fine", height * width * 3) >> np.uint32(27)).astype(np.int64) - 16
    smooth = (upper * (16 - fy) + lower * fy) >> 8
    return np.clip(smooth + noise.reshape(height, width, 3), 0, 255).astype(np.uint8)
