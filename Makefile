# Each target sets up what it needs; a second run starts at once.
VENV := .venv
PYTHON ?= python3.11
RUN := $(VENV)/bin/
# In a process for each core, of one thread each; a process keeps to the files it began with, for what they share.
TEST := OMP_NUM_THREADS=1 $(RUN)python -m pytest -n logical --maxprocesses 8 --dist worksteal
# Where a measurement data set lies beside the checkout, the tests on real data use it.
export TORCHDEC_DATA ?= $(wildcard ../shared/data)

.PHONY: demo test cases check docs results reproduce bench bench-quick trust mutants sbom dist clean

demo: $(VENV)/installed
	$(RUN)torchdec demo

test: $(VENV)/installed-dev
	$(TEST)

# What users met with, as they did it: scripts beside the checkout, each checked against what its head expects.
cases: $(VENV)/installed-dev
	TORCHDEC_CASES=$(abspath ../shared/cases) $(RUN)python -m pytest -m cases tests/test_cases.py

check: $(VENV)/installed-dev
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)lint-imports --no-cache
	$(TEST)

# The site in site/; a link that leads nowhere or a name without documentation is an error.
docs: $(VENV)/installed-dev
	$(RUN)mkdocs build --strict

results: $(VENV)/installed-bench
	$(RUN)torchdec-bench study bench/experiments/accuracy.toml
	$(RUN)torchdec-bench study bench/experiments/ablation.toml
	$(RUN)python bench/experiments/accuracy.py
	$(RUN)python bench/experiments/graph_space.py
	$(RUN)python bench/experiments/partition.py
	$(RUN)python bench/experiments/changed_rows.py
	$(RUN)python bench/experiments/choose_k.py
	$(RUN)python bench/experiments/living.py
	$(RUN)python bench/experiments/reliability.py
	$(RUN)python bench/experiments/novelty.py
	$(RUN)python bench/experiments/own_data.py
	$(RUN)python bench/experiments/mixed_tables.py

# The experiments of the paper at full size: days on two cores, and each goes on where it was stopped.
reproduce: $(VENV)/installed-bench
	for plan in accuracy sensitivity imbalance number pictures faithful; do \
		$(RUN)torchdec-bench study bench/experiments/paper-$$plan.toml || exit; done
	$(RUN)python bench/experiments/run_time.py
	$(RUN)python bench/experiments/reproduction.py

bench: $(VENV)/installed-bench
	$(RUN)python bench/benchmarks/steps.py
	$(RUN)python bench/benchmarks/peers.py
	$(RUN)python bench/benchmarks/search.py
	$(RUN)python bench/benchmarks/growth.py
	$(RUN)python bench/benchmarks/memory.py
	$(RUN)python bench/benchmarks/scale.py
	$(RUN)python bench/benchmarks/serving.py
	$(RUN)python bench/benchmarks/report.py
	$(RUN)python bench/benchmarks/tables.py
	$(RUN)torchdec-bench study bench/experiments/precision.toml
	$(RUN)python bench/benchmarks/table.py

# The main ratios in under five minutes; they are printed, and the files of results are left to `bench`.
bench-quick: $(VENV)/installed-bench
	$(RUN)python bench/benchmarks/steps.py --quick
	$(RUN)python bench/benchmarks/peers.py --quick

# What docs/trust.md counts: the long life, of half an hour, and faults and fuzzing beside it.
trust: $(VENV)/installed-trust
	$(RUN)python bench/trust/soak.py & soak=$$!; \
	$(RUN)python bench/trust/suite.py && $(RUN)python bench/trust/fuzz.py; code=$$?; \
	wait $$soak && exit $$code
	$(RUN)python bench/trust/page.py

# Changes of the code that tests are to notice: about a thousand, half an hour of one core.
mutants: $(VENV)/installed-trust
	$(RUN)python bench/trust/mutants.py
	$(RUN)python bench/trust/page.py

# What is installed with the package, for those who keep such lists (CycloneDX).
sbom: $(VENV)/installed-trust
	$(RUN)cyclonedx-py environment $(RUN)python --pyproject pyproject.toml --output-file sbom.json

# sdist, and the wheel made of it, in dist/; the wheel is installed alone and used in a folder without a checkout.
dist: $(VENV)/installed-dev
	rm -rf dist
	$(RUN)python -m build --no-isolation
	$(PYTHON) -m venv dist/venv
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch twine
	dist/venv/bin/twine check --strict dist/*.whl dist/*.tar.gz
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		"$$(ls dist/*.whl)[report]"
	cd dist && venv/bin/torchdec demo && venv/bin/torchdec predict demo-run demo-run/rows.npy -o clusters.parquet

# torch is pinned in constraints.txt and installed first: an unpinned one brings gigabytes of CUDA packages.
$(VENV)/installed: pyproject.toml bench/pyproject.toml constraints.txt
	test -x $(RUN)python || $(PYTHON) -m venv $(VENV)
	$(RUN)python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(RUN)python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[report]' -e ./bench
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(RUN)python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[report,onnx,docs,dev]' -e './bench[stl10]'
	touch $@

$(VENV)/installed-bench: $(VENV)/installed-dev
	$(RUN)python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e './bench[peers,tables]'
	touch $@

$(VENV)/installed-trust: $(VENV)/installed-dev
	$(RUN)python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[trust]'
	touch $@

clean:
	rm -rf $(VENV) demo-run dist site sbom.json
