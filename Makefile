# Everything runs in .venv, which is made here from requirements.lock; nothing else is touched.
# `make` alone lists the targets.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The fast tests; `make test-all` takes the rest too.
FAST := not slow and not ui and not gpu
# Processes that run tests. Tests of one file stay in one process and share its fixtures.
JOBS ?= 2
XDIST := -n $(JOBS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test test-ui test-all lint docs format bench bench-quick lock clean

help:  ## list the targets
	@echo "fibsem-dash: make TARGET"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{printf "%-14s%s\n", $$1, $$2}'

install: $(STAMP)  ## make .venv and install everything in it

demo: $(STAMP)  ## make a synthetic stack, register it and say where the results are
	$(BIN)/fibsem-dash demo $(ARGS)

test: $(STAMP)  ## run the fast tests (under 5 minutes on 2 cores)
	$(BIN)/python -m pytest -m "$(FAST)" $(XDIST) $(ARGS)

test-ui: $(STAMP)  ## drive the pages in headless Chromium; screenshots go to artifacts/ui
	$(BIN)/python -m pytest -m "ui and not slow" tests/ui $(XDIST) $(ARGS)

test-all: $(STAMP)  ## run all tests, the slow ones too
	$(BIN)/python -m pytest $(XDIST) $(ARGS)

lint: $(STAMP)  ## check style, formatting, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(STAMP)  ## build the documentation in build/site, warnings are errors
	$(BIN)/python docs/build.py $(ARGS)

format: $(STAMP)  ## apply style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## time the pipeline and the plain baseline side by side (about 10 minutes)
	$(BIN)/python benchmarks/bench.py $(ARGS)

bench-quick: $(STAMP)  ## the same on a small stack (about 1 minute); its ratios are not to be quoted
	$(BIN)/python benchmarks/bench.py --quick $(ARGS)

# Pins stay where they still fit; `make lock ARGS=--upgrade` takes the newest of everything.
lock: $(BIN)/python  ## remake requirements.lock from pyproject.toml
	$(BIN)/python -m pip install --quiet "uv>=0.9"
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra test --generate-hashes \
	  --no-annotate --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" --quiet $(ARGS) -o requirements.lock pyproject.toml

clean:  ## remove .venv, caches and benchmark scratch (demo/ stays)
	rm -rf $(VENV) build dist *.egg-info bench-out .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for p in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	  $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    || continue; \
	  echo "Making $(VENV) with $$p"; exec $$p -m venv $(VENV); \
	done; \
	echo "No Python 3.11 or newer with the venv module was found. Install one (Debian, Ubuntu:" \
	  "apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3 install" >&2; \
	exit 1

$(STAMP): $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@
