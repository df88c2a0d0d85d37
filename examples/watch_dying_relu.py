"""ReLUs die at too high a learning rate: found, cured by the line in the report, and watched again.

python examples/watch_dying_relu.py [FOLDER for the reports]        (needs torch, ogive[study])
"""

import re
import sys
from pathlib import Path

from digits import network, train
from torch import nn

import ogive.torch
import ogive.watch


def watched(rate: float, page: Path) -> ogive.watch.Report:
    """One training at a rate; its page is written."""
    model = network(nn.ReLU, depth=4)
    ogive.torch.init_(model)
    with ogive.watch.Monitor(model) as monitor:
        accuracy = train(model, rate)
    report = monitor.report()
    report.html(page)
    dead = [round(each.stats[-1].dead or 0, 2) for each in report.layers if not each.head]
    print(f"rate {rate:g}: accuracy {accuracy:.1%}, dead units by layer {dead}")
    print(f"  {report.sentence}")
    return report


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    report = watched(0.15, folder / "dying_relu.html")
    (error, *_) = report.errors
    print(f"  first: {error.cure.words} {error.cure.code}")
    found = re.search(r"lr=([0-9.e-]+)", error.cure.code)
    assert found, error.cure.code
    cured = watched(float(found[1]), folder / "dying_relu_cured.html")
    print(f"errors: {len(report.errors)} before, {len(cured.errors)} after")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "watch"))
