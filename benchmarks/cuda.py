"""The Triton kernels on one GPU: errors in ulps, and bandwidth compared with torch's operations.

    python benchmarks/cuda.py                              # writes benchmarks/cuda.json
    python benchmarks/cuda.py --page                       # docs/cuda.md from it
    python benchmarks/cuda.py --write-references FILE      # on a machine without a GPU
    python benchmarks/cuda.py --references FILE            # without Ogive's CPU kernels

The references are Ogive's CPU results: for float32 those in float64, which are right to 2 ulps, and
for 16-bit formats those in the same format, which are correctly rounded.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).parent
HALVES = ("bfloat16", "float16")
UNARY_MODES = ("value", "derivative", "second_derivative", "backward_from_output")
SIZE = 1 << 26
HEAD_SHAPES = ((8192, 32000), (8192, 128256))
Arrays = dict[str, npt.NDArray[Any]]


# ------------------------------------------------------------------------------- references


def half_type(name: str) -> Any:
    return np.float16 if name == "float16" else importlib.import_module("ml_dtypes").bfloat16


def references(stride: int = 400_009) -> Arrays:
    """Points and the right results there, by key."""
    from ogive._numpy.api import modes
    from ogive.catalog import find, names
    from ogive.reference import gated, measure, ulp

    found: Arrays = {}
    every = np.arange(1 << 16, dtype=np.uint16)
    with np.errstate(all="ignore"):
        for name in names("unary"):
            card = find(name)
            patterns = np.arange(0, 1 << 32, stride, dtype=np.int64).astype(np.uint32)
            patterns = np.concatenate([patterns, measure.around(card, width=16)])
            x = patterns.view(np.float32)
            low, high = card.claims.range if card.claims else (-math.inf, math.inf)
            outputs = x[(x >= low) & (x <= high)]
            found[f"{name}/x"], found[f"{name}/y"] = x, outputs
            for mode in UNARY_MODES:
                if mode not in modes(name):
                    continue
                from_output = mode == "backward_from_output"
                function = measure.function(card, mode)
                points = (outputs if from_output else x).astype(np.float64)
                ones = (np.ones_like(points),) if from_output else ()
                found[f"{name}/{mode}/float32"] = function(*ones, points)
                if mode == "derivative":
                    found[f"{name}/least_unit"] = _least_unit(card, points)
                for fmt in HALVES:
                    half = every.view(half_type(fmt))
                    inside = np.ones(half.shape, dtype=bool)
                    if from_output:
                        wide = half.astype(np.float64)
                        inside = (wide >= low) & (wide <= high)
                    ones = (np.ones_like(half),) if from_output else ()
                    result = function(*ones, half).astype(half.dtype)
                    result = np.where(inside, result, result.dtype.type(np.nan))
                    found[f"{name}/{mode}/{fmt}"] = result.view(np.uint16)
        for name in names("gated"):
            for fmt in (ulp.FLOAT32, ulp.BFLOAT16, ulp.FLOAT16):
                operands = [gated.operands(fmt, 20_000, seed) for seed in (1, 2, 3)]
                used = [o.astype(np.float64) for o in operands] if fmt is ulp.FLOAT32 else operands
                results = gated.results(find(name), *used)
                keys = ("dy", "a", "b", *gated.RESULTS)
                for key, array in zip(keys, (*operands, *results), strict=True):
                    bits = array.view(np.uint16) if array.dtype.name in HALVES else array
                    found[f"{name}/{key}/{fmt.name}"] = bits
        found |= _row_references()
    return found


def _least_unit(card: Any, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The smallest unit of error, which applies near a zero of f'."""
    from ogive.reference import measure, ulp

    encloser = measure.encloser(card.name)
    near = np.zeros(points.shape, dtype=bool)
    for zero in encloser.critical[1]:
        near |= np.abs(points - zero) < 2.0**-20
    unit = float(encloser.least_unit(ulp.FLOAT32, 1)) if near.any() else 0.0
    return np.where(near, unit, 0.0)


ROW_OPTIONS: tuple[dict[str, float], ...] = (
    {},
    {"label_smoothing": 0.1},
    {"z_loss": 1e-3, "temperature": 0.7},
    {"softcap": 30.0, "label_smoothing": 0.1, "z_loss": 1e-3},
)


def _options(length: int) -> list[tuple[int, dict[str, float]]]:
    """Options to test; long rows are tested without options and with all."""
    each = list(enumerate(ROW_OPTIONS))
    return each if length < 10_000 else [each[0], each[-1]]


