"""The explorer page in a browser: its numbers are the library's, its state is in the address, its
console is clean, and it is one file in two languages that needs no network.
"""

from __future__ import annotations

import base64
import html as entities
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2")
pytest.importorskip("sympy")

import ogive
import ogive.predict
import page_numbers
from html_reading import Elements
from ogive.catalog import find, names
from ogive.formula.curve import curves
from ogive.report import explorer, peer_values

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
CHECKS = Path(__file__).with_name("explorer_checks.js")
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
CURVES = [(find(name), way) for name in names() for way in range(len(curves(name)))]
GIVEN: dict[str, tuple[float, ...]] = {
    "leaky_relu": (0.3,), "elu": (1.7,), "celu": (0.4,), "softplus": (2.5,), "hardshrink": (1.25,),
    "squareplus": (0.5,), "hard_tanh": (-0.5, 2.0), "swiglu": (-2.5,), "softmax": (0.5,),
    "cross_entropy": (0.75, 0.1, 0.01, 2.0), "focal": (0.25, 1.0, 0.1), "entmax15": (2.0,),
    "sigmoid_focal": (0.5, 0.4, 3.0, 0.2),
}  # fmt: skip
"""Parameters other than the defaults, in the curve's order."""


@pytest.fixture(scope="module")
def page() -> str:
    return explorer.html()


def run(
    page: str, folder: Path, check: str, given: Any = None, hash_: str = "", size: str = "1280,900"
) -> Any:
    """What a function of explorer_checks.js returns in the page; the console must be clean."""
    ask = (
        f"{CHECKS.read_text()}\n(async () => {{ await later(1500);"
        f"const found = await CHECKS.{check}({json.dumps(given)});"
        'document.body.append(Object.assign(document.createElement("pre"),'
        '{ id: "result", textContent: JSON.stringify(found) })); })();'
    )
    path = folder / "page.html"
    path.write_text(page.replace("</body>", f"<script>{ask}</script></body>"), encoding="utf-8")
    assert CHROMIUM is not None
    shown = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            "--virtual-time-budget=60000", f"--window-size={size}", "--lang=en-US",
            f"--user-data-dir={folder / 'profile'}", "--dump-dom", path.as_uri() + hash_,
        ],
        capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    said = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    assert not said, said
    found = re.search(r'<pre id="result">(.*?)</pre>', shown.stdout, re.S)
    assert found, shown.stdout[-2000:]
    return json.loads(entities.unescape(found[1]))


