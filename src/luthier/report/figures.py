"""The figures of a study, as plotly figures: for the page, and for notebooks.

    from luthier.report.facts import facts_of
    figures_of(facts_of(study.history))["history"].figure

Colors are middle tones that stand out on white and on black alike; a page sets those of text and grids.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Choice, Float, Int, Parameter, Text
from luthier.core.trial import Trial
from luthier.report.advice import decimals_of
from luthier.report.bill import Evidence
from luthier.report.facts import Facts
from luthier.report.importance import fenced
from luthier.report.words import clean, count, number, setting, signed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BLUE, ORANGE, TEAL, GREY = "#3b7dd8", "#c4661f", "#1b8a6b", "#808792"
SHADES = ("#a3a9b3", "#8f9cb8", "#6f93c8", "#4d85d3", "#2f6fd0")
"""From the worst fifth of trials to the best."""
CURVES, LINES, AXES, SLICES = 60, 200, 9, 4
"""The most learning curves, lines and axes of parallel coordinates, and slices that are drawn."""


@dataclass(frozen=True)
class Drawing:
    """A figure with its title, what it shows in a sentence (`alt`), and a note for under it."""

    key: str
    title: str
    alt: str
    figure: Figure
    note: str = ""


def figures_of(facts: Facts) -> dict[str, Drawing]:
    """All figures that the facts give anything for, by their keys."""
    drawings = [gains(facts), trials(facts), curves(facts), importances(facts), *slices(facts), parallel(facts)]
    return {drawing.key: drawing for drawing in drawings if drawing is not None}


def gains(facts: Facts) -> Drawing | None:
    """The winner against the baseline, and against itself with one lever put back, with 95% intervals."""
    verdict, bill = facts.bill.verdict, facts.bill
    if verdict is None or verdict.overall is None or bill.is_baseline_kept:
        return None
    rows = [("all together", verdict.overall)]
    rows += [
        (lever.name, lever.tested) for lever in bill.levers if lever.tested and lever.changes and len(verdict.by_lever)
    ]
    rows.reverse()
    metric, decimals = _text(facts.history.metric.name), decimals_of(bill)
    figure = _figure(height=110 + 44 * len(rows), x=f"Gain in {metric}", y=None)
    figure.add_scatter(
        x=[gain.gain for _, gain in rows],
        y=[_text(name) for name, _ in rows],
        error_x={
            "type": "data",
            "array": [gain.high - gain.gain for _, gain in rows],
            "arrayminus": [gain.gain - gain.low for _, gain in rows],
            "thickness": 2,
            "color": GREY,
        },
        mode="markers",
        marker={"size": 11, "color": [TEAL if gain.is_significant else GREY for _, gain in rows]},
        hovertemplate="%{y}: %{x}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": ORANGE, "dash": "dash", "width": 1.5})
    told = "; ".join(f"{name} {signed(gain.gain, decimals)}" for name, gain in reversed(rows))
    return Drawing(
        "gains",
        "Best against baseline",
        f"Gains on held-out rows with 95% intervals: {told}.",
        figure,
        "Green: more than noise. The dashed line is no gain at all.",
    )


def trials(facts: Facts) -> Drawing | None:
    """The value of each trial, the best so far, and where held-out rows put baseline and winner."""
    steps, metric, bill = list(facts.progress.steps), facts.history.metric, facts.bill
    if not steps:
        return None
    decimals = decimals_of(bill)
    figure = _figure(height=420, x="Trial, in order", y=_axis(metric))
    shown, outside = _framed(figure, [step.value for step in steps], metric)
    figure.add_scatter(
        x=[step.trial for step in steps],
        y=[step.value for step in steps],
        mode="markers",
        name="a trial (validation)",
        marker={"size": 6, "color": GREY, "opacity": 0.75},
        hovertemplate="trial %{x}: %{y}<extra></extra>",
    )
    figure.add_scatter(
        x=[step.trial for step in steps],
        y=[step.best for step in steps],
        mode="lines" if len(steps) > 1 else "markers",
        name="best so far (validation)",
        line={"shape": "hv", "color": BLUE, "width": 2.5},
        hovertemplate="best after trial %{x}: %{y}<extra></extra>",
    )
    if steps[-1].trial <= 10:
        figure.update_xaxes(dtick=1)  # no halves of trials
    ends = [steps[0].trial, max(steps[-1].trial, steps[0].trial + 1)]
    held_out: list[tuple[str, float | None, str]] = []
    if bill.evidence is Evidence.HELD_OUT and bill.verdict is not None:
        held_out = [("best on held-out rows", bill.verdict.winner_score, TEAL)]
        held_out += [("baseline on held-out rows", bill.verdict.baseline_score, ORANGE)]
    elif bill.baseline_validation is not None:
        held_out = [("baseline (validation)", bill.baseline_validation, ORANGE)]
    for name, score, color in held_out:
        figure.add_scatter(
            x=ends, y=[score, score], mode="lines", name=name, line={"color": color, "dash": "dash", "width": 1.8}
        )
    if shown is not None:
        figure.update_yaxes(range=_including(shown, [score for _, score, _ in held_out if score is not None]))
    _legend(figure)
    optimism = bill.verdict.optimism if bill.verdict else None
    notes = (
        [f"{count(outside, 'trial')} lie beyond the frame." if outside > 1 else "1 trial lies beyond the frame."]
        if outside
        else []
    )
    if optimism is not None and held_out:
        notes.append(f"Optimism, by how much validation flattered the best, is {signed(optimism, decimals)}.")
    return Drawing(
        "history",
        "History of the search",
        f"{count(len(steps), 'trial')}; the best {metric.name} on validation rows went from "
        f"{number(steps[0].best, decimals)} to {number(steps[-1].best, decimals)}.",
        figure,
        " ".join(notes),
    )


def curves(facts: Facts) -> Drawing | None:
    """What each trial showed after each unit of fidelity; the leading five in color."""
    shape = facts.history.created.fidelity
    drawn = [trial for trial in facts.history.searched if len(trial.measurements) > 1]
    if shape.maximum < 2 or not drawn:
        return None
    lead = [trial for trial in facts.ranked if len(trial.measurements) > 1][:5]
    leading = {trial.id for trial in lead}
    others = _spread([trial for trial in drawn if trial.id not in leading], CURVES - len(lead))
    unit = _text(shape.unit)
    figure = _figure(height=400, x=f"{unit[:1].upper()}{unit[1:]}s", y=_axis(facts.history.metric))
    values = [one.value for trial in (*others, *lead) for one in trial.measurements]
    _framed(figure, values, facts.history.metric)
    xs: list[float | None] = []
    ys: list[float | None] = []
    for trial in others:
        xs += [*(one.fidelity for one in trial.measurements), None]
        ys += [*(one.value if math.isfinite(one.value) else None for one in trial.measurements), None]
    if others:
        figure.add_scatter(
            x=xs,
            y=ys,
            mode="lines",
            name="other trials",
            line={"color": GREY, "width": 1},
            opacity=0.55,
            hoverinfo="skip",
        )
    for rank, trial in enumerate(reversed(lead)):
        figure.add_scatter(
            x=[one.fidelity for one in trial.measurements],
            y=[one.value if math.isfinite(one.value) else None for one in trial.measurements],
            mode="lines+markers",
            name=f"trial {trial.id}",
            line={"color": BLUE if rank == len(lead) - 1 else TEAL, "width": 3 if rank == len(lead) - 1 else 1.5},
            marker={"size": 4},
        )
    _legend(figure)
    hidden = len(drawn) - len(others) - len(lead)
    note = f"{count(hidden, 'trial')} of {len(drawn):,} aren't drawn." if hidden else ""
    return Drawing(
        "curves",
        "Learning curves",
        f"{facts.history.metric.name} over {shape.maximum} {shape.unit}s of {count(len(others) + len(lead), 'trial')}.",
        figure,
        note,
    )


def importances(facts: Facts) -> Drawing | None:
    """Each setting's share of the variance, with the middle 90% of trees."""
    importance = facts.importance
    if importance is None:
        return None
    shares = list(reversed(importance.shares[:20]))
    figure = _figure(height=110 + 30 * len(shares), x="Share of the variance between trials", y=None)
    figure.add_bar(
        x=[share.mean for share in shares],
        y=[_text(share.setting) for share in shares],
        orientation="h",
        marker={"color": BLUE},
        error_x={
            "type": "data",
            "array": [max(0.0, share.high - share.mean) for share in shares],
            "arrayminus": [max(0.0, share.mean - share.low) for share in shares],
            "color": ORANGE,
            "thickness": 1.5,
        },
        hovertemplate="%{y}: %{x:.0%}<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    told = ", ".join(f"{share.setting} {share.mean:.0%}" for share in importance.shares[:5])
    trust = (
        f"The forest behind it foretells {max(0.0, importance.explained):.0%} of the variance of trials it didn't see"
        f"{'; that is too little to rely on these shares' if importance.explained < 0.3 else ''}."
    )
    return Drawing(
        "importance",
        "Which settings mattered",
        f"Importance by functional ANOVA: {told}.",
        figure,
        f"By functional ANOVA (Hutter, Hoos and Leyton-Brown 2014); bars of error hold 90% of the trees. "
        f"{importance.together:.0%} is owed to several settings together. {trust}",
    )


def slices(facts: Facts) -> Iterator[Drawing]:
    """The values over each of the most important settings, with the mean over all others."""
    importance, space, metric = facts.importance, facts.observations.space, facts.history.metric
    names = [share.setting for share in importance.shares] if importance else list(facts.observations.varied)
    drawable = [name for name in names if isinstance(space.parameters[name], Float | Int | Choice)]
    best = facts.best
    for name in drawable[:SLICES]:
        parameter = space.parameters[name]
        held = [trial for trial in facts.observations.trials if name in trial.config]
        figure = _figure(height=320, x=_text(name), y=_axis(metric))
        figure.add_scatter(
            x=[_shown(parameter, trial.config[name]) for trial in held],
            y=[trial.value for trial in held],
            mode="markers",
            name="trials",
            marker={"size": 6, "color": GREY, "opacity": 0.7},
            customdata=[trial.id for trial in held],
            hovertemplate="trial %{customdata}: %{y} at %{x}<extra></extra>",
        )
        if importance and name in importance.marginals:
            axis, mean, _ = importance.marginals[name]
            points = dict.fromkeys(_shown(parameter, parameter.from_unit((float(place),))) for place in axis)
            at = {
                _shown(parameter, parameter.from_unit((float(p),))): float(m) for p, m in zip(axis, mean, strict=True)
            }
            figure.add_scatter(
                x=list(points),
                y=[at[point] for point in points],
                mode="markers" if isinstance(parameter, Choice) else "lines",
                name="mean over the other settings",
                line={"color": BLUE, "width": 2.5},
                marker={"color": BLUE, "size": 12, "symbol": "line-ew", "line": {"color": BLUE, "width": 4}},
            )
        if best is not None and name in best.config and best.value is not None:
            figure.add_scatter(
                x=[_shown(parameter, best.config[name])],
                y=[best.value],
                mode="markers",
                name="the best",
                marker={"size": 13, "color": TEAL, "symbol": "diamond"},
            )
        if isinstance(parameter, Float | Int) and parameter.log:
            figure.update_xaxes(
                type="log", exponentformat="power", dtick=1 if parameter.high >= 100 * parameter.low else None
            )
        elif isinstance(parameter, Choice):
            order = [_shown(parameter, option) for option in parameter.options]
            figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
        _framed(figure, [trial.value for trial in held if trial.value is not None], metric)
        _legend(figure)
        yield Drawing(
            f"slice-{name}",
            name,
            f"{metric.name} of {count(len(held), 'trial')} over {name}.",
            figure,
        )


def parallel(facts: Facts) -> Drawing | None:
    """Each trial as a line through its settings; the better, the stronger its color."""
    space, importance = facts.observations.space, facts.importance
    names = [share.setting for share in importance.shares] if importance else list(facts.observations.varied)
    names = [name for name in names if space.parameters[name].width == 1][: AXES - 1]
    ranked = _spread(facts.ranked, LINES)
    if not names or len(ranked) < 2:
        return None
    worth = [float(value) for value in fenced_values([trial.value or 0.0 for trial in ranked])]
    low, high = min(worth), max(worth)
    places = list(range(len(names) + 1))
    figure = _figure(height=440, x=None, y=None)
    fifth = max(1, math.ceil(len(ranked) / len(SHADES)))
    for shade, color in enumerate(SHADES):
        start = (len(SHADES) - 1 - shade) * fifth
        part = list(zip(ranked, worth, strict=True))[start : start + fifth]
        xs: list[float | None] = []
        ys: list[float | None] = []
        for trial, value in part:
            xs += [*places, None]
            ys += [*_line(space.parameters, names, trial), (value - low) / (high - low) if high > low else 0.5, None]
        if part:
            figure.add_scatter(
                x=xs,
                y=ys,
                mode="lines",
                name=("worst fifth", "", "middle", "", "best fifth")[shade] or f"fifth {shade + 1}",
                line={"color": color, "width": 1 if shade < 4 else 1.4},
                opacity=0.35 + 0.12 * shade,
                hoverinfo="skip",
                connectgaps=False,
            )
    best = facts.best or ranked[0]
    own = min(max(best.value if best.value is not None else low, low), high)
    figure.add_scatter(
        x=places,
        y=[*_line(space.parameters, names, best), (own - low) / (high - low) if high > low else 0.5],
        mode="lines+markers",
        name="the best",
        line={"color": ORANGE, "width": 3},
        hoverinfo="skip",
    )
    for place in places:
        figure.add_vline(x=place, line={"color": GREY, "width": 1})
    ends = [(_end(space.parameters[name], 0), _end(space.parameters[name], 1)) for name in names]
    decimals = decimals_of(facts.bill)
    ends.append((number(low, decimals), number(high, decimals)))
    for place, (bottom, top) in enumerate(ends):
        for level, told, anchor in ((0, bottom, "top"), (1, top, "bottom")):
            figure.add_annotation(x=place, y=level, text=told, showarrow=False, yanchor=anchor, font={"size": 11})
    titles = [_wrapped(name) for name in names] + [_text(facts.history.metric.name)]
    figure.update_xaxes(tickvals=places, ticktext=titles, showgrid=False, range=[-0.35, len(names) + 0.35], tickangle=0)
    figure.update_yaxes(visible=False, range=[-0.09, 1.09])
    _legend(figure)
    left = len(facts.ranked) - len(ranked)
    rest = f" Of {len(facts.ranked):,} trials {len(ranked):,} are drawn, from the best to the worst." if left else ""
    return Drawing(
        "parallel",
        "All trials at once",
        f"Parallel coordinates: {count(len(ranked), 'trial')} over {', '.join(names)} and the value.",
        figure,
        f"A line is a trial; where strong lines bundle, good trials are alike. A gap: the setting wasn't active.{rest}",
    )


def fenced_values(values: Sequence[float]) -> list[float]:
    """The values with those far off drawn in."""
    import numpy as np

    return fenced(np.asarray(values, dtype=float)).tolist()


def _figure(*, height: int, x: str | None, y: str | None) -> Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 20, "r": 16, "t": 24, "b": 20},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        font={"family": "system-ui, sans-serif", "size": 13},
        hoverlabel={"namelength": -1},
    )
    figure.update_xaxes(
        title={"text": x, "standoff": 10}, automargin=True, zeroline=False, gridcolor="rgba(128,135,146,.28)"
    )
    figure.update_yaxes(
        title={"text": y, "standoff": 10}, automargin=True, zeroline=False, gridcolor="rgba(128,135,146,.28)"
    )
    return figure


