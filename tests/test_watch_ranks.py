"""Two processes that train one model give one report, whatever holds their weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

RANK = """
import sys, json
import torch, torch.distributed as dist
from torch import nn
import ogive

rank, how, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
with torch.no_grad():
    model[0].weight[:6] = 0.0
    model[0].bias[:6] = 0.0
    # Three units are off for the first process's data alone, three for both.
    model[0].weight[:3, 0] = 1.0
    model[0].bias[3:6] = -9.0
if how == "ddp":
    called = nn.parallel.DistributedDataParallel(model)
else:
    from torch.distributed.fsdp import fully_shard
    for layer in (model[0], model[2]):
        fully_shard(layer)
    called = fully_shard(model)
optimizer = torch.optim.SGD(called.parameters(), 1e-4)
torch.manual_seed(rank + 1)
with ogive.watch.Monitor(called, log=f"{folder}/run.jsonl") as monitor:
    for _ in range(60):
        x = torch.randn(64, 8)
        x[:, 0] = x[:, 0].abs() * (1 if rank else -1)
        optimizer.zero_grad()
        nn.functional.cross_entropy(called(x), torch.randint(3, (64,))).backward()
        optimizer.step()
report = monitor.report()
assert not report.notes, report.notes
layer = report.layers[0]
print(json.dumps([report.ranks, layer.activation, layer.stats[-1].samples, layer.stats[-1].dead,
                  layer.stats[-1].update_ratio is not None]))
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_one_report_of_two_processes(how: str, tmp_path: Path) -> None:
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(rank), how, str(tmp_path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        said = [rank.communicate(timeout=120) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    for rank, (_, errors) in zip(ranks, said, strict=True):
        assert rank.returncode == 0, errors[-3000:]
    first, second = (json.loads(out.splitlines()[-1]) for out, _ in said)
    # What is off for both is dead; what is off for one process alone is not.
    assert (first[0], first[1], first[3], first[4]) == (2, "relu", 3 / 16, True)
    assert second[3] == 3 / 16  # it sees its own data alone, for which nothing else is off
    lines = (tmp_path / "run.jsonl").read_text().splitlines()
    assert sum('"event": "end"' in line for line in lines) == 1
