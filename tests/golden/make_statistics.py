#!/usr/bin/env python3
"""Makes statistics.json: statistics of small samples by SciPy, ties included. See README.md. Needs python3-scipy."""
import json
import pathlib
import sys

import numpy
from scipy import stats

HERE = pathlib.Path(__file__).parent
RESAMPLES, LEVEL, SEED, BOOTSTRAP = 400, 0.95, 12345678901234567, 14  # CREAM_RNG_BOOTSTRAP
MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., SC 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def draws_below(n, step):
    """cream_rng_below(n) again and again, from cream_rng_at(SEED, CREAM_RNG_BOOTSTRAP, step)."""
    counter, key = [0, 0, step & MASK, (BOOTSTRAP << 24) ^ (step >> 32)], [SEED & MASK, SEED >> 32]
    while True:
        for word in philox(counter, key):
            if (word * n) & MASK >= 2 ** 32 % n:
                yield word * n >> 32
        counter[0] += 1


class Draws(numpy.random.RandomState):
    """Gives scipy.stats.bootstrap the resamples of core/base/statistics.c."""

    def randint(self, low, high=None, size=None, dtype=int):
        rows = []
        for step in range(size[0]):
            draws = draws_below(high, step)
            rows.append([next(draws) for _ in range(size[1])])
        return numpy.array(rows)


def interval(statistic, x, y):
    result = stats.bootstrap((x, y), lambda a, b: statistic(a, b)[0], n_resamples=RESAMPLES, paired=True,
                             vectorized=False, confidence_level=LEVEL, method='percentile', random_state=Draws())
    return [result.confidence_interval.low, result.confidence_interval.high]


def case(x, y):
    x, y = [float(v) for v in x], [float(v) for v in y]
    test = stats.ttest_rel(x, y)
    made = {
        'x': x,
        'y': y,
        'mean': numpy.mean(x),
        'deviation': numpy.std(x, ddof=1),
        'kendall': stats.kendalltau(x, y)[0],
        'spearman': stats.spearmanr(x, y)[0],
        'difference': numpy.mean(numpy.subtract(x, y)),
        't': test[0],
        'p': test[1],
    }
    if len(x) >= 8:  # of fewer pairs some resample is one pair again and again
        made['kendall_interval'] = interval(stats.kendalltau, x, y)
        made['spearman_interval'] = interval(stats.spearmanr, x, y)
    sizes = numpy.abs(numpy.subtract(x, y))
    if len(set(sizes)) == len(sizes) and 0 not in sizes and len(x) <= 50:  # where SciPy's own is exact
        made['wilcoxon'] = stats.wilcoxon(x, y, mode='exact')[1]
    else:  # all signs of the ranks of what differs
        differing = sizes[sizes > 0]
        if len(differing) <= 12:
            ranks, signs = stats.rankdata(differing), numpy.sign(numpy.subtract(x, y))[sizes > 0]
            every = numpy.array(numpy.meshgrid(*[[0, 1]] * len(ranks))).reshape(len(ranks), -1).T @ ranks
            seen = ranks[signs > 0].sum()
            made['wilcoxon'] = min(1, 2 * min(numpy.mean(every <= seen), numpy.mean(every >= seen)))
    return made


def make():
    rng = numpy.random.RandomState(7)
    base = rng.standard_normal(30)
    return {
        'resamples': RESAMPLES,
        'level': LEVEL,
        'seed': SEED,
        'cases': {
            'distinct': case(base, base + rng.standard_normal(30)),
            'opposite': case(base[:20], -base[:20] + 0.2 * rng.standard_normal(20)),
            # accuracies: shares of 144 and of 360 images, many of them equal
            'ties': case(rng.randint(130, 140, 30) / 144, rng.randint(340, 352, 30) / 360),
            'many_ties': case(rng.randint(0, 3, 25), rng.randint(0, 4, 25)),
            'ten': case(numpy.round(base[:10], 1), numpy.round(base[:10] + 0.5 * rng.standard_normal(10), 1)),
            'five': case([95.83, 95.83, 97.22, 95.83, 92.36], [95.83, 97.92, 99.31, 97.22, 95.83]),
            'near': case(base[:8], base[:8] + 1e-3 * rng.standard_normal(8)),
            'far': case(base[:12] + 50, base[:12] + rng.standard_normal(12)),
            'four': case([1, 2, 3, 4], [1.5, 1.25, 3.75, 5]),
        },
    }


if __name__ == '__main__':
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    text = json.dumps(make(), indent=1, allow_nan=False)
    (folder / 'statistics.json').write_text(text + '\n')