def _row_references() -> Arrays:
    import ogive
    from ogive.reference import measure

    found: Arrays = {}
    random = np.random.default_rng(5)
    rows = [row.z for row in measure.rows(huge=False) if np.abs(row.z).max() < 1e30]
    rows.append(random.normal(0, 3, 128_256).astype(np.float32))
    rows.append(np.concatenate([random.normal(0, 3, 60_000), [60.0], np.zeros(9)]).astype("f4"))
    for i, z in enumerate(rows):
        found[f"rows/{i}/z"], wide = z, z.astype(np.float64)
        dy = random.normal(0, 1, z.size).astype(np.float32)
        found[f"rows/{i}/dy"] = dy
        for name in ("softmax", "softmin", "log_softmax", "logsumexp"):
            found[f"rows/{i}/{name}"] = np.atleast_1d(getattr(ogive, name)(wide))
            if name != "logsumexp":
                y = getattr(ogive, name)(z)
                back = getattr(ogive.backward_from_output, name)
                found[f"rows/{i}/{name}/y"] = y
                found[f"rows/{i}/{name}/back"] = back(dy.astype(np.float64), y.astype(np.float64))
        label = int(random.integers(z.size))
        found[f"rows/{i}/label"] = np.array([label])
        for k, options in _options(z.size):
            loss, dz = ogive.value_and_grad.cross_entropy(wide, label, **options)
            found[f"rows/{i}/loss{k}"], found[f"rows/{i}/dz{k}"] = np.atleast_1d(loss), dz
    z, t = random.normal(0, 20, 5000).astype("f4"), random.uniform(0, 1, 5000).astype("f4")
    t[:2000] = random.integers(0, 2, 2000)
    loss, dz = ogive.value_and_grad.binary_cross_entropy(
        z.astype(np.float64), t.astype(np.float64), reduction="none"
    )
    return found | {"binary/z": z, "binary/t": t, "binary/loss": loss, "binary/dz": dz}


# ---------------------------------------------------------------------------------- accuracy


def ulps(
    got: npt.NDArray[Any], exact: npt.NDArray[np.float64], least_unit: Any = 0.0
) -> npt.NDArray[np.float64]:
    """Errors of float32 results."""
    with np.errstate(all="ignore"):
        got = got.astype(np.float64)
        size = np.clip(np.abs(exact), 2.0**-126, float(np.finfo(np.float32).max))
        unit = np.maximum(np.spacing(size.astype(np.float32)).astype(np.float64), least_unit)
        error = np.abs(got - exact) / unit
        infinite = np.isinf(got) & (np.abs(exact) >= 3.4028235677973366e38) & (got * exact > 0)
        same = (got == exact) | infinite | (np.isnan(got) & np.isnan(exact))
    return np.where(same, 0.0, np.nan_to_num(error, nan=np.inf))


def misrounded(got: npt.NDArray[np.uint16], want: npt.NDArray[np.uint16], fmt: str) -> int:
    """How many results differ; the sign of a zero and the kind of a NaN do not count."""
    infinity = 0x7C00 if fmt == "float16" else 0x7F80
    both_zero = ((got | want) & 0x7FFF) == 0
    both_nan = ((got & 0x7FFF) > infinity) & ((want & 0x7FFF) > infinity)
    return int(np.count_nonzero((got != want) & ~both_zero & ~both_nan))


