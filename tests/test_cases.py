"""What users and public reports of other tools met with, as they did it: `make cases` runs each script.

Each begins with what is expected of it, which is checked here on what it prints. They take minutes together, so
`make test` leaves them out; what they showed is tested there with smaller rows too.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(os.environ.get("TORCHDEC_CASES", ""))
pytestmark = [
    pytest.mark.cases,
    pytest.mark.skipif(not list(CASES.glob("01_*.py")), reason="needs the folder of TORCHDEC_CASES"),
]
ALL_RIGHT = r"ACC 1\.0000"
PERFECT = r"\(1\.0, 1\.0\)"
FITTED = r"rc 0 +cluster +rows"
# Of each script, what its lines have to say, in this order.
EXPECTED: dict[str, list[str]] = {
    "01": [ALL_RIGHT] * 4 + [rf"offset 1e\+0{n}: torchdec 1\.0" for n in (7, 8, 9)],
    "02": [r"ACC 0\.3\d"] * 2,
    "03": [
        r"left out; --use 'Unnamed: 0'",
        r"'Unnamed: 0' \['a', 'b', 'c'\]",
        *(rf"'{name}' \['a', 'b', 'c'\]" for name in ("index", "id", "row_id")),
        r"parquet of pandas \['a', 'b', 'c'\]",
        r"pandas' metadata \['a', 'b', 'c'\]",
        FITTED,
    ],
    "04": [
        ALL_RIGHT,
        r"169 of 600 rows are in no cluster .* ACC 1\.0000",
        r"True\s+169\s+0\s+0\s+0",
        r"confidence of the missing: 0\.0",
        r"2 hold nothing",
        r"0\s+0\s+-1\s+0\.0",
        r"1\s+1\s+-1\s+0\.0",
    ],
    "05": [ALL_RIGHT] * 2,
    "06": [ALL_RIGHT] * 5,
    "07": [ALL_RIGHT] * 2,
    "08": [
        ALL_RIGHT,
        ALL_RIGHT,
        r"1 of 3 pictures hold NaN",
        r"nan row means: \[\d+\.\d+\s+nan\s",
        r"const row means: \[ 77\.82\d+ +155\.64\d+ +233\.46\d+ *\]",
    ],
    "09": [
        r"6 stacks of 10 pages: \(60, 256\)",
        r"4 \.jfif: \(12, 256\)",
        r"3 of 20 files .* 03\.png, 09\.png, 15\.png",
    ],
    "10": [
        r"in the order written: True",
        ALL_RIGHT,
        r"\['row', 'cluster', 'confidence', 'file', 'row_in_file'\]",
        r"_temporary",
        r"spark: 240 rows -> \(240, 5\)",
        r"RowsError: delta: is a table of Delta Lake, .* write the rows as plain Parquet",
    ],
    "11": [FITTED, FITTED, r"holds .*list", FITTED, "ok", "ok", "ok", "ok"],
    "12": [ALL_RIGHT, r"assignments: 300", ALL_RIGHT, r"assignments: 300"],
    "13": [
        FITTED,
        r"30 rows that are all equal",  # as they are, in UTF-16
        *(rf"line 32, column 'b': '{cell}' is not a number" for cell in (r"\?", " ", "None")),
        *[FITTED] * 6,
    ],
    "14": [
        *(
            rf"{kind} -> accepted \['a' 'b' 'c' 'd' 'when'\]"
            for kind in ("polars Date", "polars Datetime", "pandas datetime64", "pandas date objects", "Period")
        ),
        r"pd\.cut -> accepted \['a' 'b' 'c' 'd' 'bin'\]",
        r"NaN in column b -> accepted \['a' 'b' 'c' 'd'\]",
        r"Categorical of ints -> accepted \['a' 'b' 'c' 'd' 'shop=4' ",
        r"20 of 200 rows hold nothing and are left out of the fit",
    ],
    "15": [
        FITTED,
        FITTED,
        *[r"\(10 of 40 marked\) -> \(60, 10\)"] * 6,
        FITTED,
    ],
    "16": ["ok"] * 5,
    "17": [
        *(rf"{n} rows: \(torchdec, k-means\) \[{', '.join([PERFECT] * 3)}\]" for n in (10, 16, 20, 30)),
        *(rf"300 \+ 300 \+ {n} rows: 1\.0" for n in (4, 8, 12)),
    ],
    "18": [r"one-hot 1\.0"],  # texts are read as the kinds that they are
    "19": [r"\.astype\(str\)", ALL_RIGHT, FITTED, r"out\.csv: 100 rows in 3 of 3 clusters"],
}


@pytest.mark.parametrize("number", EXPECTED)
def test_a_script_prints_what_its_head_expects(number: str, tmp_path: Path) -> None:
    script = next(CASES.glob(f"{number}_*.py"))
    done = subprocess.run(
        [sys.executable, "-u", script.name],
        cwd=script.parent,
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    printed, place = done.stdout, 0
    for pattern in EXPECTED[number]:
        found = re.compile(pattern).search(printed, place)
        assert found, f"{pattern!r} is not in\n{printed[place:]}"
        place = found.end()


def _environment(folder: Path) -> dict[str, str]:
    """Have each fit replace the run of the one before: some scripts are of when only one of theirs was done."""
    command = folder / "torchdec"
    real = Path(sys.executable).with_name(
        "torchdec"
    )  # which is on no path where a virtual environment is not entered
    command.write_text(f'#!/bin/sh\ntest "$1" = fit && exec {real} "$@" --force\nexec {real} "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "default"}
