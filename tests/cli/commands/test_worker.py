"""`worker` refuses what it cannot work with before it begins."""

from __future__ import annotations

import pytest

from tests.cli.shell import Shell


def test_worker_on_sqlite_says_what_to_run_instead(bare: Shell) -> None:
    bare.ok("init")
    answer = bare("worker")
    assert answer.code == 78
    assert "needs PostgreSQL" in answer.stderr
    assert "newsletter run" in answer.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--queues", "mail"], "there is no queue 'mail'"),
        (["--queues", "deliver,"], "there is no queue ''"),
        (["--queues", "archive"], "--archive"),
        (["--queues", "deliver", "--archive", "out"], "--archive"),
        (["--shard", "3/2"], "--shard"),
        (["--shard", "2"], "--shard"),
        (["--shard", "0/4"], "--shard"),
    ],
)
def test_wrong_options_are_refused(bare: Shell, options: list[str], said: str) -> None:
    bare.ok("init")
    answer = bare("worker", *options)
    assert answer.code == 2
    assert said in answer.stderr
