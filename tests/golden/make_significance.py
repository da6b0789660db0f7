#!/usr/bin/env python3
"""Makes significance.json: tests of paired values, corrections, two-level intervals and power, by SciPy and statsmodels.
See README.md. Needs SciPy 1.9 or later and statsmodels."""
import json
import pathlib
import sys

import numpy
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from make_statistics import LEVEL, MASK, RESAMPLES, SEED, philox

HERE = pathlib.Path(__file__).parent
SIGNS, DRAWS = 18, 100000  # CREAM_RNG_SIGNS, CREAM_SIGN_FLIP_DRAWS


def exact(x, y):
    result = stats.permutation_test((numpy.subtract(x, y),), numpy.mean, permutation_type='samples',
                                    n_resamples=numpy.inf, vectorized=False)
    return result.pvalue


def drawn(x, y):
    """The test with the signs of core/base/significance.c; its p has to be near SciPy's with other signs."""
    difference, extreme = numpy.subtract(x, y), 1
    seen, n = difference.sum(), len(difference)
    for draw in range(DRAWS):
        words = []
        for block in range((n + 127) // 128):
            words += philox([block, 0, draw & MASK, SIGNS << 24], [SEED & MASK, SEED >> 32])
        signs = numpy.array([1 - 2 * (words[i // 32] >> i % 32 & 1) for i in range(n)])
        extreme += abs((signs * difference).sum()) >= abs(seen) - 1e-12
    p = extreme / (DRAWS + 1)
    scipys = stats.permutation_test((difference,), numpy.mean, permutation_type='samples', n_resamples=DRAWS,
                                    vectorized=False, random_state=1).pvalue
    assert abs(p - scipys) < 5 * (p * (1 - p) / DRAWS) ** 0.5 + 2 / DRAWS, (p, scipys)
    return p


def flips(rng):
    made = []
    for n, shift in ((3, 1), (6, 0.8), (8, 0.5), (12, 0.2), (20, 0.5)):
        x = numpy.round(rng.standard_normal(n) + shift, 3)
        y = numpy.round(rng.standard_normal(n), 3)
        made.append({'x': list(x), 'y': list(y), 'p': exact(x, y) if n <= 16 else drawn(x, y)})
    x, y = [3.0, 4.0, 5.0, 6.0, 1.0, 2.0], [2.0, 4.0, 4.0, 5.0, 2.0, 2.0]  # equal sizes, and none
    made.append({'x': x, 'y': y, 'p': exact(x, y)})
    return made


def holms(rng):
    made = []
    for p in ([0.01, 0.04, 0.03, 0.005], [0.2], [0.5, 0.5, 0.9], list(numpy.round(rng.uniform(0, 0.1, 12), 4))):
        made.append({'p': p, 'corrected': list(multipletests(p, method='holm')[1])})
    return made


def levels(rng, seeds, paths, crossed):
    """Two arms' taus with the truth: the mean difference over seeds, resampled on both levels."""
    truth = numpy.round(rng.standard_normal(paths), 1) * numpy.ones((seeds, 1))
    if not crossed:
        truth = numpy.round(rng.standard_normal((seeds, paths)), 1)
    a = numpy.round(truth + rng.standard_normal((seeds, paths)), 1)
    b = numpy.round(truth + 2 * rng.standard_normal((seeds, paths)), 1)

    def value(seed, at):
        return stats.kendalltau(a[seed][at], truth[seed][at])[0] - stats.kendalltau(b[seed][at], truth[seed][at])[0]

    values = []
    for step in range(RESAMPLES):
        words = Words(step)
        groups = [words.below(seeds) for _ in range(seeds)]
        at = None
        sample = []
        for group in groups:
            if at is None or not crossed:
                at = [words.below(paths) for _ in range(paths)]
            sample.append(value(group, at))
        values.append(numpy.mean(sample))
    everything = list(range(paths))
    return {'crossed': crossed, 'truth': truth.tolist(), 'a': a.tolist(), 'b': b.tolist(),
            'value': numpy.mean([value(s, everything) for s in range(seeds)]),
            'interval': list(numpy.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))}


class Words:
    """Numbers below several bounds from one stream."""

    def __init__(self, step):
        self.counter, self.left = 0, []
        self.step = step

    def below(self, bound):
        while True:
            if not self.left:
                self.left = philox([self.counter, 0, self.step, 14 << 24], [SEED & MASK, SEED >> 32])
                self.counter += 1
            word = self.left.pop(0)
            if (word * bound) & MASK >= 2 ** 32 % bound:
                return word * bound >> 32


def powers():
    made = []
    for n, effect in ((3, 1.0), (6, 0.5), (6, 1.2), (8, 1.0), (12, 0.8)):
        power = TTestPower().power(effect, n, 0.05, alternative='two-sided')
        found = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8, alternative='two-sided')
        made.append({'pairs': n, 'effect': effect, 'power': float(power), 'detectable': float(found)})
    return made


def tau_deviations(rng):
    made = []
    for paths, tau in ((10, 0.4), (30, 0.2), (100, 0.6)):
        share = numpy.sin(numpy.pi / 2 * tau)
        values = []
        for _ in range(20000):
            truth = rng.standard_normal(paths)
            a, b = (share * truth + (1 - share ** 2) ** 0.5 * rng.standard_normal(paths) for _ in range(2))
            values.append(stats.kendalltau(a, truth)[0] - stats.kendalltau(b, truth)[0])
        made.append({'paths': paths, 'tau': tau, 'deviation': numpy.std(values)})
    return made


def make():
    rng = numpy.random.RandomState(11)
    return {
        'resamples': RESAMPLES,
        'level': LEVEL,
        'seed': SEED,
        'sign_flip': flips(rng),
        'holm': holms(rng),
        'levels': [levels(rng, 5, 12, True), levels(rng, 4, 10, False)],
        'power': powers(),
        'tau_deviation': tau_deviations(rng),
    }


if __name__ == '__main__':
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    text = json.dumps(make(), indent=1, allow_nan=False)
    (folder / 'significance.json').write_text(text + '\n')
