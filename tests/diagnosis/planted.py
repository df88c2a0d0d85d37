"""Trainings with one planted fault each, by fault; `sound` takes it away."""

from __future__ import annotations

from .plan import Plan

RAW = "x = raw.clone()"
PLUS_MINUS = "y = 2 * y - 1"


def dead() -> list[Plan]:
    bias = "nn.init.constant_(model.layers[1].bias, -6.0)"
    channels = "nn.init.constant_(model.convs[0].bias, -8.0)"
    blocks = "[nn.init.constant_(down.bias, -12.0) for down in model.downs]"
    tokens = "[nn.init.constant_(block.up.bias, -12.0) for block in model.blocks]"
    return [
        Plan(name="rate 30 times too large", fault="dead_unit", optimizer="SGD", rate=3.0,
             prepare=("x = raw / 16 - 0.3",), how="rate 3 with momentum",
             sound={"rate": 0.1}),
        Plan(name="biases of a layer at -6", fault="dead_unit", style="functional", gain=1.4142,
             edits=(bias,), how=bias, sound={"edits": ()}),
        Plan(name="channels' biases at -8", fault="dead_unit", net="cnn", steps=200, rate=3e-3,
             style="in-place",
             width=8, depth=2, edits=(channels,), how=channels, sound={"edits": ()}),
        Plan(name="branches of a residual network off", fault="dead_unit", net="residual",
             style="methods", norm="pre", depth=4, edits=(blocks,), how=blocks,
             sound={"edits": ()}),
        Plan(name="data far off centre", fault="dead_unit", style="reused", data="cancer",
             outputs=2, prepare=("x = x - 40",), optimizer="SGD", rate=0.03, gain=1.4142,
             how="the rows' mean is -40", sound={"prepare": ()}),
        Plan(name="units of a transformer off", fault="dead_unit", net="transformer", steps=150,
             rate=3e-3,
             style="functional", depth=2, width=32, edits=(tokens,), how=tokens,
             sound={"edits": ()}),
        Plan(name="Adam at 0.5", fault="dead_unit", style="methods", rate=0.5, depth=4,
             how="rate 0.5", sound={"rate": 1e-3}),
    ]  # fmt: skip


def dormant() -> list[Plan]:
    gelu = "nn.init.constant_(model.layers[1].bias[:40], -9.0)"
    rows = (
        "model.layers[1].weight[:50] *= 1e-3; model.layers[1].bias[:50] *= 1e-3; "
        "model.layers[2].weight[:, :50] *= 1e-3"
    )
    silu = "nn.init.constant_(model.convs[1].bias[:10], -14.0)"
    return [
        Plan(name="GELUs far below 0", fault="dormant_unit", style="functional", act="gelu",
             edits=(gelu,), how=gelu, sound={"edits": ()}),
        Plan(name="rows of weights near 0", fault="dormant_unit", act="tanh", edits=(rows,),
             optimizer="SGD", rate=0.01, how=rows, sound={"edits": ()}),
        Plan(name="SiLU channels far below 0", fault="dormant_unit", net="cnn", steps=200,
             rate=3e-3, style="in-place",
             act="silu", width=16, depth=2, edits=(silu,), how=silu, sound={"edits": ()}),
    ]  # fmt: skip


def saturated() -> list[Plan]:
    gates = "model.rnn.bias_ih_l0 += 8"
    return [
        Plan(name="raw columns into sigmoids", fault="saturated_unit", data="cancer", act="sigmoid",
             depth=2, outputs=1, loss="binary_cross_entropy_with_logits", prepare=(RAW,),
             how="the table as it is in the file", sound={"prepare": ()}),
        Plan(name="tanh with a gain of 60", fault="saturated_unit", style="methods", act="tanh",
             gain=60.0, optimizer="SGD", rate=0.01, how="gain 60", sound={"gain": 1.0}),
        Plan(name="tanh at rate 3", fault="saturated_unit", style="functional", act="tanh",
             optimizer="SGD", rate=3.0, depth=3, how="rate 3 with momentum",
             sound={"rate": 0.03}),
        Plan(name="gates of an LSTM at their ends", fault="saturated_unit", net="lstm", steps=200,
             rate=1e-2, depth=1,
             width=32, edits=(gates,), how=gates, sound={"edits": ()}),
        Plan(name="bright images into a tanh network", fault="saturated_unit", net="cnn", steps=200,
             style="in-place", act="tanh", width=8, depth=2,
             prepare=("x = 30 * raw + 100",), optimizer="SGD", rate=0.01,
             how="pixels from 100 to 580", sound={"prepare": ()}),
        Plan(name="hard sigmoids with a gain of 300", fault="saturated_unit", act="hard_sigmoid",
             style="reused", gain=300.0, depth=2, optimizer="SGD", rate=0.01, how="gain 300",
             sound={"gain": 3.0, "rate": 0.05}),
    ]  # fmt: skip


