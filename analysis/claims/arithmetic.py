"""Claims that follow from shapes, Eq. 1, Eq. 3 or other printed figures: recomputed and compared as printed.

A figure is right if the recomputed value is printed so by rounding. The paper often cuts digits off instead (3,359 is
its "3.3k"); that is right too, and said, where two significant digits are left. With one, the cut can halve the value.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import product
from operator import ge, gt, le, lt

from analysis.claims import margins, origins, words
from analysis.claims.claim import Claim, Figure
from analysis.claims.outcome import Estimate, Outcome
from analysis.networks import counts, eq3
from nist.errors import InputError
from nist.studies.study import Study

RELATIONS = {">": gt, ">=": ge, "<": lt, "<=": le}
OF_THE_RULE = {"expression", "step", "relation", "claimed", "check"}  # parameters that no expression takes


def difference(a: Fraction, b: Fraction) -> Fraction:
    """``a`` − ``b``."""
    return a - b


def ratio(a: Fraction, b: Fraction) -> Fraction:
    """``a`` over ``b``."""
    return Fraction(a) / Fraction(b)


def reduction(a: Fraction, b: Fraction) -> Fraction:
    """Share of ``b`` by which ``a`` is smaller."""
    return 1 - ratio(a, b)


def gain(a: Fraction, b: Fraction) -> Fraction:
    """Share of ``b`` by which ``a`` is larger."""
    return ratio(a, b) - 1


def multiple(a: Fraction, share: Fraction) -> Fraction:
    """``share`` of ``a``."""
    return Fraction(share) * a


def total_of(terms: tuple) -> int:
    """Sum of ``terms``."""
    return sum(terms)


def count(terms: tuple) -> int:
    """Number of ``terms``."""
    return len(terms)


EXPRESSIONS: dict[str, Callable] = {
    function.__name__: function
    for group in (
        (difference, ratio, reduction, gain, multiple, total_of, count),
        (counts.active, counts.parameters, counts.sparsity, counts.compression, counts.kept),
        (counts.density, counts.density_after, counts.half_density, counts.density_step, counts.growth),
        (counts.edges, counts.outputs_without_input, counts.inputs_without_output),
        (counts.mask_errors, counts.degree_errors, counts.weight_layers, counts.head_share),
        (counts.total, counts.total_compression, counts.total_sparsity),
        (eq3.flops, eq3.flops_of, eq3.flops_share, eq3.flops_reduction),
        (margins.wilson_low, margins.wilson_high),
    )
    for function in group
}


def recompute(claim: Claim, claims: Mapping[str, Claim]) -> Outcome:
    """Verdict on a claim from its ``expression`` alone.

    Arguments written ``@id`` are figures that the paper prints elsewhere; the value is then known up to their rounding,
    and any value in that range may be the one printed. With a ``relation`` the printed figure is a bound.
    """
    ours, low, high = evaluate(claim, claim.parameters, claims)
    if not claim.printed and "claimed" not in claim.parameters:
        return Outcome("not testable", "the paper prints no figure; shapes and Eq. 1 give it", Estimate(ours))
    agreement = agrees(claim, low, high)
    if agreement is not None:
        return Outcome("arithmetic ok", agreement, Estimate(ours))
    return Outcome("arithmetic wrong", _origin(claim, claims), Estimate(ours))


def agrees(claim: Claim, low: Fraction, high: Fraction) -> str | None:
    """How a value between ``low`` and ``high`` bears the claim out, in words, or ``None`` if it does not."""
    figure, relation = claim.figure, claim.parameters.get("relation")
    if relation is not None:
        holds = RELATIONS[relation]
        if low < high:  # the ends of a rounding are not values that it takes
            holds = gt if relation in (">", ">=") else lt
        return "within the bound" if holds(high if relation in (">", ">=") else low, figure.value) else None
    return printed_as(figure, low, high)


def printed_as(figure: Figure, low: Fraction, high: Fraction) -> str | None:
    """Whether some value between ``low`` and ``high`` is printed as ``figure``, and how; ``None`` if none is."""
    first, last = figure.rounded
    if low <= last and high >= first:
        return "as printed"
    if figure.value < 0:
        figure, low, high = Figure(-figure.value, figure.step), -high, -low
    if figure.can_be_cut and low < figure.value + figure.step and high >= figure.value:
        return "as printed, cut off and not rounded"
    return None


def evaluate(claim: Claim, parameters: Mapping[str, str], claims: Mapping[str, Claim]) -> tuple[Fraction, ...]:
    """Value of a claim's expression, and its least and greatest over the rounding of the printed figures it is made of.

    Expressions are monotone in each of these, so that the extremes lie at the corners. Raises ``InputError`` that names
    the claim for an unknown expression, claim or argument.
    """
    name = parameters.get("expression")
    if name not in EXPRESSIONS:
        raise InputError(f"claims.csv: {claim.id}: no expression {name!r}; there are {', '.join(EXPRESSIONS)}")
    choices = {key: argument(claim, text, claims) for key, text in parameters.items() if key not in OF_THE_RULE}
    nominal = tuple(values[0] for values in choices.values())
    every = [nominal, *product(*(values[1:] or values for values in choices.values()))]
    try:
        value, *extremes = (Fraction(EXPRESSIONS[name](**dict(zip(choices, one, strict=True)))) for one in every)
    except (TypeError, KeyError) as error:
        raise InputError(f"claims.csv: {claim.id}: {name}: {error}") from None
    return value, min(extremes), max(extremes)


def argument(claim: Claim, text: str, claims: Mapping[str, Claim]) -> tuple:
    """The values that an argument may have: for ``@id`` the figure printed there and both ends of its rounding."""
    if text.startswith("@"):
        figure = printed(claim, text[1:], claims)
        return figure.value, *figure.rounded
    values = tuple(_scalar(part) for part in text.split())
    return (values if len(values) > 1 else values[0],)


def printed(claim: Claim, identifier: str, claims: Mapping[str, Claim]) -> Figure:
    """The figure of another claim. Raises ``InputError`` if there is no such claim."""
    if identifier not in claims:
        raise InputError(f"claims.csv: {claim.id}: refers to {identifier!r}, which is not there")
    return claims[identifier].figure


def check(claim: Claim, claims: Mapping[str, Claim], studies: Mapping[str, Study] | None = None) -> Outcome | None:
    """``arithmetic wrong`` if the paper's own figures exclude what a claim says of runs; ``None`` if they allow it.

    The parameter ``check`` joins comparisons by "and": of two claims' figures, ``a > b`` or ``a = b``, each possible
    of values printed so, or ``a ~0.5 b``, no further apart than that many of a's units.
    """
    for comparison in filter(None, claim.parameters.get("check", "").split(" and ")):
        left, sign, right = comparison.split()
        a, b = printed(claim, left, claims), printed(claim, right, claims)
        if not _possible(a, sign, b, claims[left].scale):
            said = " and ".join(words.where_printed(claims[one], studies or {}) for one in (left, right))
            return Outcome("arithmetic wrong", f"excluded by the paper's own figures: {said}")
    return None


def _possible(a: Figure, sign: str, b: Figure, unit: Fraction) -> bool:
    first, second = a.printed_so, b.printed_so
    apart = max(first[0] - second[1], second[0] - first[1])  # negative where the ranges overlap
    if sign.startswith("~"):
        return apart <= Fraction(sign[1:]) * unit
    return {">": first[1] > second[0], "<": first[0] < second[1], "=": apart < 0}[sign]


def _origin(claim: Claim, claims: Mapping[str, Claim]) -> str:
    """Why a wrong figure is printed: the changes under which the expression gives it, recomputed as well."""
    if not claim.changed:
        return "not what is printed"
    base = {} if "expression" in claim.changed else claim.parameters
    _, low, high = evaluate(claim, {**base, **claim.changed}, claims)
    if agrees(claim, low, high) is None:
        changes = ", ".join(f"{name}={value}" for name, value in claim.changed.items())
        raise InputError(f"claims.csv: {claim.id}: {changes} does not give what is printed either")
    return origins.in_words(claim.changed, claims, is_bound="relation" in claim.parameters)


def _scalar(text: str):
    if text in ("yes", "no"):
        return text == "yes"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
