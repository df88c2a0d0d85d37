"""A vocabulary split over two processes: each holds half of the output layer.

python examples/torch_vocab_parallel.py        (needs torch; starts both processes itself)
"""

import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as processes

import ogive.torch

RANKS, ROWS, WIDTH, CLASSES = 2, 64, 16, 1001  # 1001 classes: 501 and 500


def work(rank: int, rendezvous: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=RANKS)
    torch.manual_seed(0)  # the same on both: x, target, and the whole layer to compare with
    x, target = torch.randn(ROWS, WIDTH), torch.randint(CLASSES, (ROWS,))
    layer = torch.randn(CLASSES, WIDTH)

    begin = 0 if rank == 0 else 501
    shard = layer[begin : 501 if rank == 0 else CLASSES].clone().requires_grad_()
    loss = ogive.torch.vocab_parallel_linear_cross_entropy(
        x, shard, target, vocab_start=begin, label_smoothing=0.1
    )
    loss.backward()  # no communication: forward made the gradients

    whole = layer.clone().requires_grad_()
    expected = ogive.torch.linear_cross_entropy(x, whole, target, label_smoothing=0.1)
    expected.backward()
    apart = (shard.grad - whole.grad[begin : begin + len(shard)]).abs().max().item()
    print(
        f"rank {rank}: {len(shard)} classes, loss {loss.item():.6f} (whole {expected.item():.6f}), "
        f"gradient within {apart:.1e}\n",
        end="",  # two processes write: a line and its end must not be two writes
        flush=True,
    )
    dist.destroy_process_group()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        processes.spawn(work, (f"{folder}/rendezvous",), nprocs=RANKS)


if __name__ == "__main__":
    main()
