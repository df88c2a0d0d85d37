"""A made-up but plausible `StudyResult`, so that the report is tested without a study."""

import base64

import numpy as np

from ogive.study.result import (
    DENSITY_EDGES,
    Answer,
    Cell,
    Comparison,
    DataDescription,
    DepthAnswer,
    Interval,
    Model,
    ModelTrial,
    Scores,
    Settings,
    Splits,
    StudyResult,
    Trial,
    Tuning,
    Verdict,
)
from ogive.study.statistics import difference, holm

FADING = {"sigmoid": -0.5, "softplus": -0.25, "tanh": -0.03, "identity": 0.0}
SLOW = {"sigmoid": 0.95, "softplus": 0.97, "identity": 0.945}
MODELS = {
    "constant": ("always the largest class", 0.1),
    "linear": ("logistic regression", 0.965),
    "boosting": ("histogram gradient boosting", 0.97),
}
REGRESSION_MODELS = {
    "constant": ("always the mean", 0.0),
    "linear": ("linear regression", 0.71),
    "boosting": ("histogram gradient boosting", 0.8),
}


def packed(values):
    return base64.b64encode(np.asarray(values, "<f2").tobytes()).decode()


def scores(task, score):
    if task == "regression":
        return Scores(r2=score, rmse=float(55 * np.sqrt(max(0, 1 - score))))
    return Scores(
        accuracy=score,
        balanced_accuracy=score - 0.001,
        auc=min(1, score + 0.02),
        log_loss=float(-np.log(score)),
    )


def trial(activation, depth, split, rng, task="classification", top=0.975, rounds=12):
    checkpoints = 6
    fade = FADING.get(activation, -0.01) * depth
    dies = activation == "relu"
    trains = fade > -6
    level = top - 0.975 + SLOW.get(activation, 0.975) if trains else MODELS["constant"][1]
    score = float(np.clip(level + rng.normal(0, 0.006), 0, 1))
    steps = np.linspace(0, rounds * 45, checkpoints).astype(int)
    loss = 2.3 * np.exp(-np.arange(rounds) * (0.5 if trains else 0.002)) + 0.01
    loss = loss * np.exp(rng.normal(0, 0.04, rounds))
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
        split=split,
        seed=split,
        rate=float(rng.choice([0.03, 0.1, 0.3])),
        tuning=tuple(
            Tuning(rate=rate, seed=1000 + split, loss=float(abs(np.log10(rate) + 1) / 4 + 0.1))
            for rate in (0.3, 0.1, 0.03, 0.01)
        ),
        scores=scores(task, score),
        test_rows=packed((rng.random(180) < score).astype(float)),
        validation_rows=packed((rng.random(180) < score).astype(float)),
        best_round=rounds - 1,
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
        seconds=0.3,
    )


def primary(task):
    return "r2" if task == "regression" else "accuracy"


def comparisons(pairs, task, rope=0.01):
    """Of (one, other, depth, trials, trials): the records, adjusted over all of them."""
    metric = primary(task)
    found = []
    for *_, ours, theirs in pairs:
        d = [a.scores.of(metric) - b.scores.of(metric) for a, b in zip(ours, theirs, strict=True)]
        found.append(difference(d, overlap=1 / 9))
    adjusted, levels = holm([each.p for each in found])
    return [
        Comparison(
            one=one,
            other=other,
            depth=depth,
            metric=metric,
            blocks=len(ours),
            difference=each.mean,
            interval=each.interval(level),
            level=level,
            p=each.p,
            p_adjusted=p,
            significant=p < 0.05,
            better=each.practical(rope)[0],
            equivalent=each.practical(rope)[1],
            worse=each.practical(rope)[2],
            scale=each.scale,
            freedom=each.freedom,
            overlap=1 / 9,
        )
        for (one, other, depth, ours, _), each, p, level in zip(
            pairs, found, adjusted, levels, strict=True
        )
    ]


