"""Training with a fused head: the logits of a large vocabulary are never whole.

python examples/torch_fused_head.py        (needs torch)
"""

import contextlib
import io
from collections import Counter

import torch
from torch import nn

import ogive.torch

CONTEXT, WIDTH, STEPS = 8, 64, 60


def text() -> str:
    """A text that ships with Python."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    code = {chr(i + c): chr((i + 13) % 26 + c) for c in (65, 97) for i in range(26)}
    return "".join(code.get(c, c) for c in this.s)


class Model(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.embed = nn.Embedding(classes, WIDTH)
        self.up, self.gate = (nn.Linear(CONTEXT * WIDTH, 2 * WIDTH) for _ in range(2))
        self.act = ogive.torch.nn.SwiGLU()
        self.down = nn.Linear(2 * WIDTH, WIDTH)
        # The last linear layer and the loss in one: logits exist chunk by chunk.
        self.loss = ogive.torch.nn.LinearCrossEntropyLoss(WIDTH, classes, label_smoothing=0.01)

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        h = self.embed(x).flatten(1)
        return self.loss(self.down(self.act(self.up(h), self.gate(h))), target)


def main() -> None:
    torch.manual_seed(0)
    letters = text()
    names = [letter for letter, _ in Counter(letters).most_common()]
    ids = torch.tensor([names.index(letter) for letter in letters])
    x, target = ids.unfold(0, CONTEXT, 1)[:-1], ids[CONTEXT:]
    model = Model(len(names))
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    for step in range(STEPS + 1):
        loss = model(x, target)
        if step % 20 == 0:
            print(f"step {step:3}: loss {loss.item():.3f}")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


if __name__ == "__main__":
    main()
