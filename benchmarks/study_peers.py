"""Compares a study's networks with scikit-learn's MLPClassifier, in the same blocks.

python benchmarks/study_peers.py        prints the table of docs/study.md
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import ogive
from ogive.study.blocks import Arrays, blocks
from ogive.study.data import load
from ogive.study.settings import settings
from ogive.study.training import Job, train

SETS = ("digits", "breast_cancer", "wine", "iris")


def mlp(arrays: Arrays, split: int, layers: int) -> float:
    """Accuracy of scikit-learn's network of this shape, fitted on training and validation rows."""
    rows = int(arrays.train_count[split] + arrays.validation_count[split])
    tested = slice(rows, rows + int(arrays.test_count[split]))
    x, y = arrays.x[split], arrays.y[split]
    network = MLPClassifier((64,) * layers, random_state=split, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns if 300 passes are not enough
        network.fit(x[:rows], y[:rows])
    return float(network.score(x[tested], arrays.tested(split).y))


def main() -> None:
    """Train the networks and print the table."""
    ogive.set_num_threads(1)
    print("| data | Ogive, ReLU, depth 2 | MLPClassifier, 64 x 64 | Ogive, ReLU, depth 8 |")
    print("|---|---|---|---|")
    with threadpool_limits(1):
        for name in SETS:
            table = load(name)
            made, division = blocks(table, 10, seed=0)
            arrays, chosen = Arrays(table, made), settings(table, division)
            ours = {}
            for depth in (2, 8):
                job = Job(activation="relu", depth=depth, splits=tuple(range(10)))
                trials = train(arrays, job, chosen)
                ours[depth] = 100 * np.mean([trial.scores.accuracy or 0 for trial in trials])
            theirs = 100 * np.mean([mlp(arrays, split, 2) for split in range(10)])
            print(f"| {name} | {ours[2]:.1f} % | {theirs:.1f} % | {ours[8]:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
