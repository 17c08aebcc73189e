"""The paper's claims as data, ``claims.csv``: what is printed and the rule that decides it, fixed before any run."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from analysis import cli
from nist.errors import InputError

PATH = Path(__file__).with_name("claims.csv")
COLUMNS = ["id", "source", "study", "variant", "quantity", "printed", "unit", "kind", "rule", "parameters", "note"]
NUMBER = re.compile(r"[+-]?[0-9]{1,30}([.][0-9]{1,30})?(e[+-]?[0-9]{1,2})?", re.IGNORECASE)
KINDS = ("derivable", "empirical", "qualitative", "setting")
SCALES = {
    "%": Fraction(1, 100),
    "points": Fraction(1, 100),
    "thousand": Fraction(10**3),
    "million": Fraction(10**6),
    "1e12 FLOPs": Fraction(10**12),
}


@dataclass(frozen=True)
class Figure:
    """A printed number: its ``value`` and the place of its last digit, ``step``, both in base units."""

    value: Fraction
    step: Fraction

    @property
    def rounded(self) -> tuple[Fraction, Fraction]:
        """The values that are printed so by rounding: half a step to either side."""
        return self.value - self.step / 2, self.value + self.step / 2

    @property
    def printed_so(self) -> tuple[Fraction, Fraction]:
        """The least and the greatest value printed so: by rounding, or by cutting digits off where that can be."""
        low, high = self.rounded
        cut = self.step if self.can_be_cut else Fraction(0)
        return (low, max(high, self.value + cut)) if self.value >= 0 else (min(low, self.value - cut), high)

    @property
    def can_be_cut(self) -> bool:
        """Whether two digits are left, and others may have been cut off: with one, a cut can halve a value."""
        return abs(self.value) >= 10 * self.step


class Parameters(dict[str, str]):
    """A rule's parameters by name; one that is missing is a mistake in the claim's row, which the error names."""

    def __init__(self, pairs: dict[str, str], where: str) -> None:
        super().__init__(pairs)
        self.where = where

    def __missing__(self, name: str) -> str:
        raise InputError(f"{PATH.name}: {self.where}: its rule needs the parameter {name!r}")


@dataclass(frozen=True)
class Claim:
    """One row of ``claims.csv``; every field is text, ``printed`` empty where the paper prints no figure.

    ``parameters`` are the rule's. ``changed`` holds what stands after the bar: the changes to them under which the
    printed figure comes out, where it is not the right one.
    """

    id: str
    source: str
    study: str
    variant: str
    quantity: str
    printed: str
    unit: str
    kind: str
    rule: str
    parameters: Parameters
    changed: Parameters
    note: str

    @property
    def scale(self) -> Fraction:
        """Base units (fractions, counts, FLOPs) in one printed unit."""
        return SCALES.get(self.unit, Fraction(1))

    @property
    def figure(self) -> Figure:
        """The number claimed, in base units: ``claimed`` among the parameters, or else the printed one.

        Its last digit is the last one written, unless ``step`` says otherwise: "10,000×" may be good to a thousand.
        """
        text = self.parameters.get("claimed", self.printed)
        try:
            value = number(text)
            step = number(self.parameters["step"]) if "step" in self.parameters else last_place(text)
        except ValueError:
            raise InputError(f"{PATH.name}: {self.id}: {text!r} is not a number") from None
        return Figure(value * self.scale, step * self.scale)


def number(text: str) -> Fraction:
    """An exact number. Raises ``ValueError`` for what is none, and for powers of ten that would fill the memory."""
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    return Fraction(text)


def last_place(text: str) -> Fraction:
    """Place of the last digit of a decimal number: 1/100 for ``81.90``, a trillion for ``4.576e15``."""
    digits, _, exponent = text.lower().partition("e")
    decimals = len(digits.partition(".")[2])
    return Fraction(10) ** (int(exponent or 0) - decimals)


def read(path: Path = PATH) -> dict[str, Claim]:
    """Claims by id, in the order of the file. Raises ``InputError`` for a missing column, a double id or a bad row."""
    rows = cli.read_table(path, dtype=str, keep_default_na=False)
    if list(rows.columns) != COLUMNS:
        raise InputError(f"{path}: the columns should be {', '.join(COLUMNS)}")
    claims = {}
    for row in rows.to_dict("records"):
        if row["id"] in claims:
            raise InputError(f"{path}: {row['id']} stands there twice")
        if row["kind"] not in KINDS:
            raise InputError(f"{path}: {row['id']}: kind {row['kind']!r} should be one of {', '.join(KINDS)}")
        parameters, _, changed = row.pop("parameters").partition("|")
        claims[row["id"]] = Claim(parameters=parse(parameters, row["id"]), changed=parse(changed, row["id"]), **row)
    return claims


def parse(text: str, where: str) -> Parameters:
    """Parameters written as ``name=value; name=value``. Raises ``InputError`` that names the claim, ``where``."""
    pairs = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise InputError(f"{PATH.name}: {where}: parameter {name!r} should be written name=value")
    return Parameters({name: value for name, _, value in pairs}, where)


def written(claim: Claim) -> str:
    """A claim's rule with its parameters, as the ledger shows it."""
    return f"{claim.rule}({'; '.join(f'{name}={value}' for name, value in claim.parameters.items())})"
