"""Mean ranks of variants over seeds, with bars beside those that the ranks do not tell apart (Demšar 2006)."""

from collections.abc import Sequence
from math import comb

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures import style
from analysis.figures.looks import series
from nist.studies.study import Study

STATISTIC = "ranks"
SHOWN = {  # the score of each figure, and what rank 1 is
    "ranks": ("last", "most accurate"),
    "steadinessranks": ("deviation", "nearest to its median"),
}
GAP = 0.045  # between bars, as a share of the width


def plot(ranks: pd.DataFrame, study: Study, axes: Axes, figure: str) -> None:
    """Draw the mean ranks of ``ranks`` that ``figure`` shows, the best at the top."""
    score, best = SHOWN[figure]
    rows = ranks[ranks["score"] == score].sort_values("rank", ignore_index=True)
    looks = {line.variant: line for line in series(study, figure)}
    for place, row in rows.iterrows():
        is_baseline = row["variant"] == study.baseline
        axes.plot(row["rank"], place, "D" if is_baseline else "o", color=looks[row["variant"]].line["color"], ms=6)
    axes.set_yticks(range(len(rows)), [looks[name].label for name in rows["variant"]])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0.8, len(rows) + 0.2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(study.title)
    axes.set_xlabel(f"Mean rank over {rows['n'].max():.0f} seeds (1: {best})")
    least = least_p(len(rows), rows["n"].max())
    if least >= 1 - study.content["statistics"]["confidence"]:
        axes.set_xlabel(f"{axes.get_xlabel()}\nToo few seeds to tell any pair apart: its p is at least {least:.2g}")
        return
    for position, (first, last) in enumerate(groups(rows)):
        x = 1.02 + position * GAP
        across = axes.get_yaxis_transform()  # in shares of the axes; down in places
        axes.plot([x, x], [first - 0.2, last + 0.2], color=style.INK, lw=3, clip_on=False, transform=across)


def least_p(variants: int, n: int) -> float:
    """The least p that Wilcoxon's exact two-sided test of a pair can have over ``n`` seeds, corrected over pairs."""
    return min(1.0, comb(variants, 2) * 2.0 ** (1 - n))


def groups(rows: pd.DataFrame) -> list[tuple[int, int]]:
    """First and last place of every longest run of variants, in the order of ``rows``, of which no two differ."""
    alike = {
        name: {*str(others).split()} for name, others in zip(rows["variant"], rows["alike"].fillna(""), strict=True)
    }
    names = [*rows["variant"]]
    found: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = first
        while last + 1 < len(names) and _all_alike(names[first : last + 2], alike):
            last += 1
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return found


def _all_alike(names: Sequence[str], alike: dict[str, set[str]]) -> bool:
    return all({*names} - {name} <= alike[name] for name in names)
