"""A made-up but plausible `StudyResult`, so that the report is tested without a study."""

import numpy as np

from ogive.study.result import (
    DENSITY_EDGES,
    Cell,
    DataDescription,
    Effect,
    Interval,
    Settings,
    Significance,
    Splits,
    StudyResult,
    Trial,
    TuningScore,
    Verdict,
)

FADING = {"sigmoid": -0.5, "softplus": -0.25, "tanh": -0.03, "identity": 0.0}
SLOW = {"sigmoid": 0.95, "softplus": 0.97}


def trial(activation, depth, seed, rng, epochs=12, checkpoints=8):
    fade = FADING.get(activation, -0.01) * depth
    dies = activation == "relu"
    trains = fade > -6
    top = SLOW.get(activation, 0.975) if trains else 0.1
    accuracy = float(np.clip(top + rng.normal(0, 0.004), 0, 1))
    steps = np.linspace(0, epochs * 20, checkpoints).astype(int)
    loss = 2.3 * np.exp(-np.arange(epochs) * (0.5 if trains else 0.002)) + 0.01
    loss = loss * (1 + rng.normal(0, 0.04, epochs))
    layers = np.arange(depth)[:, None]
    moments = np.linspace(0, 1, checkpoints)[None, :]
    dead = np.clip(0.2 * dies * moments * (layers + 1) / depth, 0, 1)
    saturated = np.clip((activation in ("sigmoid", "tanh")) * 0.4 * moments + 0 * layers, 0, 1)
    decades = fade * (depth - 1 - layers) / max(depth - 1, 1) - 2 - 2 * moments * trains
    slopes = 0.25 + (0.2 * moments * np.sin(layers + 1) if activation == "prelu" else 0)
    counts = np.exp(-(np.array(DENSITY_EDGES[:-1]) ** 2) / 3) * 1000
    table = lambda values: tuple(tuple(map(float, line)) for line in values)  # noqa: E731
    return Trial(
        activation=activation,
        depth=depth,
        seed=seed,
        rate=0.1,
        purpose="final",
        validation_accuracy=accuracy,
        test_accuracy=accuracy,
        test_correct="1",
        train_loss=tuple(map(float, loss)),
        validation_loss=tuple(map(float, loss * 1.1)),
        diverged_at=None,
        checkpoint_steps=tuple(map(int, steps)),
        dead=table(dead),
        saturated=table(saturated),
        gradient=table(10**decades),
        magnitude=tuple([1.0] * depth),
        off_centre=tuple([0.5] * depth),
        gradient_ratio=float(fade + rng.normal(0, 0.1)),
        predicted_gradient_ratio=float(fade),
        slopes=table(slopes + 0 * layers) if activation == "prelu" else (),
        density=tuple(map(int, counts)),
        seconds_per_step=2.1e-4,
    )


def sample(
    activations=("relu", "prelu", "sigmoid", "tanh", "gelu"),
    depths=(2, 8),
    seeds=(0, 1, 2),
    name="digits",
    features=("a", "b"),
    classes=("0", "1"),
):
    rng = np.random.default_rng(0)
    cells = []
    for depth in depths:
        for recipe in ("same", "tuned"):
            made = []
            for activation in activations:
                trials = tuple(trial(activation, depth, seed, rng) for seed in seeds)
                mean = float(np.mean([each.test_accuracy for each in trials]))
                lost = mean < 0.5
                made.append(
                    Cell(
                        activation=activation,
                        depth=depth,
                        recipe=recipe,
                        rate=0.1,
                        mean=mean,
                        interval=Interval(low=mean - 0.006, high=mean + 0.006),
                        rank=1.0,
                        group="b" if lost else "a",
                        effect=None
                        if activation == "relu"
                        else Effect(
                            difference=mean - 0.975,
                            interval=Interval(low=mean - 0.985, high=mean - 0.965),
                            p=0.001 if lost else 0.4,
                            significant=lost,
                        ),
                        trainable=not lost,
                        dead=0.1 if activation == "relu" else 0.0,
                        saturated=0.3 if activation == "sigmoid" else 0.0,
                        gradient_ratio=trials[0].gradient_ratio,
                        gradient_ratio_interval=Interval(
                            low=trials[0].gradient_ratio - 0.2,
                            high=trials[0].gradient_ratio + 0.2,
                        ),
                        predicted_gradient_ratio=trials[0].predicted_gradient_ratio,
                        seconds_per_step=2.1e-4,
                        trials=trials,
                    )
                )
            cells += sorted(made, key=lambda cell: -cell.mean)
    ranked = tuple(cell.activation for cell in cells[-len(activations) :])
    return StudyResult(
        data=DataDescription(
            name=name,
            rows=1797,
            features=features,
            classes=classes,
            class_counts=tuple([10] * len(classes)),
            splits=Splits(train=1077, validation=360, test=360),
            treatments=("column 'b': 3 missing values replaced by the median, 1.5",),
            hash="9f2c" * 16,
        ),
        settings=Settings(
            activations=tuple(activations),
            depths=tuple(depths),
            seeds=tuple(seeds),
            tuning_seeds=(100, 101),
            rates=(0.01, 0.1, 1.0),
            epochs=12,
        ),
        command="ogive study digits --depths 2,8",
        versions=(("Python", "3.11.7"), ("NumPy", "2.4.6"), ("ogive", "0.1.0")),
        started="2026-01-02T03:04:05Z",
        seconds=61.0,
        trials_trained=90,
        trials_resumed=0,
        results_file="digits.jsonl",
        notes=(
            "gelu, depth 2: the best rate is the largest of the grid; a wider one may do better",
        ),
        same_rates=tuple((depth, 0.1) for depth in depths),
        tuning=tuple(
            TuningScore(
                activation=each, depth=depth, rate=rate, accuracy=0.97 - abs(np.log10(rate) + 1) / 4
            )
            for each in activations
            for depth in depths
            for rate in (0.01, 0.1, 1.0)
        ),
        cells=tuple(cells),
        significance=(
            Significance(
                depth=None,
                recipe="tuned",
                blocks=len(seeds) * len(depths),
                activations=ranked,
                mean_ranks=tuple(1.5 + 0.6 * i for i in range(len(ranked))),
                statistic=12.0,
                p=0.01,
                significant=True,
                critical_difference=1.4,
                groups=(ranked[:3], ranked[2:]),
                sentence="Friedman's test finds differences between the activations (p = 0.01).",
            ),
        ),
        verdicts=(
            Verdict(
                key="relu-not-centred",
                claim="ReLU's output is not centred on zero.",
                prediction="mean/rms 0.564 for normal inputs",
                measured="0.58 (first layer, mean over seeds)",
                verdict="holds",
                explanation="Mean over rms of every layer's outputs at initialisation.",
            ),
            Verdict(
                key="leaky-gain",
                claim="Leaky ReLU's gain is unsteady.",
                prediction="spread above 2",
                measured="1.1",
                verdict="refuted",
                explanation="Ratio of largest to smallest layer magnitude.",
            ),
            Verdict(
                key="sigmoid-slower",
                claim="Sigmoid costs more time than ReLU.",
                prediction="ratio above 1",
                measured="1.02 (0.98 to 1.07)",
                verdict="not decided on this data",
                explanation="The interval contains 1; a larger network would decide.",
            ),
        ),
    )
