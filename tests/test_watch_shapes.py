"""Programs in the shapes that people train are watched unchanged: the same bits, no false finding,
a planted fault found.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

PROGRAMS = Path(__file__).with_name("programs")

DRIVER = """
import hashlib, io, json, os, shutil, sys
from contextlib import redirect_stdout
import torch
from ogive.watch import run_script
import runpy

def digest(value):
    "Of every tensor in what a program saved."
    if isinstance(value, torch.Tensor):
        kept = value.detach().float().contiguous().numpy()
        return [hashlib.sha256(kept.tobytes()).hexdigest()]
    if isinstance(value, dict):
        return [each for item in value.values() for each in digest(item)]
    return [each for item in value for each in digest(item)] if isinstance(value, list) else []

def ran(folder, script, words, watched, saved, after=None):
    shutil.copytree(after, folder) if after else os.makedirs(folder)
    os.chdir(folder)
    said = io.StringIO()
    sys.argv = [script, *words]
    with redirect_stdout(said):
        if watched:
            program = run_script(script, words)
            if program.error is not None:
                raise program.error
            report = json.loads(program.monitor.report().to_json())
        else:
            runpy.run_path(script, run_name="__main__")
            report = None
    if saved.endswith(".safetensors"):
        from safetensors.torch import load_file as load
    else:
        load = lambda path: torch.load(path, weights_only=True)
    os.chdir("..")
    return {"said": said.getvalue(), "bits": digest(load(os.path.join(folder, saved))),
            "report": report}

script, saved, runs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
out = sys.stdout
torch.set_num_threads(1)
found = [ran(name, script, words, watched, saved, *after) for name, words, watched, *after in runs]
print("FOUND" + json.dumps(found), file=out)
"""


def runs(folder: Path, script: str, saved: str, *each: tuple[Any, ...]) -> list[Any]:
    """What a program said, saved and was told, once for each folder, in one process.

    Each is a folder, the program's arguments, whether it is watched, and the folder that it goes on
    from, if any.
    """
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(PROGRAMS / script), saved, json.dumps(each)],
        cwd=folder, capture_output=True, text=True, timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TRANSFORMERS_VERBOSITY": "error"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.rpartition("FOUND")[2])
    return found


GLUE = [
    "--output_dir", ".", "--per_device_train_batch_size", "16", "--learning_rate", "1e-3",
    "--gradient_accumulation_steps", "2", "--bf16", "--dataloader_num_workers", "1",
    "--eval_strategy", "epoch", "--save_strategy", "epoch", "--report_to", "none", "--use_cpu",
    "--disable_tqdm", "True",
]  # fmt: skip

SHAPES: dict[str, tuple[str, list[str], list[str], str]] = {
    "cnn.py": ("mnist_cnn.pt", [], [], "wrong_head/probs_as_logits"),
    "resnet.py": (
        "checkpoint.pth", ["--amp"], ["--amp", "--resume", "checkpoint.pth", "--epochs", "3"],
        "wrong_head/softmax_twice",
    ),
    "gpt.py": (
        "ckpt.pt", [], ["--init_from=resume", "--max_iters=60"], "wrong_head/probs_as_logits"
    ),
    "glue.py": (
        "model.safetensors", [*GLUE, "--num_train_epochs", "2"],
        [*GLUE, "--num_train_epochs", "3", "--resume_from_checkpoint", "checkpoint-28"],
        "dead_unit",
    ),
    "vae.py": ("vae.pt", [], [], "wrong_head/target_range"),
    "word_lstm.py": ("model.pt", [], [], "wrong_head/softmax_twice"),
}  # fmt: skip
"""What a program saves, its arguments, those of a run that goes on, and the fault of --planted."""


def told(said: str) -> str:
    """What a program said, without the times in it."""
    return re.sub(r"'\w*(runtime|per_second)': '[^']*'", "", said)


@pytest.mark.parametrize("script", SHAPES)
def test_a_program_is_watched_unchanged(script: str, tmp_path: Path) -> None:
    if script == "glue.py":
        pytest.importorskip("transformers")
        pytest.importorskip("accelerate")
    saved, words, more, fault = SHAPES[script]
    planted = ["--planted=True"] if script == "gpt.py" else ["--planted"]
    resumed = [("on", more, False, "plain"), ("on_seen", more, True, "plain")] if more else []
    plain, seen, faulty, *on = runs(
        tmp_path, script, saved, ("plain", words, False), ("seen", words, True),
        ("faulty", [*words, *planted], True), *resumed,
    )  # fmt: skip
    if on:
        assert told(on[0]["said"]) == told(on[1]["said"])
        assert on[0]["bits"] == on[1]["bits"] != plain["bits"]
    assert told(plain["said"]) == told(seen["said"])
    assert plain["bits"] == seen["bits"]
    report = seen["report"]
    assert report["notes"] == []
    assert not report["unseen"], report["unseen"]
    assert [f for f in report["findings"] if f["severity"] == "error"] == []
    assert report["models"][0]["observed"] >= 10
    assert faulty["report"]["findings"][0]["fault"] == fault, faulty["report"]["findings"]