def vanishing() -> list[Plan]:
    slow = {"optimizer": "SGD", "rate": 0.05}
    return [
        Plan(name="eight layers of sigmoids", fault="vanishing_gradient", act="sigmoid", depth=8,
             how="sigmoid, 8 layers, torch's weights", **slow,
             sound={"act": "relu", "gain": 1.4142, "rate": 0.02}),
        Plan(name="ReLU with a gain of 0.14", fault="vanishing_gradient", style="functional",
             depth=8, gain=0.14, how="gain 0.14", **slow, sound={"gain": 1.4142, "rate": 0.02}),
        Plan(name="GELU in 14 layers", fault="vanishing_gradient", style="reused", act="gelu",
             depth=14, how="torch's weights, 14 layers", **slow,
             sound={"gain": 1.5335, "rate": 0.01}),
        Plan(name="tanh with a gain of 0.2", fault="vanishing_gradient", style="in-place",
             act="tanh", depth=8, gain=0.2, how="gain 0.2", **slow, sound={"gain": 1.0}),
        Plan(name="convolutions with a gain of 0.2", fault="vanishing_gradient", net="cnn",
             steps=200,
             style="methods", depth=7, width=8, gain=0.2, how="gain 0.2", **slow,
             sound={"gain": 1.4142, "rate": 0.02}),
        Plan(name="sigmoids under Adam", fault="vanishing_gradient", style="methods",
             act="sigmoid", depth=12, how="sigmoid, 12 layers", sound={"act": "relu",
             "gain": 1.4142}),
    ]  # fmt: skip


def exploding() -> list[Plan]:
    slow = {"optimizer": "SGD", "rate": 0.01}
    return [
        Plan(name="ReLU with a gain of 4.2", fault="exploding_gradient", depth=10, gain=4.2,
             how="gain 4.2", **slow, sound={"gain": 1.4142}),
        Plan(name="leaky ReLU with a gain of 3.5", fault="exploding_gradient", style="functional",
             act="leaky_relu", depth=12, gain=3.5, how="gain 3.5", **slow,
             sound={"gain": 1.4142}),
        Plan(name="convolutions with a gain of 5", fault="exploding_gradient", net="cnn", steps=200,
             style="in-place", depth=7, width=8, gain=5.0, how="gain 5", **slow,
             sound={"gain": 1.4142}),
        Plan(name="ELU with a gain of 3", fault="exploding_gradient", style="reused", act="elu",
             depth=12, gain=3.0, how="gain 3", **slow, sound={"gain": 1.2452}),
        Plan(name="sums of large branches", fault="exploding_gradient", net="residual",
             style="methods", depth=10, gain=2.4, how="gain 2.4, no norm", **slow,
             sound={"gain": 1.4142, "norm": "pre"}),
    ]  # fmt: skip


def drift() -> list[Plan]:
    return [
        Plan(name="sums without a norm", fault="magnitude_drift", net="residual", depth=12,
             style="functional", gain=1.4142, optimizer="SGD", rate=0.02,
             how="12 blocks add up, no norm", sound={"norm": "pre"}),
        Plan(name="ReLU with a gain of 2.4", fault="magnitude_drift", depth=8, gain=2.4,
             optimizer="SGD", rate=0.001, how="gain 2.4", sound={"gain": 1.4142}),
        Plan(name="ReLU with a gain of 0.9", fault="magnitude_drift", style="in-place", depth=8,
             gain=0.85, optimizer="SGD", rate=0.003, how="gain 0.85",
             sound={"gain": 1.4142, "rate": 0.02}),
    ]  # fmt: skip


