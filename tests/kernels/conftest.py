"""Shared by the tests of the CUDA kernels, which run here in the emulator."""

import shutil

collect_ignore_glob = [] if shutil.which("g++") else ["test_*.py"]


def pytest_terminal_summary(terminalreporter) -> None:
    if collect_ignore_glob:
        terminalreporter.write_line("CUDA kernels in the emulator: NOT RUN (install g++)")
