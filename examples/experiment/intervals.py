"""95 % intervals of a mean over seeds, by Student's t. No scipy.

The interval tells how a mean over seeds varies with the seeds (weights, order, views); pictures and
test sets are the same for all of them. It assumes that seeds scatter normally.
"""

import math
from functools import lru_cache
from typing import NamedTuple, Optional, Sequence


class Interval(NamedTuple):
    mean: float
    half: Optional[float]  # half the width; None for a single value
    count: int

    @property
    def low(self) -> Optional[float]:
        return None if self.half is None else self.mean - self.half

    @property
    def high(self) -> Optional[float]:
        return None if self.half is None else self.mean + self.half


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 300):
        for top in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                    -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d, c = 1 + top * d, 1 + top / c
            d = 1 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            result *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return result


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x)
                     + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


@lru_cache(None)
def t_quantile(probability: float, freedom: int) -> float:
    """The t that Student's distribution stays below with this probability, 0.5 … 1."""
    if not 0.5 <= probability < 1 or freedom < 1:
        raise ValueError(f"t_quantile: probability {probability}, {freedom} degrees of freedom")
    low, high = 0.0, 1.0

    def above(t: float) -> float:
        return 0.5 * _beta(freedom / 2, 0.5, freedom / (freedom + t * t))

    while above(high) > 1 - probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) > 1 - probability else (low, middle)
    return (low + high) / 2


def interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean with its interval."""
    count = len(values)
    if not count:
        raise ValueError("interval: no values")
    mean = math.fsum(values) / count
    if count == 1:
        return Interval(mean, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = t_quantile((1 + level) / 2, count - 1) * math.sqrt(variance / count)
    return Interval(mean, half, count)
