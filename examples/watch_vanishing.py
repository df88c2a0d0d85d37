"""A deep sigmoid network does not learn: what predict says before training, and watch during it.

python examples/watch_vanishing.py [FOLDER for the reports]        (needs torch, ogive[study])
"""

import sys
from pathlib import Path

from digits import network, train
from torch import nn

import ogive.predict
import ogive.torch
import ogive.watch

DEPTH = 10


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    before = ogive.predict.network("sigmoid", depth=DEPTH, init="torch")
    print(f"before training: {before.sentence}")
    print(f"               : {ogive.predict.advise('sigmoid', depth=DEPTH).why}")

    with ogive.watch.Monitor(model := network(nn.Sigmoid, DEPTH)) as monitor:
        accuracy = train(model, rate=0.02)
    report = monitor.report()
    report.html(folder / "vanishing.html")
    print(f"while training : accuracy {accuracy:.1%}")
    print(report)

    # What the report says to change first.
    model = network(nn.ReLU, DEPTH)
    ogive.torch.init_(model, activation="relu")
    with ogive.watch.Monitor(model) as monitor:
        accuracy = train(model, rate=0.02)
    monitor.report().html(folder / "vanishing_cured.html")
    print(f"cured          : accuracy {accuracy:.1%}, {len(monitor.report().errors)} errors")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "watch"))