def in_node(given: Any) -> Any:
    """What the page's programs compute outside a browser."""
    ask = f"console.log(JSON.stringify(CHECKS.curves({json.dumps(given)})));"
    done = subprocess.run(
        ["node", "-"],
        input="\n".join((explorer.programs(), CHECKS.read_text(), ask)),
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("where", ["chromium", "node"])
def test_every_curve_and_derivative_is_the_library_s(where: str, page: str, tmp_path: Path) -> None:
    if (CHROMIUM if where == "chromium" else shutil.which("node")) is None:
        pytest.skip(f"needs {where}")
    x = page_numbers.points()
    cases = [
        (card, way, values)
        for card, way in CURVES
        for values in (
            tuple(float(p.default) for p in curves(card.name)[way].parameters),
            *([GIVEN[card.name]] if card.name in GIVEN and way == 0 else []),
        )
    ]
    given = {
        "points": x.tolist(),
        "cases": [(card.name, way, values) for card, way, values in cases],
    }
    results = in_node(given) if where == "node" else run(page, tmp_path, "curves", given)
    for (card, way, values), text in zip(cases, results, strict=True):
        found = np.frombuffer(base64.b64decode(text), "<f8").reshape(-1, 3)
        due = page_numbers.of(card, curves(card.name)[way], x, values)
        for at, (key, exact) in enumerate(due.items()):
            # f'' of softsign is 2 over a cube, which overflows earlier
            said = f"{card.name} {way} {values} {key}"
            np.testing.assert_allclose(found[:, at], exact, rtol=2e-12, atol=1e-250, err_msg=said)


@in_a_browser
def test_gain_chi_and_moments_are_those_of_predict(page: str, tmp_path: Path) -> None:
    some = ("relu", "gelu", "tanh", "hardshrink", "selu", "hard_sigmoid", "threshold")
    variances = (0.25, 1.0, 4.0)
    results = run(page, tmp_path, "moments", {"names": some, "variances": variances})
    for name, found in zip(some, results, strict=True):
        for v, here in zip(variances, found, strict=True):
            due = ogive.predict.moments(name, v)
            assert here["square"] == pytest.approx(due.square, rel=1e-9), (name, v)
            assert here["mean"] == pytest.approx(due.mean, rel=1e-9, abs=1e-12), (name, v)
            assert here["slope"] == pytest.approx(due.slope_square, rel=1e-9), (name, v)
            assert here["chi"] == pytest.approx(v / due.square * due.slope_square, rel=1e-9)
        assert found[1]["gain"] == pytest.approx(ogive.gain(name), rel=1e-9)


@in_a_browser
def test_errors_of_peers_are_in_units_of_float32(page: str, tmp_path: Path) -> None:
    found = run(page, tmp_path, "errors")
    numbers = np.array([1, 0.1, -3, 1e-45, 2.0**-126], np.float32)
    assert found["spacings"] == np.abs(np.spacing(numbers)).astype(float).tolist()
    assert found["one"] == [0, 1, 1]
    assert found["lost"]
    assert found["overflow"]
    exact = abs(float(ogive.gelu(np.float64(-10))))
    recorded, error = found["gelu"]
    assert recorded == 0
    assert error == pytest.approx(exact / float(np.spacing(np.float32(exact))), rel=1e-9)


@in_a_browser
def test_the_address_holds_the_state(page: str, tmp_path: Path) -> None:
    state = "x=-3:9&y=-2:5&s=wide&d=02&peers=1&at=2.5&v=4&lang=zh&theme=dark"
    hash_ = f"#f=elu:alpha=2~swiglu!1:b=3~gelu&{state}"
    broken = "#f=nothing~relu:alpha=x~elu:alpha=NaN&x=5:1&y=a:b&d=9&v=-1&lang=xx&s=toString"
    given, mended = run(page, tmp_path, "address", {"next": broken}, hash_)
    assert given["hash"] == hash_
    assert (given["lang"], given["theme"]) == ("zh-CN", "dark")
    assert given["names"] == ["elu", "swiglu", "gelu"]
    assert given["values"] == [[2], [3], []]
    assert "曲线" in given["title"]
    assert mended["names"] == ["relu", "elu"]
    assert mended["values"] == [[], [1]]
    assert mended["hash"] == "#f=relu~elu"


@in_a_browser
def test_search_overlay_sliders_keys_and_language_work(page: str, tmp_path: Path) -> None:
    found = run(page, tmp_path, "controls")
    assert found["all"] == len(names())
    assert found["first"] == 3
    assert "silu" in found["swish"]
    assert "relu" not in found["swish"]
    assert found["four"] == [["gelu", "elu", "tanh", "relu"], 12]
    assert found["alpha"] == pytest.approx(1.5, abs=0.03)
    assert found["without"] == 8
    assert found["log"] is True
    assert found["gains"] == sorted(found["gains"])
    assert found["errors"]
    assert found["moved"]
    assert found["next"]
    assert found["zh"] == "Ogive 曲线浏览器"


@in_a_browser
def test_python_that_is_copied_draws_the_curve(page: str, tmp_path: Path) -> None:
    for name, program in run(page, tmp_path, "programs", {"torch": False}):
        space: dict[str, Any] = {}
        exec(program, space)
        y = np.asarray(space["y"])
        due = curves(name)[0]
        assert y.shape[0] == 1201, program
        if find(name).kind == "unary":
            defaults = [float(p.default) for p in due.parameters]
            exact = page_numbers.of(find(name), due, space["x"], defaults)
            np.testing.assert_array_equal(space["slope"], exact["f'"], err_msg=program)


@in_a_browser
def test_a_phone_scrolls_down_only(page: str, tmp_path: Path) -> None:
    # No window of this browser is narrower than 500.
    wide, window = run(page, tmp_path, "width", size="500,900")
    assert wide <= window


def test_the_page_is_small_and_fetches_nothing(page: str, tmp_path: Path) -> None:
    explorer.write(tmp_path / "page.html", "relu", "zh")
    assert (tmp_path / "page.html").stat().st_size < 500_000
    for tag, attributes in Elements(page).found:
        for key in ("src", "href", "action", "data", "poster", "srcset"):
            target = attributes.get(key)
            assert not target or target.startswith(("#", "data:")), (tag, key, target)
    assert not re.search(r"url\((?!#)", page)
    for word in ("@import", "fetch(", "XMLHttpRequest", "import(", "WebSocket"):
        assert word not in page


def test_without_a_script_the_page_says_what_every_card_says(page: str) -> None:
    static = page.split('<details id="as-text" open>')[1].split("</details>")[0]
    text = Elements(static).text
    for card in map(find, names()):
        for said in (card.summary, card.edges, card.notes, *(p.differs for p in card.peers)):
            assert said in text, card.name
        assert "<math" in static.split(f'id="formula-{card.name}"')[1].split("</div>")[0]


def keys(name: str) -> Iterator[tuple[str, Any]]:
    folder = Path(explorer.__file__).parent / "templates"
    yield from json.loads((folder / name).read_text(encoding="utf-8")).items()


def test_both_languages_say_everything(page: str) -> None:
    texts = dict(keys("explorer_text.json"))
    assert set(texts) == {"en", "zh"}
    assert set(texts["en"]) == set(texts["zh"])
    for key, words in texts["en"].items():
        assert words.count("{}") == texts["zh"][key].count("{}"), key
        assert words.strip()
    asked = set(re.findall(r'say\("(\w+)"', page)) | set(
        re.findall(r'data-(?:say|label)="(\w+)"', page)
    )
    assert asked <= set(texts["en"])
    summaries = dict(keys("explorer_zh.json"))
    assert set(summaries) <= set(names())
    assert all(re.search("[一-鿿]", words) for words in summaries.values())


def test_recorded_values_belong_to_the_cards_peers() -> None:
    found = peer_values.recorded()
    count = len(base64.b64decode(found["points"])) // 4
    for name, calls in found["peers"].items():
        frameworks = {p.framework for p in find(name).peers}
        for each in calls:
            assert each["framework"] in frameworks
            assert each["framework"] in found["versions"]
            assert len(base64.b64decode(each["f"])) == 4 * count


def test_the_recorded_calls_are_those_that_the_cards_name() -> None:
    for package in ("jax", "scipy", "torch"):
        pytest.importorskip(package)
    import record_peers  # tools/record_peers.py

    assert peer_values.recorded()["peers"].keys() == {
        name for name in names() if record_peers.calls(find(name))
    }
    for name, found in peer_values.recorded()["peers"].items():
        assert [each["call"] for each in found] == record_peers.calls(find(name))


@pytest.mark.parametrize(("first", "language"), [("gelu", "fr"), ("gellu", "en")])
def test_a_wrong_function_or_language_is_named(first: str, language: str) -> None:
    with pytest.raises(ValueError, match=r"gellu|'fr'"):
        explorer.html(first, language)
