"""Every ```python block of every page runs: a page's blocks in order, as one program, in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def program(page: str) -> str:
    """The page with everything blanked but its Python blocks, so that line numbers stay the page's own."""
    lines, inside = [], False
    for line in page.splitlines():
        if line.startswith("```"):
            inside = line.rstrip() == "```python"
            line = ""
        lines.append(line if inside else "")
    return "\n".join(lines).rstrip() + "\n"


def run(name: str, page: str, folder: Path) -> subprocess.CompletedProcess:
    (script := folder / name).parent.mkdir(parents=True, exist_ok=True)
    script.write_text(program(page), encoding="utf-8")
    (cwd := folder / "empty").mkdir()
    env = {**os.environ, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "agg"}
    return subprocess.run([sys.executable, str(script)], cwd=cwd, env=env, capture_output=True, text=True)


PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
}
WITH_CODE = sorted(name for name, page in PAGES.items() if program(page).strip())


def test_the_pages_are_found():
    assert "docs/backprop.md" in WITH_CODE


@pytest.mark.parametrize("name", WITH_CODE)
def test_page_runs(name, tmp_path):
    done = run(name, PAGES[name], tmp_path)
    assert done.returncode == 0, f"{name} does not run as printed:\n{done.stdout}{done.stderr}"


def test_a_failing_block_names_page_and_line(tmp_path):
    page = "# Title\n\n```python\nx = 1\n```\n\n```\nnot python\n```\n\n```python\nassert x == 2\n```\n"
    done = run("docs/planted.md", page, tmp_path)
    assert done.returncode == 1
    assert 'docs/planted.md", line 12' in done.stderr and "AssertionError" in done.stderr


def anchors(page: str) -> set[str]:
    """What a link may name behind #: the headings, as GitHub spells them, and <a id>."""
    prose = re.sub(r"^```.*?^```", "", page, flags=re.M | re.S)
    headings = (re.sub(r"[^\w -]", "", h.lower()) for h in re.findall(r"^#+ (.*)$", prose, flags=re.M))
    return {*re.findall(r'<a id="(.*?)"', page), *(h.replace(" ", "-") for h in headings)}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_links_lead_somewhere(name):
    for file, _, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(#([^)\s]+))?\)", PAGES[name]):
        target = (ROOT / name).parent.joinpath(file).resolve() if file else ROOT / name
        assert target.exists(), f"{name} links to {file}, which does not exist"
        if anchor:
            page = target.read_text(encoding="utf-8")
            assert anchor in anchors(page), f"{name} links to {file}#{anchor}, and there is no such heading"
