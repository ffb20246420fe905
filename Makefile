# What one does with a checkout. Needs CPython >= 3.11 with venv, and make; all else is installed into .venv.
#
#   make demo        watch it work: sample papers, three readers, a mail server of its own
#   make test        lint, types, import contracts, and the quick tests: some minutes; needs no other program
#   make test-all    every other test: PostgreSQL, browser, packages, documentation, killed processes, simulated
#                    weeks. A test whose program is missing is skipped and says so; .ci/run installs them all
#   make prove       the long proofs; each says which bar it measures
#   make lint        only what `make test` does before the tests
#   make docs        write the generated reference pages again
#   make bench       how long commands take to start; benchmarks/ holds the others
#   make test-tools  checkers of pages, which `make test-all` uses where they are installed; needs npm
#   make clean       remove .venv, caches and the demo's folder
#
# Settings: PYTHON=/path/to/python, WORKERS=4 (test processes), ARGS="..." (more options of pytest).

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
# One more than this machine has cores, twice that for the long tests: many of them wait for servers.
CORES := $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
WORKERS ?= $(shell echo $$(($(CORES) + 1)))
ARGS ?=
PYTEST = $(BIN)/python -m pytest -q -n $(WORKERS) -rfEs

# Each test process and each command that a test starts would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all prove lint docs bench test-tools clean

demo: .venv/.installed
	$(BIN)/newsletter demo

test: lint
	$(PYTEST) -m "not full and not prove" --hypothesis-profile=quick $(ARGS)

# Tests with random examples run in `make test` with a quarter of them, and here with all.
test-all: .venv/.installed-for-tests
	$(PYTEST) -m "(full or hypothesis) and not prove" $(ARGS)

prove: .venv/.installed-for-tests
	$(BIN)/python -m pytest -v -m prove --durations=0 $(ARGS)

lint: .venv/.installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/.installed
	$(BIN)/python docs/generate.py

bench: .venv/.installed
	$(BIN)/python benchmarks/startup.py

# No script of a package runs (one would download a Java), and no lock file is written: the versions are exact.
test-tools:
	npm install --prefix tests/node --no-save --no-package-lock --no-audit --no-fund --ignore-scripts

clean:
	rm -rf .venv demo-state build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No CPython >= 3.11 with venv was found; say make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# The stamps make a second run fast: nothing is installed again until pyproject.toml changes.
.venv/.installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/.installed-for-tests: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test,lint,postgres,workers]"
	touch .venv/.installed $@
