"""A program of a NumPy user. Type checkers must accept it, but for the lines marked as wrong."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import ogive
from ogive.catalog import Card

single: NDArray[np.float32] = np.ones((4, 3), np.float32)
double: NDArray[np.float64] = np.ones((4, 3))
whole: NDArray[np.int64] = np.arange(4)
shift: NDArray[np.float32] = np.ones(4, np.float32)
labels = np.array([0, 1, 2, 0])

# Values keep the format; a number gives a number; a list an array.
assert_type(ogive.gelu(single), NDArray[np.float32])
assert_type(ogive.gelu(double), NDArray[np.float64])
assert_type(ogive.gelu(1.5), np.float64)
assert_type(ogive.gelu(np.float32(1.5)), np.float32)
assert_type(ogive.gelu([1.0, 2.0]), NDArray[Any])
assert_type(ogive.gelu(whole), NDArray[Any])
assert_type(ogive.gelu(whole, out=single), NDArray[np.float32])
assert_type(ogive.gelu(double, dtype=np.float32, casting="same_kind"), NDArray[Any])
assert_type(ogive.gelu(single, where=single > 0), NDArray[np.float32])
assert_type(ogive.gelu.nin, int)
same_kind_of_object: np.ufunc = ogive.gelu

# Parameters have a type too, and may be arrays.
assert_type(ogive.leaky_relu(single, 0.1), NDArray[np.float32])
assert_type(ogive.leaky_relu(single, negative_slope=np.ones(3)), NDArray[np.float32])
assert_type(ogive.leaky_relu(1.0, 0.1), np.float64)
assert_type(ogive.leaky_relu(single, out=double), NDArray[np.float64])
assert_type(ogive.leaky_relu([1.0]), NDArray[Any])
assert_type(ogive.rrelu(single, training=True, seed=7), NDArray[np.float32])
assert_type(ogive.swiglu(single, single), NDArray[np.float32])

# Every mode.
assert_type(ogive.derivative.gelu(single), NDArray[np.float32])
assert_type(ogive.second_derivative.softplus(double, 2.0), NDArray[np.float64])
assert_type(ogive.backward.gelu(single, single), NDArray[np.float32])
assert_type(ogive.backward.elu(1.0, single, 1.5), NDArray[np.float32])
assert_type(ogive.backward_from_output.tanh(double, double), NDArray[np.float64])
pair = ogive.backward.swiglu(single, single, single)
assert_type(pair, tuple[NDArray[np.float32], NDArray[np.float32]])
of_one_weight = ogive.backward.prelu(single, single, 0.25)
assert_type(of_one_weight, tuple[NDArray[np.float32], np.float32])
of_weights = ogive.backward.prelu(single, single, np.ones(3))
assert_type(of_weights, tuple[NDArray[np.float32], NDArray[Any]])
y, mask = ogive.lean.gelu(single)
assert_type(mask, NDArray[np.uint8])
assert_type(ogive.lean_backward.gelu(single, y, mask), NDArray[np.float32])

# Rows.
assert_type(ogive.softmax(single, axis=0, temperature=2.0), NDArray[np.float32])
assert_type(ogive.softmax(single, where=single > 0, out=single), NDArray[np.float32])
assert_type(ogive.softmax([[1.0, 2.0]]), NDArray[Any])
assert_type(ogive.backward.softmax(double, double), NDArray[np.float64])
assert_type(ogive.jacobian.softmax(double), NDArray[np.float64])
assert_type(ogive.gumbel_softmax(single, hard=True, seed=1), NDArray[np.float32])

# Losses: one number, or one a row with reduction="none"; gradients in the format of the logits.
assert_type(ogive.cross_entropy(single, labels), np.float32)
assert_type(ogive.cross_entropy(single, labels, reduction="none"), NDArray[np.float32])
loss, dz = ogive.value_and_grad.cross_entropy(double, labels, label_smoothing=0.1, out=double)
assert_type(loss, np.float64)
assert_type(dz, NDArray[np.float64])
by_row = ogive.value_and_grad.focal(single, labels, reduction="none")
assert_type(by_row, tuple[NDArray[np.float32], NDArray[np.float32]])
thrice = ogive.value_grad_hess.binary_cross_entropy(double, double, hessian="abs")
assert_type(thrice, tuple[np.float64, NDArray[np.float64], NDArray[np.float64]])
_, (dx, dW, no_bias) = ogive.value_and_grad.linear_cross_entropy(single, single, labels)
assert_type(dW, NDArray[np.float32])
assert_type(no_bias, None)
_, (dx, dW, db) = ogive.value_and_grad.linear_cross_entropy(single, single, labels, shift)
assert_type(db, NDArray[np.float32])

# The catalog.
card = ogive.card("gelu")
assert_type(card, Card)
assert_type(card.name, str)
assert_type(ogive.catalog.names(), list[str])
assert_type(ogive.catalog("heads")[0].name, str)
assert_type(ogive.gain("relu"), float)
assert_type(ogive.get_num_threads(), int)
assert_type(ogive.objectives.xgboost("focal").name, str)

# What must not pass.
ogive.gelu(single, approximate="tanh")  # wrong: call-overload, reportCallIssue
ogive.leaky_relu(single, slope=0.1)  # wrong: call-overload, reportCallIssue
ogive.leaky_relu(single, "steep", dtyp=None)  # wrong: call-overload, reportCallIssue
ogive.gleu(single)  # wrong: attr-defined, reportAttributeAccessIssue
ogive.derivative.gleu(single)  # wrong: attr-defined, reportAttributeAccessIssue
ogive.derivative.hard_sigmoid(single, single, single)  # wrong: call-overload, reportCallIssue
ogive.cross_entropy(single, labels, reduction="avg")  # wrong: call-overload, reportArgumentType
ogive.softmax(single, dim=-1)  # wrong: call-overload, reportCallIssue
ogive.softmax(single, axis="last")  # wrong: call-overload, reportArgumentType
ogive.softmax(single, out=[0.0])  # wrong: call-overload, reportArgumentType
ogive.value_grad_hess.focal(double, labels, hessian="full")  # wrong: call-overload, reportCallIssue
ogive.card(3)  # wrong: arg-type, reportArgumentType
ogive.catalog("units")  # wrong: arg-type, reportArgumentType
