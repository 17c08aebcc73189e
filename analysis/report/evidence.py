"""What the page shows of one study's statistics: the answer in words, and plots of its runs."""

import math

import pandas as pd

from analysis import formatting
from analysis.report import plots
from analysis.study_results import Source
from analysis.tables import comparisons
from analysis.tables.comparisons import MORE_ACCURATE, PAPERS_TEST, STEADIER, Answer, Question

NEEDED = (
    *("accuracy", "epochwise_sd", "holm", "learning_curve", "paired_difference"),
    *("run_scores", "sd_permutation", "simultaneous_band", "wilcoxon"),
)
FEW = 3  # heads with their intervals that a sentence has room for
SCORES = {comparisons.SCORE: "Best epoch with the final weights", "last": "Last epoch"}


def section(source: Source) -> dict:
    """``answer``, a list of sentences; ``accuracy`` and ``steadiness``, a row a variant beside the baseline; ``scores``
    and ``spread``, plots; ``baseline``, its label. Nothing where the statistics of ``NEEDED`` are not given."""
    if not {*NEEDED} <= source.statistics.keys():
        return {}
    return {
        "baseline": source.study.variants[source.study.baseline]["label"],
        "answer": answer(source),
        "accuracy": effects(source, MORE_ACCURATE),
        "steadiness": effects(source, PAPERS_TEST, STEADIER),
        "scores": [scores(source, name, heading) for name, heading in SCORES.items()],
        "spread": spread(source),
    }


def answer(source: Source) -> list[str]:
    """A sentence on accuracy and one on spread beside the baseline; heads with one answer stand together.

    Of many heads those that differ are named, with the range of their effects. Where no head has an interval, the runs
    are too few to say anything.
    """
    names, variants = comparisons.compared(source), source.study.variants
    baseline = variants[source.study.baseline]["label"]
    said, untold, n, constant = [], [], 0, comparisons.constant(source)
    brackets = "" if len(names) > FEW else ", 95 % CI in brackets"
    for question, subject in (
        (MORE_ACCURATE, "Accuracy at the best epoch with the final weights"),
        (STEADIER, "Spread over seeds"),
    ):
        found = {name: comparisons.answer(source, name, question) for name in names}
        n = max((one.n for one in found.values()), default=0)
        if question is STEADIER:
            found = {name: one for name, one in found.items() if name not in constant}
        if all(math.isnan(one.effect["low"]) for one in found.values()):
            untold += [subject] if found else []
            continue
        groups: dict[str, dict[str, pd.Series]] = {}
        for name, one in found.items():
            groups.setdefault(one.word, {})[variants[name]["label"]] = one.effect
        parts = [f"{_as_said(word)} for {_heads(question, word, heads, len(names))}" for word, heads in groups.items()]
        said.append(f"{subject}, compared with {baseline} (n = {n} seeds{brackets}): {'; '.join(parts)}.")
    if untold and n:
        runs = formatting.counted(n, "run")
        said.append(f"So far {runs} of each head: too few to tell whether {' or '.join(untold).lower()} differs.")
    if constant:
        said.append(f"All runs of {formatting.listed([variants[name]['label'] for name in constant])} are the same.")
    return said


def _heads(question: Question, word: str, heads: dict[str, pd.Series], of: int) -> str:
    """Heads with their effects in brackets; of many the range of effects, and how many do not differ."""
    if of <= FEW:
        return formatting.listed([f"{label} ({question.write(effect)})" for label, effect in heads.items()])
    if len(heads) > 1 and word in (formatting.NOT_SIGNIFICANT, formatting.UNTOLD):
        return f"{len(heads)} heads" if len(heads) < of else f"all {of} heads"
    return f"{formatting.listed([*heads])} ({question.write_range(heads.values())})"


def _as_said(word: str) -> str:
    if word == formatting.NOT_SIGNIFICANT:
        return "no significant difference"
    return {"less steady": "larger", "steadier": "smaller"}.get(word, word)


def effects(source: Source, *questions: Question) -> dict:
    """A row a variant: look, ``size`` of the effect in words, n, dot and bar, and ``tests``, an answer a question.

    With them ``ticks`` of the axis that they share, where ``null`` lies on it, and ``errors``: how often each test
    finds a difference between random halves of an arm's runs, in the worst arm. All ``questions`` are of one effect.
    """
    found = {
        name: [comparisons.answer(source, name, one) for one in questions] for name in comparisons.compared(source)
    }
    first, is_ratio = questions[0], questions[0].null == 1.0
    sizes = [value for one, *_ in found.values() for value in _ends(one)]
    where = plots.axis([*sizes, first.null], _times if is_ratio else _in_points, is_log=is_ratio)
    looks = plots.looks(source.study)
    rows = [
        looks[name]
        | plots.interval(where, *_ends(answers[0]))
        | {"size": first.write(answers[0].effect), "n": answers[0].n, "tests": [_tested(one) for one in answers]}
        for name, answers in found.items()
    ]
    rates = zip(*([one.errors for one in answers] for answers in found.values()), strict=True)
    errors = [max((rate for rate in of_test if not math.isnan(rate)), default=math.nan) for of_test in rates]
    return {
        "rows": rows,
        "ticks": where.ticks(5),
        "null": where.at(first.null),
        "errors": [formatting.or_dash(100 * rate, "{:.0f} %") for rate in errors],
    }


