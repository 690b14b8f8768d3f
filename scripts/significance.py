#!/usr/bin/env python3
"""Prints tests/fixtures/statistics/reference.json: tests and corrections as SciPy and statsmodels compute them.

    pip install scipy statsmodels && scripts/significance.py > tests/fixtures/statistics/reference.json
"""

import json

import numpy
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests


def welch(left: list[float], right: list[float]) -> dict:
    found = stats.ttest_ind(left, right, equal_var=False)
    return {"left": left, "right": right, "t": found.statistic, "freedom": found.df, "p": found.pvalue}


def main() -> None:
    random = numpy.random.default_rng(0)
    samples = [(2, 2), (3, 3), (3, 5), (10, 4)]
    drawn = [(list(random.normal(0.7, 0.01, n)), list(random.normal(0.69, 0.03, m))) for n, m in samples]
    p_values = [[0.01, 0.04, 0.03, 0.2], [0.5], [0.001, 0.001, 0.9], list(random.uniform(0, 0.1, 8))]
    discordant = [(0, 0), (5, 3), (3, 12), (120, 80), (1300, 1200)]
    reference = {
        "welch": [welch(left, right) for left, right in drawn],
        "holm": [{"p": p, "adjusted": list(multipletests(p, method="holm")[1])} for p in p_values],
        "mcnemar": [
            {"only_left": b, "only_right": c, "p": float(mcnemar([[0, b], [c, 0]], exact=True).pvalue)} for b, c in discordant
        ],
        "student": [{"freedom": f, "critical": stats.t.ppf(0.975, f)} for f in (1.0, 2.0, 2.7, 4.0, 30.0, 1e4)],
    }
    print(json.dumps(reference, indent=1))


if __name__ == "__main__":
    main()
