"""The same training with torch's activations and losses and with Ogive's: losses, time, memory.

python benchmarks/torch_training.py [steps]
A GPT-style block on the text of Python's own licence, and a small ResNet on scikit-learn's digits.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

import ogive.torch as ot

WIDTH, HEADS, SEQUENCE, BATCH = 768, 4, 512, 2


class Block(nn.Module):
    """Pre-norm attention and a feed-forward layer, with an embedding and a head around them."""

    def __init__(self, classes: int):
        super().__init__()
        self.embed = nn.Embedding(classes, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.act = nn.Linear(WIDTH, 4 * WIDTH), nn.GELU()
        self.down, self.head = nn.Linear(4 * WIDTH, WIDTH), nn.Linear(WIDTH, classes)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(ids)
        q, k, v = (
            t.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for t in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        x = x + self.down(self.act(self.up(self.norm2(x))))
        return self.head(x).flatten(0, 1)


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(x + y)


def task(name: str) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    if name == "gpt":
        import builtins

        text = str(builtins.license._Printer__filenames)  # the path; its text is what we want
        for path in builtins.license._Printer__filenames:
            try:
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                break
            except OSError:
                continue
        else:
            import argparse

            with open(argparse.__file__, encoding="utf-8") as file:
                text = file.read()
        letters = sorted(set(text))
        ids = torch.tensor([letters.index(c) for c in text])
        torch.manual_seed(0)
        rows = ids[: (len(ids) - 1) // SEQUENCE * SEQUENCE].view(-1, SEQUENCE)
        target = ids[1 : rows.numel() + 1].view(-1, SEQUENCE)
        return Block(len(letters)), rows, target
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), Residual(32), Residual(32),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    x = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    return model, x, torch.tensor(labels)


def train(name: str, whose: str, steps: int) -> None:
    model, x, t = task(name)
    loss_of = F.cross_entropy
    if whose != "torch":
        ot.swap(model, lean=True if whose == "lean" else None)
        loss_of = ot.cross_entropy
    batch = BATCH if name == "gpt" else 128
    optimiser = torch.optim.AdamW(model.parameters(), 3e-4)
    kept: dict[int, int] = {}
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def pack(t: torch.Tensor) -> torch.Tensor:
        if t.untyped_storage().data_ptr() not in weights:
            kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    times, losses = [], []
    for step in range(steps):
        some = [(step * batch + i) % len(x) for i in range(batch)]
        begin = time.perf_counter()
        if step == 0:
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
                loss = loss_of(model(x[some]), t[some].flatten())
        else:
            loss = loss_of(model(x[some]), t[some].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        times.append(time.perf_counter() - begin)
        losses.append(loss.item())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:7}{whose:6} loss {losses[0]:.6f} -> {losses[-1]:.6f}  "
        f"step {sorted(times)[len(times) // 2] * 1e3:8.1f} ms (least {min(times) * 1e3:.1f})  "
        f"kept {sum(kept.values()) / 2**20:7.2f} MiB  peak {peak:7.0f} MiB",
        flush=True,
    )


def main() -> None:
    if len(sys.argv) > 2:
        train(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        return
    steps = sys.argv[1] if len(sys.argv) > 1 else "50"
    for name in ("gpt", "resnet"):
        for whose in ("torch", "ogive", "lean"):  # a process each, for its own peak
            subprocess.run([sys.executable, __file__, name, whose, steps], check=True)


if __name__ == "__main__":
    main()
