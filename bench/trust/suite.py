"""Run the tests of trust with more faults than the tests do by themselves, and count what was tried.

python bench/trust/suite.py     writes results/suite.json
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TESTS = (ROOT / "tests" / "trust", ROOT / "bench" / "tests" / "trust")
FAULTS = 40  # of each writer


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *TESTS, "-q", f"--junitxml={report}"]
        command += ["-o", "junit_family=xunit1"]  # the one that has properties
        code = subprocess.run(command, env={**os.environ, "TORCHDEC_FAULTS": str(FAULTS)}, cwd=ROOT).returncode
        # Our own file, written a moment ago.
        cases = list(ET.parse(report).iter("testcase"))
    tests, counted = Counter[str](), Counter[str]()
    for case in cases:
        if not any(child.tag in ("failure", "error", "skipped") for child in case):
            tests[case.attrib["classname"].split(".")[-1]] += 1
            for one in case.iter("property"):
                counted[one.attrib["name"]] += int(one.attrib["value"])
    (HERE / "results" / "suite.json").write_text(
        json.dumps({"passed": dict(tests), "counted": dict(counted)}, indent=1) + "\n"
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
