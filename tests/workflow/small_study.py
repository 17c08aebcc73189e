"""The embedded LeNet-5 study made small enough to be trained in a test."""

import yaml

STUDY = "config/studies/lenet5-digits.yaml"
VARIANTS = ("dense", "nist-1-10-p98")


def edit_yaml(path, change):
    """Read a YAML file, ``change`` its content, and write it back."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def shrink(content):
    """Two variants, two seeds, two epochs."""
    content["seeds"] = "0-1"
    content["training"]["epochs"] = 2
    content["training"]["optimizers"][0]["share"] = content["training"]["optimizers"][1]["share"] = 0.5
    content["variants"] = {name: content["variants"][name] for name in VARIANTS}
    content["variants"]["nist-1-10-p98"]["prune"]["epoch"] = 1
