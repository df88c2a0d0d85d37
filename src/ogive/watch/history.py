"""The history of each layer: statistics by check, thinned out in a long training."""

from __future__ import annotations

from dataclasses import replace

from .layer_stats import histogram_of, map_of, stats_of
from .places import Place
from .records import Layer
from .view import Training

MOST, MOST_MAPS = 128, 48
"""Checks and maps of units that are kept; then every second is dropped."""


def layers(watch: Training) -> tuple[Layer, ...]:
    """Every place with its history."""
    found = []
    for order, (key, place) in enumerate(watch.judged()):
        first = watch.first_blocks.get(key)
        found.append(
            replace(
                _layer(watch, order, place),
                stats=tuple(watch.history.get(key, ())),
                maps=tuple(watch.maps.get(key, ())),
                histogram=histogram_of(watch.blocks[key][-1]),
                first_histogram=histogram_of(first) if first is not None else None,
            )
        )
    return tuple(found)


def _layer(watch: Training, order: int, place: Place) -> Layer:
    activation = place.activation
    return Layer(
        model=watch.name,
        layer=place.layer,
        call=place.call,
        order=order,
        kind=f"{place.kind}, {place.gate}" if place.gate else place.kind,
        activation=place.name,
        parameters=dict(activation.parameters) if activation is not None else {},
        path=place.path,
        style=place.style,
        units=place.units,
        head=place.head,
    )


def remember(watch: Training, wanted: bool) -> tuple[Layer, ...]:
    """Add the check's statistics to each place's history; return them alone, where wanted."""
    alone = []
    for order, (key, place) in enumerate(watch.judged()):
        window = watch.window(key)
        block = window.block
        source = place.source
        before = None
        if source is not None and source.key in watch.blocks:
            before = (source, watch.blocks[source.key][-1])
        stats = stats_of(place, block, before, window.units)
        history = watch.history.setdefault(key, [])
        history.append(stats)
        if len(history) > MOST:
            del history[1:-1:2]
        drawn = map_of(place, block, window.units)
        if drawn is not None:
            maps = watch.maps.setdefault(key, [])
            maps.append(drawn)
            if len(maps) > MOST_MAPS:
                del maps[1:-1:2]
        watch.first_blocks.setdefault(key, block)
        if wanted:
            layer = _layer(watch, order, place)
            alone.append(
                replace(
                    layer, stats=(stats,), maps=(drawn,) if drawn else (),
                    histogram=histogram_of(block),
                )
            )  # fmt: skip
    return tuple(alone)
