# What one does with a checkout. Needs CPython >= 3.11 with venv, and make; all else is installed into .venv.
#
#   make demo    watch it work: sample papers, three readers, a mail server of its own
#   make test    lint, types, import contracts, tests, documentation
#   make prove   the long proofs; each says which bar it measures
#   make test-tools   checkers of pages, which `make test` uses where they are installed; needs npm
#   make lint    only the first three of `test`
#   make docs    write the generated reference pages anew
#   make clean   remove .venv, caches and the demo's folder

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
WORKERS ?= 2

.PHONY: demo test test-tools lint docs prove bench clean

demo: .venv/.installed
	$(BIN)/newsletter demo

# Many tests run real servers and processes, and a loaded machine can be late: what fails is tried once more, and listed.
test: lint
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not prove" --reruns 1 -rfEsR

# No script of a package runs (one would download a Java), and no lock file is written: the versions are exact.
test-tools:
	npm install --prefix tests/node --no-save --no-package-lock --no-audit --no-fund --ignore-scripts

lint: .venv/.installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/.installed
	$(BIN)/python docs/generate.py

prove: .venv/.installed-for-tests
	$(BIN)/python -m pytest -v -m prove --durations=0

bench: .venv/.installed
	$(BIN)/python benchmarks/startup.py

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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test,lint,postgres]"
	touch .venv/.installed $@
