"""tools/swap_models.py judges swapped models as its page says, on a few of those that it builds."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import swap_models  # noqa: E402
from ogive.torch import _functional  # noqa: E402
from swap_zoo import transformers_model  # noqa: E402

MODELS = {
    "llama": "AutoModelForCausalLM", "bert": "AutoModelForMaskedLM",
    "resnet": "AutoModelForImageClassification",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("word", MODELS)
def test_models_of_transformers_are_as_they_should_be(word: str) -> None:
    found = swap_models.judged(partial(transformers_model, MODELS[word], word))
    assert swap_models.outcome(found) == ""
    assert set(found) == set(swap_models.WAYS)
    assert not found["functional"]["left"]
    fused = found["fused"]["changed"] - found["functional"]["changed"]
    gates = {"llama": 2}.get(word, 0)
    assert fused == gates + ("Image" not in MODELS[word])


@pytest.mark.filterwarnings("ignore")
def test_a_function_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = {**_functional.FUNCTIONS}
    softmax = wrong["softmax"]
    wrong["softmax"] = lambda *a, **k: softmax(*a, **k) * 1.001
    monkeypatch.setattr(_functional, "FUNCTIONS", wrong)
    found: Any = swap_models.judged(partial(transformers_model, MODELS["llama"], "llama"))
    assert "functional: outputs differ" in swap_models.outcome(found)
    assert "plain" not in swap_models.outcome(found)
    results = tmp_path / "results.jsonl"
    lines = [{"model": "timm: broken", "fault": "ValueError: no"}, {"model": "timm: a", **found}]
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = swap_models.page(results)
    assert "0 of 2 as they should be" in page
    assert "| broken | | | | | | **ValueError: no** |" in page
    assert "**functional: outputs differ" in page
