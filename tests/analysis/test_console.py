"""What the console says of jobs that fail: Snakemake's records in, lines out."""

import logging

import pytest

from analysis.console import Failures, is_of_use


@pytest.fixture
def logger():
    """A logger of its own, whose handler says nothing when the tests end."""
    handler, logger = Failures(), logging.Logger("snakemake")
    logger.addHandler(handler)
    yield logger
    handler.reasons.clear()


def fail(logger, jobid, *logs):
    logger.error("", extra={"event": "job_error", "jobid": jobid, "rule_name": "train", "log": [*logs]})


def test_a_job_s_log_is_shown_when_it_fails_and_its_last_line_once_more_at_the_end(logger, tmp_path, capsys):
    path = tmp_path / "train.log"
    path.write_text("Traceback:\n\nerror: no such model\n\n")
    fail(logger, 1, str(tmp_path / "none.log"), str(path))
    assert capsys.readouterr().err == f"{path}: failed\nTraceback:\nerror: no such model\n"
    logger.handlers[0].repeat()
    assert capsys.readouterr().err == f"{path}: error: no such model\n"


def test_of_a_long_log_the_end_is_shown(logger, tmp_path, capsys):
    (tmp_path / "log").write_text("\n".join(map(str, range(100))))
    fail(logger, 1, str(tmp_path / "log"))
    assert capsys.readouterr().err.splitlines()[1:] == [str(line) for line in range(70, 100)]


def test_reasons_are_repeated_when_the_process_ends(monkeypatch):
    at_the_end = []
    monkeypatch.setattr("atexit.register", at_the_end.append)
    handler = Failures()
    assert at_the_end == [handler.repeat]


def test_a_job_that_succeeds_later_is_not_repeated(logger, tmp_path, capsys):
    (tmp_path / "log").write_text("cancelled\n")
    fail(logger, 1, str(tmp_path / "log"))
    fail(logger, 2)
    logger.info("", extra={"event": "job_finished", "job_id": 1})
    capsys.readouterr()
    logger.handlers[0].repeat()
    assert capsys.readouterr().err == "train: nothing in its log: killed, or not started; see above\n"


def test_files_that_were_made_without_snakemake_are_not_remarked(logger):
    said = []
    logger.addFilter(is_of_use)
    logger.addFilter(lambda record: said.append(record.msg))
    for text in ("1 jobs have missing provenance/metadata so that it in part", "Nothing to be done"):
        logger.warning(text)
    assert said == ["Nothing to be done"]
