"""A program of a PyTorch user. Type checkers must accept it, but for the lines marked as wrong."""

from typing import assert_type

import torch
from torch import Tensor

import ogive.torch
from ogive.torch import nn

x, labels = torch.ones(4, 3), torch.zeros(4, dtype=torch.long)

# Functions.
assert_type(ogive.torch.gelu(x), Tensor)
assert_type(ogive.torch.gelu(x, approximate="tanh", lean=True), Tensor)
assert_type(ogive.torch.leaky_relu(x, 0.1, inplace=True), Tensor)
assert_type(ogive.torch.relu_(x), Tensor)
assert_type(ogive.torch.squareplus(x, b=2.0, out=x), Tensor)
assert_type(ogive.torch.prelu(x, torch.ones(3)), Tensor)
assert_type(ogive.torch.rrelu(x, training=True, seed=3), Tensor)
assert_type(ogive.torch.swiglu(x), Tensor)
assert_type(ogive.torch.swiglu(x, x), Tensor)
assert_type(ogive.torch.softmax(x, dim=-1, temperature=0.5, where=x > 0), Tensor)
assert_type(ogive.torch.logsumexp(x, (0, 1), keepdim=True), Tensor)
assert_type(ogive.torch.gumbel_softmax(x, tau=0.5, hard=True), Tensor)
assert_type(ogive.torch.cross_entropy(x, labels, reduction="sum", dim=-1), Tensor)
assert_type(ogive.torch.sigmoid_focal(x, x, alpha=None), Tensor)
assert_type(ogive.torch.linear_cross_entropy(x, torch.ones(5, 3), labels, softcap=30.0), Tensor)

# Modules: what a call returns is what forward returns.
layer = nn.GELU(approximate="tanh")
assert_type(layer(x), Tensor)
assert_type(layer.forward(x), Tensor)
assert_type(nn.PReLU(3)(x), Tensor)
assert_type(nn.Softmax(dim=-1)(x), Tensor)
assert_type(nn.SwiGLU()(x, x), Tensor)
assert_type(nn.CrossEntropyLoss(label_smoothing=0.1)(x, labels), Tensor)
head = nn.LinearCrossEntropyLoss(3, 5, device="cpu", dtype=torch.float32)
assert_type(head(x, labels), Tensor)
a_module: torch.nn.Module = nn.LeakyReLU(0.1)
model = torch.nn.Sequential(torch.nn.Linear(3, 3), nn.ReLU())

# A model at once.
report = ogive.torch.swap(model, functional=True, lean=True)
assert_type(report, ogive.torch.Report)
assert_type(report.changed[0].path, str)
assert_type(report.kept, list[tuple[str, str]])
assert_type(report.model, torch.nn.Module)
ogive.torch.unswap(model)
assert_type(ogive.torch.init_(model), ogive.torch.InitReport)

# What must not pass.
ogive.torch.gleu(x)  # wrong: attr-defined, reportAttributeAccessIssue
ogive.torch.gelu(x, approximate="erf")  # wrong: arg-type, reportArgumentType
ogive.torch.silu(x, approximate="tanh")  # wrong: call-arg, reportCallIssue
ogive.torch.celu(x, alpha=None)  # wrong: arg-type, reportArgumentType
ogive.torch.cross_entropy(x, labels, reduction="avg")  # wrong: arg-type, reportArgumentType
ogive.torch.cross_entropy(x)  # wrong: call-arg, reportCallIssue
nn.GLEU()  # wrong: attr-defined, reportAttributeAccessIssue
nn.GELU(alpha=1.0)  # wrong: call-arg, reportCallIssue
nn.FocalLoss(reduction="avg")  # wrong: arg-type, reportArgumentType
layer(x, x)  # wrong: call-arg, reportCallIssue
ogive.torch.swap(x)  # wrong: arg-type, reportArgumentType
ogive.torch.swap(model, fused=True)  # wrong: call-arg, reportCallIssue
number: float = ogive.torch.tanh(x)  # wrong: assignment, reportAssignmentType
