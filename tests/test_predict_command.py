"""`ogive predict` says, draws and writes what the library predicts, or one line of error."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ogive import cli
from ogive.predict import attention_logits, compare, network
from ogive.report import predict_page, predict_terminal
from ogive.report.writer import REPORT_LIMIT
from pages import Tables


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: str, code: int = 0):
    result = CliRunner().invoke(cli.app, ["predict", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_every_option_of_the_command_enters_its_json():
    given = ["--activation", "tanh, leaky_relu(negative_slope=0.3)", "--depth", "4"]
    given += ["--init", "gain,1.5", "--bias-std", "0.1", "--width", "32", "--json", "p.json"]
    said = invoke(*given)
    found = json.loads(Path("p.json").read_text())
    asked = [("tanh", {}), ("leaky_relu", {"negative_slope": 0.3})]
    compared = compare(asked, 4, inits=("gain", "1.5"), bias_std=0.1, width=32)
    assert found == json.loads(compared.to_json())
    right = [
        network(name, 4, init=init, bias_std=0.1, width=32, **options).to_dict()
        for name, options in asked
        for init in ("gain", 1.5)
    ]
    assert found["networks"] == json.loads(json.dumps(right))
    words = " ".join(said.stdout.split())
    for each in (*compared.networks, *compared.advice, *compared.edges):
        sentence = getattr(each, "sentence", None) or getattr(each, "why", None) or each.reason
        assert " ".join(sentence.split()) in words
    assert all(advice.line in said.stdout for advice in compared.advice)
    assert said.stdout.splitlines()[-1] == "JSON: p.json"
    assert [path.name for path in Path().iterdir()] == ["p.json"]
    alone = json.loads(compare([("relu", {})], 3).to_json())
    assert [each["init"] for each in alone["networks"]] == ["he"]


def test_residual_blocks_stand_beside_the_layers_where_they_are_asked_for():
    given = ["--activation", "relu,leaky_relu(negative_slope=0.5)", "--depth", "16", "--init", "he"]
    said = invoke(*given, "--bias-std", "0.5", "--residual", "--json", "p.json", "--html", "p.html")
    found = json.loads(Path("p.json").read_text())
    assert len(found["residuals"]) == 2 * 3 * 4
    page = Path("p.html").read_text()
    for block in found["residuals"]:
        if block["norm"] == "none" and block["branch_scale"] == "1/sqrt(L)":
            # He: K grows by its slopes' mean square and the gradient as much.
            factor = 1 + (1 if block["activation"] == "relu" else 1 + 0.5**2) / 16
            k = 1.0
            for _ in range(16):
                k = k * factor + 0.5**2 / 16
            assert block["mean_square"][-1] == pytest.approx(k, rel=1e-12)
            ratio = 8 * math.log10(factor)
            assert block["log10_gradient_ratio"] == pytest.approx(ratio, rel=1e-12)
            assert f"1 → {k:.3g}" in said.stdout
            assert f"1 → {k:.3g}" in page
    names = ("relu, he", "leaky_relu(negative_slope=0.5), he")
    assert all(f"16 residual blocks of {name}\n" in said.stdout for name in names)
    assert "With residual blocks" in page
    without = invoke(*given, "--json", "q.json", "--html", "q.html")
    assert "residual" not in without.stdout + Path("q.json").read_text()
    assert "With residual blocks" not in Path("q.html").read_text()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_terminal_draws_each_network_within_its_width(width):
    found = [network(name, 12, init="torch") for name in ("gelu", "exp", "relu")]
    console = Console(width=width, record=True, file=open("out.txt", "w"))  # noqa: SIM115
    predict_terminal.show(found, console)
    console.file.close()
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    assert any("⠤" in line or "⠉" in line or "⣀" in line for line in lines)
    assert "∞" in "".join(lines)  # exp overflows


def test_attention_logits_are_shown_for_each_initialisation_once():
    given = ("--activation", "gelu,tanh", "--depth", "4", "--init", "he,torch,gain")
    said = invoke(*given, "--attention", "64,128", "--json", "p.json", "--html", "p.html")
    found = json.loads(Path("p.json").read_text())["attention"]
    assert [each["std"] for each in found[:2]] == pytest.approx([2, 1 / 3], rel=1e-12)
    exact = attention_logits(64, 128, query_variance=2, key_variance=2)
    assert found[0] == {"head_dim": 64, "tokens": 128, "std": 2.0, "maximum": exact.maximum}
    lines = said.stdout.partition("Attention logits")[2].splitlines()
    rows = [line.split() for line in lines if " 64 " in line]
    assert [row[0] for row in rows] == ["he", "torch", "gelu,", "tanh,"]
    assert rows[0][1:] == ["64", "128", "2", f"{exact.maximum:.3g}"]
    assert "Attention logits" in Tables(Path("p.html").read_text()).text


def test_the_page_is_one_offline_file_with_every_number():
    compared = compare([("gelu", {}), ("exp", {}), ("relu", {})], 30, inits=("he", "torch"))
    predict_page.write(compared, "page.html")
    text = Path("page.html").read_text()
    assert len(text.encode()) < REPORT_LIMIT
    assert "http://" not in text.replace("http://www.w3.org", "")
    shown = " ".join(Tables(text).text.split())
    for each in compared.networks:
        assert " ".join(each.sentence.split()) in shown
    for advice in compared.advice:
        assert advice.line in shown
    for chart in ("gradient", "signal", "correlation", "map"):
        assert f'data-chart="{chart}"' in text
    rows = predict_page.layer_table(compared.networks[0]).rows
    assert len(rows) == 31
    assert rows[-1][:2] == ("30", predict_page.number(compared.networks[0].mean_square[-1], 4))


def test_the_map_places_networks_and_edges_where_they_are():
    compared = compare([("tanh", {})], 5, inits=("he",), bias_std=0.2)
    chart = predict_page.edge_map(compared)
    columns = [dict(r.data_source.data) for r in chart.plot.renderers]
    (standing,) = [c for c in columns if "text" in c and "names" in c][:1]
    assert (standing["x"][0], standing["y"][0]) == pytest.approx((math.sqrt(2), 0.2), rel=1e-6)
    curve = columns[0]
    assert min(curve["x"]) == pytest.approx(1.0, abs=1e-3)
    assert len(curve["x"]) > 50


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--depth", "0"), "depth must be a whole number of at least 1, not 0"),
        (("--init", "hee"), "did you mean he?"),
        (("--init", "-1"), "a positive number"),
        (("--init", ","), "take one name at least"),
        (("--activation", "gellu"), "did you mean gelu"),
        (("--activation", "softmax"), "softmax is not a unary function"),
        (("--activation", "elu(alpha)"), "write parameters as name=number"),
        (("--activation", "elu(beta=1)"), "elu has no parameter 'beta'"),
        (("--bias-std", "nan"), "bias_std must be a finite number"),
        (("--width", "0"), "width must be a whole number"),
        (("--html", "absent/p.html"), "cannot write absent/p.html: there is no folder"),
        (("--json", "."), "cannot write .: is a directory"),
        (("--input", "3,4"), "--input belongs to a model"),
        (("m.py:build", "--input", "3", "--residual"), "--residual is for networks of equal"),
        (("--attention", "64"), "--attention takes two numbers"),
        (("--attention", "64,x"), "--attention takes entries of a head and tokens, such as"),
        (("--widths", "8,16"), "--widths belongs to a model"),
        (("m.py:build", "--input", "3", "--widths", "8", "--html", "p.html"), "has no page"),
        (("m.py:build", "--input", "3"), "m.py: no such file"),
        (("m.py", "--input", "3"), "write FILE.py:FUNCTION"),
        (("m.py:build",), "--input takes the shape"),
        (("m.py:build", "--input", "3,x"), "--input takes the shape"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2_and_nothing_is_written(arguments, line):
    found = invoke(*arguments, code=2)
    assert found.stdout == ""
    assert line in found.stderr
    assert found.stderr.startswith("ogive: ")
    assert found.stderr.count("\n") == 1
    assert list(Path().iterdir()) == []


MODEL = """
import torch
def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(12, 30), torch.nn.Tanh(), torch.nn.Linear(30, 2))
def words():
    return torch.nn.Sequential(torch.nn.Embedding(9, 4), torch.nn.Linear(4, 2))
