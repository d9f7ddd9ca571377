"""The web process reads statistics; it must not pay for SciPy."""

import subprocess
import sys


def test_importing_the_package_imports_no_scipy_and_no_numpy():
    code = "import sys, rftstudio.engine.stats; print([m for m in ('scipy', 'numpy', 'torch') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