def _tested(found: Answer) -> dict[str, str]:
    is_told = found.word != formatting.UNTOLD
    return {"word": found.word if is_told else "no answer", "p": _p(found.corrected, found.sides)}


def scores(source: Source, score: str, heading: str) -> dict:
    """Every run's accuracy, a column a variant, the runs of a seed joined; mean and margin beside them."""
    frame, means = (source.statistic(name) for name in ("run_scores", "accuracy"))
    frame, means = frame[frame["score"] == score], means[means["score"] == score].set_index("variant")
    looks = {name: look for name, look in plots.looks(source.study).items() if name in set(frame["variant"])}
    margins = [means["mean"] + sign * means["margin"] for sign in (-1, 1)]
    up = plots.axis(pd.concat([frame["accuracy"], *margins]), _percent)
    places = {name: (place + 0.5) / len(looks) for place, name in enumerate(looks)}
    by_seed = frame.pivot(index="seed", columns="variant", values="accuracy")[[*looks]]
    across = plots.Axis(0, 1)
    columns = []
    for name, look in looks.items():
        row, runs = means.loc[name], by_seed[name].dropna()
        ends = plots.interval(up, row["mean"], row["mean"] - row["margin"], row["mean"] + row["margin"])
        dots = [plots.FULL - up.at(value) for value in runs]
        columns.append(look | {"at": across.at(places[name]), "dots": dots, "mean": ends, "n": len(runs)})
    joined = [
        plots.path(across, up, [places[name] for name in runs.index], list(runs))
        for runs in (row.dropna() for _, row in by_seed.iterrows())
        if len(runs) > 1
    ]
    return {"heading": heading, "columns": columns, "joined": joined, "ticks": up.ticks(5)}


def spread(source: Source) -> dict | None:
    """SD over runs of validation accuracy by epoch; ``None`` where there is none.

    Without an interval: each that was tried missed far too often (``docs/statistics.md``).
    """
    frame = source.statistic("epochwise_sd")
    frame = frame[(frame["metric"] == "val_accuracy") & (frame["sd"] > 0)]
    if frame.empty:
        return None
    across = plots.Axis(min(1, frame["epoch"].min()), max(2, frame["epoch"].max()))
    up = plots.axis(frame["sd"], lambda value: f"{100 * value:g}", is_log=True)
    lines = plots.curves(frame, source.study, "sd", across, up)
    return {"lines": lines, "x": across.ticks(8), "y": up.ticks(6)}


def bands(source: Source) -> dict[str, list[list[float]]]:
    """Lower and upper ends of every variant's band, by epoch: where the baseline's mean curve leaves it, they differ.

    It is the simultaneous 95 % band of their difference, around the variant's mean curve.
    """
    if "simultaneous_band" not in source.statistics:
        return {}
    frame, curves = (source.statistic(name) for name in ("simultaneous_band", "learning_curve"))
    curves = curves[(curves["variant"] == source.study.baseline) & (curves["metric"] == "val_accuracy")]
    frame = frame.sort_values(["variant", "epoch"])
    means = frame["epoch"].map(curves.set_index("epoch")["mean"])
    frame = frame.assign(low=means + frame["low"], high=means + frame["high"])
    kept = {name: rows for name, rows in frame.groupby("variant") if rows["low"].notna().all()}
    # By Student's t an interval of few runs may reach beyond what an accuracy can be.
    return {name: [rows[end].clip(0, 1).tolist() for end in ("low", "high")] for name, rows in kept.items()}


def _ends(found: Answer) -> tuple[float, float, float]:
    return float(found.effect["value"]), float(found.effect["low"]), float(found.effect["high"])


def _p(p: float, sides: str) -> str:
    return "no p" if math.isnan(p) else f"{formatting.p_value(p)}, {sides}"


def _percent(value: float) -> str:
    return f"{100 * value:.4g} %"


def _in_points(value: float) -> str:
    return f"{100 * value:+g}".replace("-", "−") if value else "0"


def _times(value: float) -> str:
    return f"× {value:g}"
