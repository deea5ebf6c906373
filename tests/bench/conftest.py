"""Runs the benchmark command inside this process."""

import pytest
from minigen.kernels.bench import command

import minigen


@pytest.fixture
def bench(capsys):
    """``bench("train", "--steps", "2") -> (exit code, stdout)``."""
    threads = minigen.get_num_threads()

    def call(*arguments: str) -> tuple[int, str]:
        code = command.run(command.parse(arguments))
        return code, capsys.readouterr().out

    yield call
    minigen.set_num_threads(threads)
