"""Limits of partitions, as a sinfo that is not Slurm's prints them."""

import os

import pytest

from analysis import queues


@pytest.fixture
def sinfo(tmp_path, monkeypatch):
    """Let sinfo print this."""

    def say(text):
        (tmp_path / "sinfo").write_text(f"#!/bin/sh\ncat <<'E'\n{text}\nE\n")
        (tmp_path / "sinfo").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return say


def test_limits_are_read_in_every_form(sinfo):
    sinfo("short 30:00\nlong 2-01:30:00\nday 4:00:00\nfree infinite\nodd n/a\nthree words here")
    assert queues.limits() == {"short": 30, "long": 49 * 60 + 30, "day": 240}


def test_a_rule_that_asks_for_more_than_its_partition_gives_is_named_once(sinfo):
    sinfo("gpu 4:00:00\ncpu 1:00:00")
    training, small = {"slurm_partition": "gpu", "runtime": 480}, {"slurm_partition": "cpu", "runtime": 60}
    (remark,) = queues.remarks([("train", training), ("train", training), ("images", small), ("all", {})])
    assert remark.startswith("train: asks for 480 minutes, but jobs of partition gpu may take 240")
    assert queues.remarks([("images", small), ("train", {**training, "slurm_partition": "unknown"})]) == []


def test_without_slurm_nothing_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert queues.remarks([("train", {"slurm_partition": "gpu", "runtime": 480})]) == []
