"""Where a wrong figure comes from, in words: the changes to a claim's expression under which it comes out."""

from collections.abc import Mapping

from analysis.claims import words
from analysis.claims.claim import Claim

ALONE = {  # a parameter that is changed, by itself
    "images": "with {:,} images",
    "channels": "with {:,} input channel",
    "prune_epoch": "without the epochs before the prune",
    "factors": "with the factors {}",
    "sparsity": "at a sparsity of {:.2%}",
    "network": "for {}",
    "c3": "with the third convolution connected as by LeCun et al. (1998)",
}
WHOLE = {  # an expression, of its arguments
    "ratio": "is {a} over {b}",
    "reduction": "is the share of {b} that {a} leaves out",
    "multiple": "is {share} of {a}",
    "kept": "is what a sparsity of {sparsity} leaves of {dense} weights",
    "flops_of": "is for {before} weights, {epochs} epochs and {images} images",
    "sparsity": "is the sparsity, not the density",
}


def in_words(changed: Mapping[str, str], claims: Mapping[str, Claim], is_bound: bool = False) -> str:
    """What gives the printed figure: "the printed figure is the printed 78.5 over the printed 8.3".

    Of a figure that is a bound: what the bound holds for.
    """
    expression = changed.get("expression")
    if expression in WHOLE:
        arguments = {name: _argument(text, claims) for name, text in changed.items()}
        return f"the printed figure {WHOLE[expression].format(**arguments)}"
    if "a" in changed:  # the same expression of other printed figures
        return f"the printed figure is of {_argument(changed['a'], claims)} and {_argument(changed['b'], claims)}"
    parts = [ALONE[name].format(_value(name, text)) for name, text in changed.items()]
    holds = "the bound holds" if is_bound else "the printed figure comes out"
    return f"{holds} {' and '.join(parts)}"


def _argument(text: str, claims: Mapping[str, Claim]) -> str:
    if text.startswith("@"):
        claim = claims[text[1:]]
        return f"the {words.figure(claim.printed, claim.unit)} of {claim.source}"
    return f"{int(text):,}" if text.isdigit() else f"{float(text):.4g}" if text.replace(".", "").isdigit() else text


def _value(name: str, text: str):
    if name in ("factors", "network", "c3"):
        return ", ".join(text.split()) if name == "factors" else text.replace("-", " with ", 1).replace("-", " ")
    return float(text) if name == "sparsity" else int(text)
