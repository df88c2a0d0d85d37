"""What `ogive watch --demo` trains: noisy centres, twelve layers of sigmoids. It does not learn."""

import torch
from torch import nn


def main(steps: int = 400) -> None:
    """A plain training loop, as anyone would write it."""
    torch.manual_seed(0)
    centres = torch.randn(10, 64)
    layers: list[nn.Module] = [nn.Linear(64, 64)]
    for _ in range(10):
        layers += [nn.Sigmoid(), nn.Linear(64, 64)]
    model = nn.Sequential(*layers, nn.Sigmoid(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        labels = torch.randint(10, (64,))
        loss = nn.functional.cross_entropy(model(centres[labels] + torch.randn(64, 64)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