def off_centre() -> list[Plan]:
    return [
        Plan(name="a large common mean", fault="not_centred", data="wine", outputs=3,
             style="functional", act="tanh", prepare=("x = x / 20 + 3",), depth=2,
             optimizer="SGD", rate=0.003, gain=0.2, how="rows share a mean of 3, spread 0.05",
             sound={"prepare": (), "gain": 1.0}),
        Plan(name="softplus in four layers", fault="not_centred", style="functional",
             act="softplus", depth=4, optimizer="SGD", rate=0.002, steps=200,
             how="softplus, 4 layers, torch's weights", sound={"act": "relu", "gain": 1.4142,
             "rate": 0.02}),
        Plan(name="sigmoids in two layers", fault="not_centred", style="methods",
             act="sigmoid", depth=2, optimizer="SGD", rate=0.003,
             how="sigmoid, 2 layers, torch's weights", sound={"act": "tanh", "gain": 1.0,
             "rate": 0.01}),
    ]  # fmt: skip


def heads() -> list[Plan]:
    one, twice = "wrong_head/one_unit_softmax", "wrong_head/softmax_twice"
    probs, out = "wrong_head/probs_as_logits", "wrong_head/target_range"
    plain: dict[str, object] = {"head": ()}
    binary = {"data": "cancer", "outputs": 1}
    logits = {"loss": "binary_cross_entropy_with_logits", "head": ()}
    return [
        Plan(name="nn.Softmax over one output", fault=one, **binary, head=("softmax",), depth=2,
             loss="binary_cross_entropy", how="softmax of one output", sound=logits),
        Plan(name="F.softmax over one output, squared loss", fault=one, **binary, depth=2,
             style="functional", head=("softmax",), loss="mse_loss",
             prepare=("y = y.float()",), how="softmax of one output", sound={"head": ("sigmoid",)}),
        Plan(name="z.softmax(1) over one output of a GRU", fault=one, net="gru", steps=200,
             rate=1e-2, depth=1, width=32,
             style="methods", outputs=1, head=("softmax",), loss="binary_cross_entropy",
             prepare=("y = (y > 4).long()",), how="softmax of one output", sound=logits),
        Plan(name="cross-entropy of one output", fault=one, **binary, depth=2, style="in-place",
             loss="cross_entropy of floats", how="a loss over classes, and one output",
             sound={"loss": "binary_cross_entropy_with_logits"}),
        Plan(name="nn.Softmax before CrossEntropyLoss", fault=twice, head=("softmax",),
             loss="CrossEntropyLoss", depth=2, how="softmax twice", sound=plain),
        Plan(name="F.softmax before cross_entropy, CNN", fault=twice, net="cnn", steps=200,
             rate=3e-3, style="functional",
             width=8, depth=2, head=("softmax",), how="softmax twice", sound=plain),
        Plan(name="z.softmax(1) before cross_entropy, transformer", fault=twice,
             net="transformer", steps=150, rate=3e-3, style="methods", depth=2, width=32,
             head=("softmax",),
             how="softmax twice", sound=plain),
        Plan(name="a softmax by hand before cross_entropy", fault=twice, style="functional",
             depth=2, head=("softmax_by_hand",), how="exp / sum, then softmax", sound=plain),
        Plan(name="sigmoid before BCEWithLogitsLoss", fault=twice, **binary, depth=2,
             style="in-place", head=("sigmoid",), loss="BCEWithLogitsLoss", how="sigmoid twice",
             sound=plain),
        Plan(name="softmax before nll_loss", fault=probs, net="lstm", steps=200, rate=1e-2,
             depth=1, width=32,
             style="functional", head=("softmax",), loss="nll_loss",
             how="probabilities for log-probabilities", sound={"head": ("log_softmax",)}),
        Plan(name="logits into NLLLoss", fault=probs, style="reused", depth=2, loss="NLLLoss",
             how="logits for log-probabilities", sound={"head": ("log_softmax",)}),
        Plan(name="sigmoids before cross_entropy", fault=probs, style="methods", depth=2,
             head=("sigmoid",), how="probabilities for logits", sound=plain),
        Plan(name="softmax before BCE with logits", fault=probs, net="residual", norm="pre",
             depth=2, style="functional", head=("softmax",), loss="one_hot_with_logits",
             how="probabilities for logits", sound=plain),
        Plan(name="nn.ReLU at the end of a regression", fault=out, data="diabetes", outputs=1,
             depth=2, act="tanh", head=("relu",), loss="MSELoss", how="targets below 0",
             sound=plain),
        Plan(name="torch.sigmoid at the end of a regression", fault=out, data="diabetes",
             outputs=1, depth=2, style="functional", head=("sigmoid",), loss="l1_loss",
             prepare=("y = 80 * y + 150",), rate=1e-2, how="targets of 150", sound={"head": (),
             "prepare": ()}),
        Plan(name="labels of -1 and 1", fault=out, **binary, depth=2, style="reused",
             loss="binary_cross_entropy_with_logits", prepare=(PLUS_MINUS,),
             how="-1 for 0", sound={"prepare": ()}),
        Plan(name="tanh before cross_entropy", fault=out, net="cnn", steps=200, rate=3e-3,
             style="in-place", width=8,
             depth=2, head=("tanh",), how="logits between -1 and 1", sound=plain),
        Plan(name="ReLU before BCE with logits", fault=out, **binary, depth=2, style="methods",
             head=("relu",), loss="binary_cross_entropy_with_logits", how="logits above 0",
             sound=plain),
        Plan(name="tanh output, pixels from 0 to 16", fault=out, net="autoencoder", width=16,
             style="functional", head=("tanh",), outputs=64, loss="mse_loss",
             prepare=("x = raw.clone()", "y = x"), how="targets up to 16", sound={"head": ()}),
        Plan(name="classes counted from 1", fault=out, depth=2, prepare=("y = y + 1",),
             how="labels 1 to 10", sound={"prepare": ()}),
    ]  # fmt: skip