def accuracy(refs: Arrays, device: str = "cuda") -> dict[str, dict[str, Any]]:
    """Largest error in ulps (float32) and number of wrong roundings (16 bits) of each result."""
    import torch

    from ogive.catalog import names
    from ogive.torch import _triton as kernels

    def tensor(array: npt.NDArray[Any], fmt: str = "float32") -> Any:
        if fmt == "float32":
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)
        bits = torch.from_numpy(np.ascontiguousarray(array).view(np.int16))
        return bits.view(getattr(torch, fmt)).to(device)

    def bits_of(t: Any) -> npt.NDArray[np.uint16]:
        found: npt.NDArray[np.uint16] = t.view(torch.int16).cpu().numpy().view(np.uint16)
        return found

    def worst(key: str, got: Any, exact: Any, at: Any = None, least_unit: Any = 0.0) -> None:
        error = ulps(got, exact, least_unit)
        i = int(np.argmax(error))
        table[key] = {"ulps": float(error[i]), "count": int(error.size)}
        if at is not None:
            table[key]["at"] = float(at[i])

    table: dict[str, dict[str, Any]] = {}
    every = np.arange(1 << 16, dtype=np.uint16)
    random = np.random.default_rng(11)
    for name in names("unary"):
        for mode in UNARY_MODES:
            if f"{name}/{mode}/float32" not in refs:
                continue
            from_output = mode == "backward_from_output"
            x = refs[f"{name}/y" if from_output else f"{name}/x"]
            exact = refs[f"{name}/{mode}/float32"]
            given = (tensor(np.ones_like(x)),) if from_output else ()
            got = kernels.unary(name, mode, (*given, tensor(x)), ()).cpu().numpy()
            least = refs[f"{name}/least_unit"] if mode == "derivative" else 0.0
            worst(f"{name}/{mode}/float32", got, exact, x, least)
            for fmt in HALVES:
                want = refs[f"{name}/{mode}/{fmt}"]
                half = tensor(every, fmt)
                given = (torch.ones_like(half),) if from_output else ()
                got = bits_of(kernels.unary(name, mode, (*given, half), ()))
                if from_output:  # NaN where the input is not an output of the function
                    outside = (want & 0x7FFF) > (0x7C00 if fmt == "float16" else 0x7F80)
                    got = np.where(outside, want, got)
                table[f"{name}/{mode}/{fmt}"] = {"wrong": misrounded(got, want, fmt)}
        x, slope = refs[f"{name}/x"], refs[f"{name}/derivative/float32"]
        dy = random.normal(0, 1, x.size).astype(np.float32)
        got = kernels.unary(name, "backward", (tensor(dy), tensor(x)), ()).cpu().numpy()
        with np.errstate(all="ignore"):
            exact = np.where(slope == 0, 0.0, dy * slope)
            worst(f"{name}/backward/float32", got, exact, x, refs[f"{name}/least_unit"] * abs(dy))
    for name in names("gated"):
        for fmt in ("float32", *HALVES):
            dy, a, b = (tensor(refs[f"{name}/{k}/{fmt}"], fmt) for k in ("dy", "a", "b"))
            results = (
                kernels.gated(name, "value", (a, b), ()),
                *kernels.gated(name, "backward", (dy, a, b), ()),
            )
            for key, got in zip(("value", "da", "db"), results, strict=True):
                want = refs[f"{name}/{key}/{fmt}"]
                if fmt == "float32":
                    worst(f"{name}/{key}/{fmt}", got.cpu().numpy(), want)
                else:
                    table[f"{name}/{key}/{fmt}"] = {"wrong": misrounded(bits_of(got), want, fmt)}

    def row_worst(key: str, got: Any, exact: Any) -> None:
        error = float(ulps(np.atleast_1d(got.cpu().numpy()), exact).max())
        table[key] = {"ulps": max(error, table.get(key, {}).get("ulps", 0.0))}

    i = 0
    while f"rows/{i}/z" in refs:
        z, dy = (tensor(refs[f"rows/{i}/{k}"])[None] for k in ("z", "dy"))
        for name in ("softmax", "softmin", "log_softmax", "logsumexp"):
            row_worst(
                f"{name}/value", kernels.rows(name, "value", (z,))[0], refs[f"rows/{i}/{name}"]
            )
            if name != "logsumexp":
                y = tensor(refs[f"rows/{i}/{name}/y"])[None]
                got = kernels.rows(name, "backward_from_output", (dy, y))[0]
                row_worst(f"{name}/backward_from_output", got, refs[f"rows/{i}/{name}/back"])
        label = torch.from_numpy(refs[f"rows/{i}/label"]).to(device)
        for k, options in _options(z.shape[1]):
            loss, dz = kernels.cross_entropy(z, label, **options)
            row_worst(f"cross_entropy/value/{k}", loss.float(), refs[f"rows/{i}/loss{k}"])
            row_worst(f"cross_entropy/gradient/{k}", dz[0], refs[f"rows/{i}/dz{k}"])
        i += 1
    loss, dz = kernels.binary_cross_entropy(tensor(refs["binary/z"]), tensor(refs["binary/t"]))
    row_worst("binary_cross_entropy/value", loss, refs["binary/loss"])
    row_worst("binary_cross_entropy/gradient", dz, refs["binary/dz"])
    return table


# --------------------------------------------------------------------------------- bandwidth


