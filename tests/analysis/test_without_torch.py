"""What renders needs no torch: make figures installs none."""

import subprocess
import sys


def test_nothing_in_the_analysis_imports_torch():
    modules = ["report.page", "cost", "tables.tablea2", "figures.fig4", "statistics.wilcoxon", "claims.ledger"]
    imports = ", ".join(f"analysis.{name}" for name in modules)
    code = f"import sys, {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