def _legend(figure: Figure) -> None:
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}}
    )


def _framed(figure: Figure, values: Sequence[float], metric: Metric) -> tuple[tuple[float, float] | None, int]:
    """Set the frame so that a few values far off don't flatten all others; the frame, and how many lie beyond."""
    finite = [value for value in values if math.isfinite(value)]
    kept = fenced_values(finite)
    outside = sum(one != other for one, other in zip(finite, kept, strict=True))
    if not outside:
        return None, 0
    frame = _including((min(kept), max(kept)), [])
    figure.update_yaxes(range=frame)
    return (min(kept), max(kept)), outside


def _including(frame: tuple[float, float], values: Sequence[float]) -> list[float]:
    low, high = min([frame[0], *values]), max([frame[1], *values])
    room = 0.05 * (high - low) or 1.0
    return [low - room, high + room]


def _spread(items: Sequence[Trial], most: int) -> list[Trial]:
    """At most `most` of them, evenly over their order."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _axis(metric: Metric) -> str:
    return f"{_text(metric.name)} ({'more' if metric.direction is Direction.MAXIMIZE else 'less'} is better)"


def _text(text: str, limit: int = 40) -> str:
    """Safe for plotly, which reads some HTML in texts."""
    return escape(clean(text, limit), quote=False)


def _wrapped(name: str) -> str:
    """A dotted name on two lines."""
    lever, _, plain = name.partition(".")
    return f"{_text(lever, 16)}<br>{_text(plain, 16)}" if plain else _text(name, 16)


def _shown(parameter: Parameter, value: Any) -> Any:
    return _text(setting(value), 24) if isinstance(parameter, Choice | Text) else value


def _end(parameter: Parameter, unit: float) -> str:
    return _text(setting(parameter.from_unit((unit,))), 14)


def _line(parameters: Any, names: Sequence[str], trial: Trial) -> list[float | None]:
    from luthier.core.errors import SpaceError

    result: list[float | None] = []
    for name in names:
        try:
            result.append(parameters[name].to_unit(trial.config[name])[0] if name in trial.config else None)
        except SpaceError:
            result.append(None)
    return result
