"""What holds for all tests: repeatable Hypothesis runs, and a closing word on what did not run."""

import importlib.util
import os
import signal
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# Tests never judge by time: a loaded machine must not fail them. Every run takes the same examples, unless it is
# called with --hypothesis-profile=explore.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", settings.get_profile("explore"), derandomize=True)
settings.load_profile("repeatable")

sys.path.insert(0, str(Path(__file__).parent))  # tables that several tests read are modules beside them

HAS_TORCH = importlib.util.find_spec("torch") is not None
collect_ignore = ["sanitizers", *([] if HAS_TORCH else ["peers"])]  # unless they are named: make sanitize-cuda


def pytest_configure(config) -> None:
    import kernel_report

    kernel_report.watch()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: scripts under test would inherit
        signal.signal(signal.SIGINT, signal.default_int_handler)  # that, and wait for ever for the Ctrl-C they are sent


def pytest_terminal_summary(terminalreporter, config) -> None:
    import kernel_report

    say = terminalreporter.write_line
    for line in kernel_report.lines(kernel_report.verified()):
        say(line)
    if not any("sanitizers" in str(argument) for argument in config.args):
        say("CUDA kernels under AddressSanitizer and ThreadSanitizer: NOT RUN (make sanitize-cuda)")
    if not HAS_TORCH:
        say("PyTorch comparisons: NOT RUN (make test-peers installs torch and runs them)")
    if not os.environ.get("MINIGEN_DATA"):
        say("Full MNIST: NOT RUN (set MINIGEN_DATA to a folder that holds mnist/; the embedded digits were used)")