def peer(name: str) -> Callable[..., Any] | None:
    """torch's function that the card names."""
    import torch

    from ogive.catalog import find

    for each in find(name).peers:
        if each.framework == "torch" and each.name[:6] == "torch." and each.differs != "composed":
            found: Any = torch
            for part in each.name.split("(")[0].split(".")[1:]:
                found = getattr(found, part, None)
            if isinstance(found, type):
                return None
            return _peer_call(name, found)
    return None


def _peer_call(name: str, function: Any) -> Callable[..., Any]:
    import torch

    if name == "gelu_tanh":
        return lambda x: torch.nn.functional.gelu(x, approximate="tanh")
    if name == "prelu":
        weight = torch.tensor([0.25], device="cuda")
        return lambda x: function(x, weight.to(x.dtype))
    if name == "threshold":
        return lambda x: function(x, 0.0, 0.0)
    found: Callable[..., Any] = function
    return found


class Race:
    """Times calls in turn with events on the device: medians, and the spread of their ratios."""

    def __init__(self, rounds: int):
        self.rounds = rounds

    def __call__(self, calls: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
        """Milliseconds of each call, round by round."""
        import torch

        times: dict[str, list[float]] = {key: [] for key in calls}
        for call in calls.values():
            call()
        torch.cuda.synchronize()
        for _ in range(self.rounds):
            for key, call in calls.items():
                start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                torch.cuda._sleep(1_000_000)  # long enough for the launch to be queued behind it
                start.record()
                call()
                end.record()
                end.synchronize()
                times[key].append(start.elapsed_time(end))
        return times


def cell(times: dict[str, list[float]], moved: int, copied: int) -> dict[str, float]:
    """One row of the table: GB/s, and ratios of paired times with their quartiles."""
    ours = times["ogive"]
    row = {
        "ms": statistics.median(ours),
        "gb_per_s": moved / statistics.median(ours) / 1e6,
        "copy_gb_per_s": copied / statistics.median(times["copy"]) / 1e6,
    }
    row["of_copy"] = row["gb_per_s"] / row["copy_gb_per_s"]
    if "torch" in times:
        ratios = [t / o for t, o in zip(times["torch"], ours, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        row |= {"torch_over_ogive": middle, "low": low, "high": high}
    return row


def bandwidth(
    size: int, rounds: int, shapes: tuple[tuple[int, int], ...]
) -> Iterator[dict[str, Any]]:
    """The rows of the table, each as soon as it is measured."""
    import torch

    from ogive.catalog import names

    race = Race(rounds)
    for fmt in ("float32", "bfloat16"):
        dtype = getattr(torch, fmt)
        for name in (*names("unary"), *names("gated")):
            yield from _elementwise(name, size, dtype, race)
        for shape in shapes:
            yield from _heads(shape, dtype, race)


def _elementwise(name: str, size: int, dtype: Any, race: Race) -> Iterator[dict[str, Any]]:
    import torch

    from ogive.catalog import kinds
    from ogive.torch import _triton as kernels

    x, dy, z = (torch.randn(size, device="cuda").to(dtype) for _ in range(3))
    width = x.element_size() * size
    copy = {"copy": partial(torch.empty_like(x).copy_, x)}
    about = {"function": name, "format": str(dtype)[6:]}
    if kinds()[name] == "gated":
        for mode, tensors, arrays in (("value", (x, z), 3), ("backward", (dy, x, z), 5)):
            calls = {"ogive": partial(kernels.gated, name, mode, tensors, ())} | copy
            yield about | {"mode": mode} | cell(race(calls), arrays * width, 2 * width)
        return
    own = peer(name)
    calls = {"ogive": partial(kernels.unary, name, "value", (x,), ())} | copy
    yield (
        about
        | {"mode": "value"}
        | cell(
            race(calls | ({} if own is None else {"torch": partial(own, x)})), 2 * width, 2 * width
        )
    )
    calls = {"ogive": partial(kernels.unary, name, "backward", (dy, x), ())} | copy
    if own is not None:
        leaf = x.detach().clone().requires_grad_()
        y = own(leaf)
        if y.requires_grad:
            calls["torch"] = partial(torch.autograd.grad, y, leaf, dy, retain_graph=True)
    yield about | {"mode": "backward"} | cell(race(calls), 3 * width, 2 * width)


def _heads(shape: tuple[int, int], dtype: Any, race: Race) -> Iterator[dict[str, Any]]:
    import torch
    from torch.nn import functional as F

    from ogive.torch import _triton as kernels

    z = (3 * torch.randn(*shape, device="cuda")).to(dtype)
    out = torch.empty_like(z)
    label = torch.randint(0, shape[1], shape[:1], device="cuda")
    width = z.element_size() * z.numel()
    copy = {"copy": partial(out.copy_, z)}
    about = {"shape": f"{shape[0]}x{shape[1]}", "format": str(dtype)[6:]}
    for name in ("softmax", "log_softmax", "logsumexp"):
        own = getattr(torch, name)
        calls = {
            "ogive": partial(kernels.rows, name, "value", (z,)),
            "torch": partial(own, z, -1),
        }
        moved = width if name == "logsumexp" else 2 * width
        yield {"function": name, "mode": "value", **about} | cell(
            race(calls | copy), moved, 2 * width
        )
        if name != "logsumexp":
            y, dy = own(z, -1), torch.randn_like(z)
            calls = {
                "ogive": partial(kernels.rows, name, "backward_from_output", (dy, y)),
                "torch": partial(getattr(torch, f"_{name}_backward_data"), dy, y, -1, dtype),
            }
            yield {"function": name, "mode": "backward_from_output", **about} | cell(
                race(calls | copy), 3 * width, 2 * width
            )
            del y, dy, calls

    def torch_loss() -> Any:
        leaf = z.detach().requires_grad_()
        return torch.autograd.grad(F.cross_entropy(leaf, label), leaf)

    calls = {
        "ogive": partial(kernels.cross_entropy, z, label, out=out, factor=1 / shape[0]),
        "torch": torch_loss,
    }
    yield {"function": "cross_entropy", "mode": "value_and_grad", **about} | cell(
        race(calls | copy), 2 * width, 2 * width
    )


# -------------------------------------------------------------------------------------- page

PAGE = HERE.parent / "docs/cuda.md"


def page(found: dict[str, Any]) -> str:
    """docs/cuda.md with new tables."""
    about, table = found["machine"], found["accuracy"]
    text = PAGE.read_text().split("<!-- tables -->")[0]
    halves = [(key, v["wrong"]) for key, v in table.items() if "wrong" in v]
    worst = max(v["ulps"] for key, v in table.items() if key.endswith("/float32"))
    lines = [
        "<!-- tables -->",
        "<!-- Written by benchmarks/cuda.py; do not edit below. -->",
        "",
        f"Measured on one {about['gpu']}, driver {about['driver']}, CUDA {about['cuda']}, "
        f"torch {about['torch']}, Triton {about['triton']}: kernels of {about['kernels']}.",
        "",
        "## Errors",
        "",
        f"Largest error of any unary or gated function in float32, forward or backward: "
        f"{worst:.4f} ulps. Rows and heads in float32:",
        "",
        "| result | largest error, ulps |",
        "|---|---|",
        *(
            f"| {key} | {v['ulps']:.4f} |"
            for key, v in table.items()
            if "ulps" in v and not key.endswith("/float32")
        ),
        "",
        f"Sixteen bits: {sum(n == 0 for _, n in halves)} of {len(halves)} tables of results are "
        "correctly rounded throughout (all 65,536 inputs of a unary function; 20,000 operands of "
        "every exponent for a gated one). The others:",
        "",
        *(f"- {key}: {n} of 20,000" for key, n in halves if n),
        "",
        "## Bandwidth",
        "",
        f"GB/s; its share of a copy's; torch's time over Ogive's, paired, with its quartiles. "
        f"{SIZE:,} elements, or rows x classes.",
        "",
        "| function | mode | format | size | GB/s | of copy | torch/Ogive |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["bandwidth"]:
        ratio = "-"
        if "torch_over_ogive" in row:
            ratio = f"{row['torch_over_ogive']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        lines.append(
            f"| {row['function']} | {row['mode']} | {row['format']} | {row.get('shape', '')} "
            f"| {row['gb_per_s']:.0f} | {row['of_copy']:.2f} | {ratio} |"
        )
    return text + "\n".join(lines) + "\n"


# -------------------------------------------------------------------------------------- main


def machine() -> dict[str, str]:
    import torch
    import triton

    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    name, driver = subprocess.run(query, capture_output=True, text=True).stdout.split(", ")
    folder = HERE.parent / "src/ogive/torch/_triton"
    last = ["git", "log", "-1", "--format=commit %h of %cs", "--", str(folder)]
    commit = subprocess.run(last, capture_output=True, text=True, cwd=HERE).stdout.strip()
    return {
        "gpu": name,
        "kernels": commit or "an unknown commit",
        "driver": driver.split()[0],
        "cuda": str(torch.version.cuda),
        "torch": torch.__version__,
        "triton": triton.__version__,
    }


def _warm(task: tuple[str, str, str]) -> str:
    """Compile one kernel in a separate process, for Triton's cache on disk."""
    import torch

    from ogive.torch import _triton as kernels

    name, mode, fmt = task
    try:
        if mode == "rows":
            _warm_rows(getattr(torch, fmt), int(name))
        elif mode.startswith("gated"):
            x = torch.zeros(4096, dtype=getattr(torch, fmt), device="cuda")
            kernels.gated(name, mode[6:], (x,) * (2 if mode.endswith("value") else 3), ())
        else:
            x = torch.zeros(4096, dtype=getattr(torch, fmt), device="cuda")
            kernels.unary(name, mode, (x, x) if mode.startswith("back") else (x,), ())
    except Exception as error:
        return f"{task}: {error!r}"[:2000]
    return ""


def _warm_rows(dtype: Any, n: int) -> None:
    import torch

    from ogive.torch import _triton as kernels

    z = torch.zeros(2, n, dtype=dtype, device="cuda")
    for name in ("softmax", "softmin", "log_softmax", "logsumexp"):
        kernels.rows(name, "value", (z,))
        if name != "logsumexp":
            kernels.rows(name, "backward_from_output", (z, z))
    label = torch.zeros(2, dtype=torch.int64, device="cuda")
    for options in ROW_OPTIONS:
        kernels.cross_entropy(z, label, **options)


def warm() -> list[str]:
    """Compile every kernel, many in parallel; returns those that failed."""
    from ogive.catalog import names
    from ogive.torch._triton import elementwise

    formats = ("float32", *HALVES)
    tasks = [("32000", "rows", "float32"), ("128256", "rows", "float32")]
    tasks += [("32000", "rows", "bfloat16"), ("128256", "rows", "bfloat16")]
    tasks += [
        (name, mode, fmt)
        for name in names("unary")
        for mode in (*UNARY_MODES, "backward")
        for fmt in formats
        if elementwise.program(name, mode) is not None
    ]
    tasks += [
        (name, f"gated {mode}", fmt)
        for name in names("gated")
        for mode in ("value", "backward")
        for fmt in formats
    ]
    with multiprocessing.get_context("spawn").Pool(min(14, os.cpu_count() or 1)) as pool:
        return [error for error in pool.imap_unordered(_warm, tasks, chunksize=4) if error]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-references", type=Path)
    parser.add_argument("--references", type=Path)
    parser.add_argument("--json", type=Path, default=HERE / "cuda.json")
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cold", action="store_true", help="compile kernels when they are met")
    parser.add_argument("--only", choices=("accuracy", "bandwidth"))
    parser.add_argument("--page", action="store_true", help="write docs/cuda.md from the JSON")
    given = parser.parse_args()
    if given.page:
        PAGE.write_text(page(json.loads(given.json.read_text())))
        return
    if given.write_references:
        np.savez_compressed(given.write_references, **references())
        return
    result: dict[str, Any] = {"machine": machine()}
    start = time.time()
    result["failed"] = [] if given.cold else warm()
    print(f"compiled in {time.time() - start:.0f} s, {len(result['failed'])} failed", flush=True)
    for line in result["failed"][:5]:
        print(line, flush=True)
    if given.only != "bandwidth":
        refs = dict(np.load(given.references)) if given.references else references()
        try:
            result["accuracy"] = accuracy(refs)
        finally:
            given.json.write_text(json.dumps(result, indent=1))
        print(f"accuracy after {time.time() - start:.0f} s", flush=True)
    if given.only != "accuracy":
        result["bandwidth"] = []
        for row in bandwidth(given.size, given.rounds, HEAD_SHAPES):
            result["bandwidth"].append(row)
            print(
                f"{row['function']:20s} {row['mode']:20s} {row['format']:9s} "
                f"{row.get('shape', ''):11s} {row['gb_per_s']:6.0f} GB/s"
                f"  {row['of_copy']:.2f} of copy"
                f"  torch/ogive {row.get('torch_over_ogive', float('nan')):.2f}",
                flush=True,
            )
            given.json.write_text(json.dumps(result, indent=1))
    print(f"done after {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