def sample(
    activations=("relu", "prelu", "sigmoid", "tanh", "gelu"),
    depths=(2, 8),
    splits=10,
    name="digits",
    features=("a", "b"),
    classes=("0", "1"),
    task="classification",
    top=0.975,
    warnings=("column 'c' equals the target in every row: it was left out",),
):
    rng = np.random.default_rng(0)
    metric = primary(task)
    baseline = "relu" if "relu" in activations else activations[0]
    titles = REGRESSION_MODELS if task == "regression" else MODELS
    models = {
        model: tuple(
            ModelTrial(
                model=model,
                split=split,
                scores=scores(task, float(np.clip(score + rng.normal(0, 0.004), 0.001, 1))),
                test_rows=packed((rng.random(180) < score).astype(float)),
                seconds=0.4,
            )
            for split in range(splits)
        )
        for model, (_, score) in titles.items()
    }
    trials = {
        (activation, depth): tuple(
            trial(activation, depth, split, rng, task, top) for split in range(splits)
        )
        for depth in depths
        for activation in activations
    }
    pairs = [(a, "constant", d, found, models["constant"]) for (a, d), found in trials.items()]
    pairs += [
        (a, baseline, d, found, trials[baseline, d])
        for (a, d), found in trials.items()
        if a != baseline
    ]
    pairs += [
        (model, baseline, d, models[model], trials[baseline, d])
        for d in depths
        for model in ("linear", "boosting")
    ]
    compared = {(each.one, each.other, each.depth): each for each in comparisons(pairs, task)}
    cells = []
    for depth in depths:
        made = []
        for activation in activations:
            found = trials[activation, depth]
            mean = float(np.mean([each.scores.of(metric) for each in found]))
            trains = compared[activation, "constant", depth]
            made.append(
                Cell(
                    activation=activation,
                    depth=depth,
                    score=mean,
                    interval=Interval(low=max(0, mean - 0.006), high=min(1, mean + 0.006)),
                    scores=scores(task, mean),
                    rates=tuple(each.rate for each in found),
                    rate=0.1,
                    state="trains" if trains.significant and trains.difference > 0 else "fails",
                    trains=trains,
                    against=compared.get((activation, baseline, depth)),
                    dead=0.1 if activation == "relu" else 0.0,
                    saturated=0.3 if activation == "sigmoid" else 0.0,
                    gradient_ratio=found[0].gradient_ratio,
                    gradient_ratio_interval=Interval(
                        low=found[0].gradient_ratio - 0.2, high=found[0].gradient_ratio + 0.2
                    ),
                    predicted_gradient_ratio=found[0].predicted_gradient_ratio,
                    seconds_per_step=2.1e-4,
                    diverged=0,
                    trials=found,
                )
            )
        cells += sorted(made, key=lambda cell: -cell.score)
    best = cells[0]
    return StudyResult(
        data=DataDescription(
            name=name,
            task=task,
            target="label",
            rows=1797,
            columns=len(features) + 1,
            features=features,
            classes=classes if task == "classification" else (),
            class_counts=tuple([10] * len(classes)) if task == "classification" else (),
            splits=Splits(
                count=splits,
                kind="10-fold cross-validation, stratified by class",
                folds=10,
                train=1437,
                validation=180,
                test=180,
            ),
            treatments=("column 'b': 3 missing values replaced by the median, 1.5",),
            warnings=warnings,
            hash="9f2c" * 16,
            target_spread=(152.1, 77.0) if task == "regression" else None,
        ),
        settings=Settings(
            task=task,
            activations=tuple(activations),
            depths=tuple(depths),
            baseline=baseline,
            metric=metric,
            rope=0.01,
            splits=splits,
            seed=0,
            rates=(0.3, 0.1, 0.03, 0.01),
            optimizer="sgd",
            steps=540,
            rounds=12,
            tuning_steps=270,
            tuning_rounds=6,
            patience=6,
            width=64,
            batch_size=32,
            momentum=0.9,
            clip=1.0,
            checkpoints=6,
        ),
        answer=Answer(
            sentence=f"Use {best.activation}, or keep relu: at depth {best.depth} the best gain is "
            "+0.3 points [-0.5, 1.2]; equivalent with probability .93. Avoid sigmoid from depth 8.",
            use=best.activation,
            depth=best.depth,
            matters="not shown",
            by_depth=tuple(
                DepthAnswer(
                    depth=depth,
                    sentence=f"Depth {depth}: nothing differs from relu but sigmoid, -87.1 points.",
                    best=next(c.activation for c in cells if c.depth == depth),
                    better=(),
                    worse=tuple(
                        c.activation
                        for c in cells
                        if c.depth == depth and c.against and c.against.significant
                    ),
                    equivalent=tuple(
                        c.activation
                        for c in cells
                        if c.depth == depth and c.against and c.against.equivalent > 0.95
                    ),
                    failing=tuple(
                        c.activation for c in cells if c.depth == depth and c.state == "fails"
                    ),
                )
                for depth in depths
            ),
            cautions=(
                f"Nothing follows for other data, widths or optimisers: this is {name}.",
                "To tell smaller differences: --splits 30.",
            ),
        ),
        command="ogive study digits --depths 2,8",
        versions=(("Python", "3.11.7"), ("NumPy", "2.4.6"), ("ogive", "0.1.0")),
        started="2026-01-02T03:04:05Z",
        seconds=61.0,
        workers="2 processes, started in 1.3 s",
        trials_trained=90,
        trials_resumed=0,
        results_file="results/digits-12345678.jsonl",
        notes=(
            "gelu, depth 2: the best rate is the largest of the grid; a wider one may do better",
        ),
        cells=tuple(cells),
        models=tuple(
            Model(
                model=model,
                title=title,
                score=float(np.mean([each.scores.of(metric) for each in models[model]])),
                interval=Interval(low=max(0, score - 0.01), high=score + 0.01),
                scores=scores(task, max(score, 0.001)),
                against=tuple(
                    compared[model, baseline, depth]
                    for depth in depths
                    if (model, baseline, depth) in compared
                ),
                seconds=0.4,
                trials=models[model],
            )
            for model, (title, score) in titles.items()
        ),
        comparisons=tuple(compared.values()),
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