def structure() -> list[Plan]:
    fault = "missing_activation"
    return [
        Plan(name="two nn.Linear in a row", fault=fault, depth=3, gaps=(1,),
             how="no activation after the second layer", sound={"gaps": ()}),
        Plan(name="two convolutions in a row", fault=fault, net="cnn", steps=200, rate=3e-3,
             style="functional", depth=3,
             width=8, gaps=(0,), how="no activation after the first layer", sound={"gaps": ()}),
        Plan(name="a network that is one linear map", fault=fault, style="methods", data="digits",
             depth=2, gaps=(0, 1), how="no activation at all", sound={"gaps": ()}),
        Plan(name="a transformer's block without its activation", fault=fault, net="transformer",
             steps=150, rate=3e-3,
             style="functional", depth=2, width=32, gaps=(0,),
             how="no activation in the first block", sound={"gaps": ()}),
        Plan(name="a residual branch without its activation", fault=fault, net="residual",
             style="in-place", norm="pre", depth=3, gaps=(1,),
             how="no activation in the second block", sound={"gaps": ()}),
    ]  # fmt: skip


def confidence() -> list[Plan]:
    fault = "over_confidence"
    last = "model.last.weight.mul_(40)"
    return [
        Plan(name="a last layer 40 times too large", fault=fault, depth=2, edits=(last,),
             optimizer="SGD", rate=3e-5, how=last, sound={"edits": ()}),
        Plan(name="a last layer 100 times too large, CNN", fault=fault, net="cnn", width=8, depth=2,
             style="functional", edits=("model.last.weight.mul_(100)",), optimizer="SGD",
             rate=1e-5, steps=200, how="weights times 100", sound={"edits": ()}),
        Plan(name="tanh with a gain of 12", fault=fault, style="methods", act="tanh", gain=12.0,
             optimizer="SGD", rate=0.01, how="gain 12", sound={"gain": 1.0}),
    ]  # fmt: skip


def not_finite() -> list[Plan]:
    bad = "x[7, 3] = float('nan')"
    return [
        Plan(name="a rate of 1e4", fault="nan", depth=3, optimizer="SGD", rate=1e4,
             how="rate 1e4 with momentum", sound={"rate": 0.03}),
        Plan(name="a value of the data is missing", fault="nan", style="functional",
             prepare=("x = x.clone()", bad), how=bad, sound={"prepare": ()}),
        Plan(name="exp as an activation", fault="nan", style="functional", act="exp", depth=4,
             gain=1.4142, how="exp of exp of exp", sound={"act": "relu"}),
        Plan(name="log of a softmax that is 0", fault="nan", style="methods", depth=2,
             loss="log of softmax", prepare=("x = 400 * x",), how="-log(softmax(z)[y]) by hand",
             sound={"loss": "cross_entropy", "prepare": ()}),
        Plan(name="a regression at rate 3", fault="nan", data="diabetes", outputs=1, depth=2,
             loss="mse_loss", optimizer="SGD", rate=3.0, how="rate 3 with momentum",
             sound={"rate": 0.01}),
    ]  # fmt: skip


PLANTED: list[Plan] = [
    plan
    for family in (dead, dormant, saturated, vanishing, exploding, drift, off_centre, heads,
                   structure, confidence, not_finite)
    for plan in family()
]  # fmt: skip
