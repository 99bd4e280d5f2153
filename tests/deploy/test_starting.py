"""What a process loads when it starts: each of a desk's processes loads it, and keeps it for good."""

import subprocess
import sys


def test_what_few_need_is_not_loaded_by_all() -> None:
    program = "import sys, deploy.cli; print(*{'pyarrow', 'numpy'} & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""
