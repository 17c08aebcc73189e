"""Claims in words: studies and variants by their labels, quantities by their names."""

import re
from collections.abc import Iterable, Mapping

from analysis.claims.claim import Claim
from nist.studies.study import Study

GENERAL = "Any network"
WORDS = {  # of quantities, whose names in claims.csv are joined by underscores
    "acc": "accuracy",
    "val": "validation",
    "lr": "learning rate",
    "fc": "head",
    "init": "initial",
    "max": "maximum",
    "params": "parameters",
    "flops": "FLOPs",
    "sd": "SD",
    "auc": "AUC",
    "pp": "in points",
    "frac": "share of",
    "lo": "(from)",
    "hi": "(to)",
    "rel": "relative to",
    "top1": "top-1",
    "text": "",
    "min": "minimum",
    "adam": "Adam",
    "wilson": "Wilson interval",
    "wilcoxon": "Wilcoxon",
    "qkv": "in qkv",
    "fc1": "in fc1",
    "epoch1": "at epoch 1",
    "epoch10": "at epoch 10",
    "1": "",
    "2048": "",
    "10": "",
}
NAMED = {
    "mean_peak_val_acc": "mean peak accuracy",
    "max_val_acc": "best run's accuracy",
    "moe95_of_mean_acc": "± of the mean",
}
BOUNDS = {"<": "less than ", "<=": "at most ", ">": "more than ", ">=": "at least "}  # by relation of a claim
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
HEADS = {"nist": "NIST", "all": "all heads", "vs": "against", "p99.5": "at 99.5 %"}


def title(name: str, studies: Mapping[str, Study]) -> str:
    """A study's title."""
    return GENERAL if name == "general" else studies[name].title if name in studies else name


def heads(text: str, study: Study | None) -> str:
    """A claim's variants by their labels: "NIST (1, 10), 98 % against Dense"."""
    return " ".join(_head(word, study) for word in text.split())


def _head(word: str, study: Study | None) -> str:
    name, comma = word.rstrip(","), "," * word.endswith(",")
    label = study.variants[name]["label"] if study and name in study.variants else HEADS.get(name, name)
    return label + comma


def side(name: str, study: Study | None) -> str:
    """One side of a comparison, ``variant`` or ``variant@epoch``, by its label."""
    variant, _, epoch = name.partition("@")
    when = "" if not epoch else " at the last epoch" if epoch == "last" else f" at epoch {epoch}"
    return _head(variant, study) + when


def quantity(claim: Claim) -> str:
    """What is claimed of it: a quantity by its name, or a statement in the paper's words."""
    if is_statement(claim):
        return f"“{claim.printed}”"
    if claim.quantity in NAMED:
        return NAMED[claim.quantity]
    return re.sub(r" +", " ", " ".join(WORDS.get(word, word) for word in claim.quantity.split("_"))).strip()


def where_printed(claim: Claim, studies: Mapping[str, Study]) -> str:
    """What the paper prints for a claim, and where: "Table A2 prints 90.9 % for Dense"."""
    head = heads(claim.variant, studies.get(claim.study))
    return f"{claim.source} prints {figure(claim.printed, claim.unit)} for {head}"


def sentences(parts: Iterable[str]) -> str:
    """Parts of a reason, which semicolons join, as sentences."""
    kept = [one.strip() for part in parts for one in re.split(r";(?![^“]*”)", part) if one.strip()]
    return " ".join(f"{_with_capital(one).rstrip('.')}." for one in kept)


def _with_capital(text: str) -> str:
    return text[0].upper() + text[1:] if re.match(r"(?![pn] )[a-z]+\b", text) else text


def is_statement(claim: Claim) -> bool:
    """Whether the paper says it in words and not by a figure."""
    return claim.kind == "qualitative" and bool(claim.printed)


def printed(claim: Claim) -> str:
    """A printed figure with its unit, and whether it is a bound.

    An end of a range is none, nor is a figure that is compared with one under other parameters (``changed``).
    """
    is_bound = is_number(claim.printed) and not claim.changed and not claim.quantity.endswith(("_lo", "_hi"))
    return BOUNDS.get(claim.parameters.get("relation", "") if is_bound else "", "") + figure(claim.printed, claim.unit)


def figure(text: str, unit: str) -> str:
    """A printed figure or one of ours with its unit, as a reader writes it; the paper's words as they are."""
    if not is_number(text):
        return text
    text = _number(text)
    if unit == "1e12 FLOPs":
        return f"{text} × 10¹² FLOPs"
    return f"{text} {unit}".strip() if unit not in ("fraction", "p") else text


def _number(text: str) -> str:
    """A number with its thousands apart and its power of ten written out."""
    digits, _, power = text.partition("e")
    if digits.lstrip("-").isdigit():
        digits = f"{int(digits):,}"
    return digits.replace("-", "−") + (f" × 10{str(int(power)).translate(SUPERSCRIPTS)}" if power else "")


def is_number(text: str) -> bool:
    """Whether a cell of the ledger is a number."""
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True
