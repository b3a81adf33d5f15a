# SPDX-License-Identifier: Apache-2.0
"""The statistics of the bench: median, its 95 % bootstrap interval, stolen time, judgement."""
import random

RESAMPLES = 2000
WIDTH_MAX = 0.15  # of the median: a wider interval says nothing
STEAL_MAX = 0.10


def median(values):
    s = sorted(values)
    n = len(s)
    return s[n // 2] if n % 2 else (s[n // 2 - 1] + s[n // 2]) / 2


def interval(values, seed=1):
    """95 % percentile bootstrap of the median; the same every time for the same values."""
    r = random.Random(seed)
    n = len(values)
    medians = sorted(median([values[r.randrange(n)] for _ in range(n)]) for _ in range(RESAMPLES))
    return medians[int(RESAMPLES * .025)], medians[int(RESAMPLES * .975) - 1]


def cpu_times():
    with open("/proc/stat") as f:
        return [int(x) for x in f.readline().split()[1:9]]  # user .. steal


def steal(before, after):
    """Part of the machine's time that the host gave to others while we wanted it."""
    d = [b - a for a, b in zip(before, after)]
    return d[7] / max(sum(d), 1)


class Bar:
    """What a figure has to be. at_most, at_least: the far end of the interval has to hold, too,
    unless `far` says what that may be; single: no rounds, one value."""

    def __init__(self, at_most=None, at_least=None, far=None, below=False, single=False):
        self.at_most, self.at_least, self.far, self.below, self.single = at_most, at_least, far, below, single

    def __str__(self):
        if self.at_least is not None:
            return f">= {self.at_least:,}"
        text = f"{'<' if self.below else '<='} {self.at_most:,}"
        return text + (f", upper end <= {self.far}" if self.far else "")

    def holds(self, value, low, high):
        if self.at_least is not None:
            return low >= self.at_least
        if self.below:
            return high < self.at_most
        return value <= self.at_most and high <= (self.far or self.at_most)


def too_wide(value, low, high):
    return value and (high - low) / abs(value) > WIDTH_MAX
