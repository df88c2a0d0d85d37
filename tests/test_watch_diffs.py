"""A cure as a diff: made where the program has one place for it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogive.watch import Cost, Cure, Edit, Finding, Report, WatchError
from ogive.watch.diffs import diff, edited

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"

EDITS = {
    "a module": (
        "net = nn.Sequential(nn.Linear(2, 3), nn.Softmax(dim=1))\n",
        Edit(how="replace", calls={"Softmax": "Identity()"}),
        "net = nn.Sequential(nn.Linear(2, 3), nn.Identity())\n",
    ),
    "a function of a module": (
        "y = torch.softmax(net(x) / 2, 1)\n",
        Edit(how="unwrap", calls={"softmax": ""}),
        "y = (net(x) / 2)\n",
    ),
    "a method": (
        "y = net(x).softmax(1)\n",
        Edit(how="unwrap", calls={"softmax": ""}),
        "y = net(x)\n",
    ),
    "letters of several bytes before it": (
        "café = 'é'; y = F.sigmoid(net(x))  # ü\n",
        Edit(how="unwrap", calls={"sigmoid": ""}),
        "café = 'é'; y = net(x)  # ü\n",
    ),
    "a loss's class": (
        "criterion = nn.NLLLoss(reduction='sum')\n",
        Edit(how="rename", calls={"nll_loss": "cross_entropy", "NLLLoss": "CrossEntropyLoss"}),
        "criterion = nn.CrossEntropyLoss(reduction='sum')\n",
    ),
    "a rate by keyword": (
        "o = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=.9)\n",
        Edit(how="give", calls={"SGD": "lr=0.1"}),
        "o = torch.optim.SGD(net.parameters(), lr=0.1, momentum=.9)\n",
    ),
    "a rate by position": (
        "o = torch.optim.SGD(net.parameters(), 1.0)\n",
        Edit(how="give", calls={"SGD": "lr=0.1"}),
        "o = torch.optim.SGD(net.parameters(), lr=0.1)\n",
    ),
    "a rate that was left out": (
        "o = torch.optim.Adam(\n    net.parameters(),\n)\n",
        Edit(how="give", calls={"Adam": "lr=0.0001"}),
        "o = torch.optim.Adam(\n    net.parameters(),lr=0.0001)\n",
    ),
    "an argument of a call without any": (
        "criterion = nn.CrossEntropyLoss()\n",
        Edit(how="give", calls={"CrossEntropyLoss": "label_smoothing=0.1"}),
        "criterion = nn.CrossEntropyLoss(label_smoothing=0.1)\n",
    ),
    "lines before a statement": (
        "def main():\n    o = torch.optim.SGD(self.net.parameters(), 1)\n",
        Edit(how="before", calls={"SGD": "import ogive.torch\nogive.torch.init_({model})"}),
        "def main():\n    import ogive.torch\n    ogive.torch.init_(self.net)\n"
        "    o = torch.optim.SGD(self.net.parameters(), 1)\n",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_the_one_place_is_changed_and_nothing_else(name: str) -> None:
    source, edit, wanted = EDITS[name]
    assert edited(HEAD + source, edit) == HEAD + wanted
    compile(HEAD + wanted, "", "exec")


@pytest.mark.parametrize(
    ("source", "edit"),
    [
        ("a = torch.softmax(x, 1)\nb = torch.softmax(y, 1)\n", EDITS["a method"][1]),  # which?
        ("a = x\n", EDITS["a method"][1]),
        ("a = torch.softmax(*both)\n", EDITS["a method"][1]),
        ("from torch.nn import Softmax\nm = Softmax(1)\n", EDITS["a module"][1]),
        ("o = torch.optim.SGD(p, **options)\n", EDITS["a rate by keyword"][1]),
        ("o = torch.optim.SGD(a.parameters())\nb.parameters()\n",
         EDITS["lines before a statement"][1]),
        ("x = 1; o = torch.optim.SGD(a.parameters())\n", EDITS["lines before a statement"][1]),
        ("print 'old'\n", EDITS["a method"][1]),
    ],
)  # fmt: skip
def test_no_diff_is_made_where_the_place_is_not_certain(source: str, edit: Edit) -> None:
    assert edited(HEAD + source, edit) is None
    assert diff(HEAD + source, [edit], "train.py") == ""


def test_a_diff_is_made_of_all_edits_or_none() -> None:
    source = HEAD + "loss = F.nll_loss(torch.softmax(z, 1), y)"
    both = [EDITS["a loss's class"][1], EDITS["a method"][1]]
    made = diff(source, both, "train.py")
    assert made.splitlines()[:2] == ["--- train.py", "+++ train.py"]
    assert made.splitlines()[-4:] == [
        "-loss = F.nll_loss(torch.softmax(z, 1), y)", "\\ No newline at end of file",
        "+loss = F.cross_entropy(z, y)", "\\ No newline at end of file",
    ]  # fmt: skip
    assert diff(source, [*both, EDITS["a module"][1]], "train.py") == ""
    assert diff(source, [], "train.py") == ""


def report_of(*findings: Finding) -> Report:
    return Report(
        findings=findings, layers=(), progress=(), models=(), unseen=(),
        cost=Cost(every=1, seconds=0.0, total=0.0, bytes=0),
    )  # fmt: skip


def test_a_report_gives_the_diff_of_its_first_finding(tmp_path: Path) -> None:
    source, edit, _ = EDITS["a rate by position"]
    program = tmp_path / "train.py"
    program.write_text(HEAD + source)
    cure = Cure(words="Lower the learning rate.", code="", edits=(edit,))
    finding = Finding(fault="nan", severity="error", sentence="", cure=cure)
    report = report_of(finding)
    assert "+o = torch.optim.SGD(net.parameters(), lr=0.1)" in report.diff(program)
    assert program.read_text() == HEAD + source
    assert Report.from_dict(report.to_dict()) == report
    assert report_of().diff(program) == ""
    with pytest.raises(WatchError, match="cannot be read"):
        report.diff(tmp_path / "nothing.py")
