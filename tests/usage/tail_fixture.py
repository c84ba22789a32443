#!/usr/bin/env python3
"""Writes src/usage/negative_binomial/tail_fixture.txt: P(X >= count) of negative binomial distributions.

Needs scipy, and mpmath as a second opinion: scipy's own values are kept, and only where mpmath at 60 digits agrees with
them to 1e-11, so that a mistake of either is seen.    python3 tests/usage/tail_fixture.py > src/usage/negative_binomial/tail_fixture.txt
"""
import sys

import mpmath
import scipy
from scipy.stats import nbinom

mpmath.mp.dps = 60
print(f"# count mean overdispersion P(X >= count), scipy {scipy.__version__} (nbinom.sf), made by tests/usage/tail_fixture.py")
kept = dropped = 0
for mean in (0.25, 0.5, 1.3, 4, 10, 33.3, 120, 700, 5000, 60000, 1e6):
    for overdispersion in (0.02, 0.05, 0.12, 0.3, 0.8, 2.5, 9, 60):
        for ratio in (0.5, 1, 1.9, 2.2, 3, 5, 10, 30, 100):
            count = int(mean * ratio + 1)
            size, rest = 1 / overdispersion, 1 / (1 + mean * overdispersion)
            found = float(nbinom.sf(count - 1, size, rest))
            if not 1e-290 < found:
                continue
            share = mpmath.mpf(mean) * mpmath.mpf(overdispersion) / (1 + mpmath.mpf(mean) * mpmath.mpf(overdispersion))
            try:
                exact = mpmath.betainc(count, 1 / mpmath.mpf(overdispersion), 0, share, regularized=True)
            except (mpmath.libmp.NoConvergence, ValueError):
                dropped += 1
                continue
            if abs(found / float(exact) - 1) < 1e-11:
                print(count, mean, overdispersion, repr(found))
                kept += 1
            else:
                dropped += 1
print(f"{kept} kept, {dropped} on which scipy and mpmath differ by more than 1e-11 dropped", file=sys.stderr)