def empty():
    return torch.nn.ReLU()
def nothing():
    return None
def broken():
    raise KeyError("absent")
"""


def test_a_model_is_predicted_from_its_file():
    pytest.importorskip("torch")
    Path("m.py").write_text(MODEL)
    said = invoke("m.py:build", "--input", "40,12", "--json", "m.json", "--html", "m.html")
    found = json.loads(Path("m.json").read_text())
    assert [line["path"] for line in found["lines"]] == ["", "0", "1", "2"]
    assert found["sentence"] in " ".join(said.stdout.split())
    shown = Tables(Path("m.html").read_text()).text
    assert found["sentence"] in " ".join(shown.split())
    assert "Linear(in_features=12, out_features=30, bias=True)" in shown
    assert len(Path("m.html").read_text().encode()) < REPORT_LIMIT
    invoke("m.py:words", "--input", "5,7")
    for target, line in (
        ("m.py:empty", "ReLU has no parameters"),
        ("m.py:nothing", "returns no torch.nn.Module"),
        ("m.py:broken", "KeyError: 'absent'"),
        ("m.py:absent", "no function absent; it has build"),
    ):
        wrong = invoke(target, "--input", "4,12", code=2)
        assert line in wrong.stderr
        assert wrong.stderr.count("\n") == 1
    assert "RuntimeError" in invoke("m.py:build", "--input", "4,13", code=2).stderr


def test_a_coordinate_check_is_made_of_a_function_that_takes_a_width():
    pytest.importorskip("torch")
    Path("m.py").write_text("""
import torch
def build(width):
    return torch.nn.Sequential(torch.nn.Linear(8, width), torch.nn.Linear(width, 1))
""")
    given = ("m.py:build", "--input", "16,8", "--widths", "64,256,1024", "--json", "m.json")
    said = invoke(*given)
    found = json.loads(Path("m.json").read_text())
    assert found["widths"] == [64, 256, 1024]
    assert [row["layer"] for row in found["rows"]] == ["0", "1"]
    assert abs(found["rows"][0]["size_exponent"]) < 0.1
    # Adam moves each of the width's entries by its rate: the last layer's output moves with it.
    assert found["rows"][1]["update_exponent"] > 0.5
    assert "1024" in said.stdout
    assert "carry over" in said.stdout
    wrong = invoke("m.py:build", "--input", "16,8", "--widths", "64", code=2)
    assert "two different whole numbers" in wrong.stderr
    wrong = invoke("m.py:build", "--input", "16,8", code=2)
    assert "missing 1 required positional argument" in wrong.stderr
