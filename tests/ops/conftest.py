"""The tables of gradient checks (cases_*.py) and their strategies are modules beside the tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
