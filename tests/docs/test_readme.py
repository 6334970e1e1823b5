"""What the README promises in its first screen is what CI runs."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIRST_SCREEN = 40  # lines, as a reader sees them without scrolling


def first_screen_commands() -> list[str]:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN]
    blocks = re.findall(r"^```sh\n(.*?)^```", "\n".join(lines), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def test_the_first_screen_holds_the_clone_the_demo_and_the_tests_and_no_other_command() -> None:
    clone, demo, tests = first_screen_commands()

    assert clone == "git clone https://github.com/geesync/geesync && cd geesync"
    assert demo.endswith("/geesync demo")
    assert "/pytest " in tests


def test_ci_runs_the_two_commands_of_the_readme_to_the_letter() -> None:
    _clone, demo, tests = first_screen_commands()

    taken = subprocess.run(
        [ROOT / ".ci" / "run", "commands"], check=True, capture_output=True, text=True
    )

    assert taken.stdout.splitlines() == [demo, tests]


def test_the_sample_of_a_test_is_a_test_of_ours() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sample = page[page.index("```python\ndef test_") :].split("```")[1].removeprefix("python\n")

    stories = (ROOT / "tests/story").glob("test_*.py")
    assert any(sample in story.read_text(encoding="utf-8") for story in stories)
