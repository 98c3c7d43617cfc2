# `make demo` and `make test` do all set-up on a fresh machine. Override: make test PYTHON=python3.12 VENV=.venv312
SHELL := bash
VENV ?= .venv
BIN := $(VENV)/bin
SUPPORTED := -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p $(SUPPORTED) 2>/dev/null && echo $$p && break; done)
DEMO := runs/demo

.PHONY: demo test test-all figures lint format wheel-check clean

demo: $(VENV)/.core
	$(BIN)/emergelaw fit data/simulated.nc --out $(DEMO); status=$$?; \
	test ! -s $(DEMO)/report.html || echo "report: $(DEMO)/report.html"; exit $$status

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q

test-all: $(VENV)/.dev
	$(BIN)/python -m pytest -q -m ""

# Pictures of the README; the fit of `make demo` is reused if it is there.
figures: $(VENV)/.core
	$(BIN)/python paper_figs/curves.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Build the wheel through the sdist, install it in a clean environment, and use it from an empty folder.
wheel-check: $(VENV)/.dev
	set -euo pipefail; \
	scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(BIN)/python -m build --outdir "$$scratch/dist" . >"$$scratch/build.log" || { cat "$$scratch/build.log"; exit 1; }; \
	$(BIN)/python -m venv "$$scratch/venv"; \
	"$$scratch/venv/bin/pip" install --quiet --constraint constraints.txt "$$scratch"/dist/*.whl; \
	cd "$$scratch"; \
	venv/bin/emergelaw --version; \
	venv/bin/emergelaw --help >/dev/null; \
	venv/bin/emergelaw fit simulated --out run; \
	test -s run/report.html

clean:
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache .hypothesis

# One environment, two stages: what the program needs, then what its tests and checks need as well.
$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[parquet,dev]'
	@touch $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 or newer (with venv) on PATH, found none: make demo PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
