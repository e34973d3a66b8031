# `make demo` and `make test` are the two commands of the README; the first run of either
# makes .venv from requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-all lint types protos protos-check layers lock clean

demo: $(INSTALLED)
	$(BIN)/ridgeline demo

test: lint types layers protos-check
	$(BIN)/python -m pytest

test-all: $(INSTALLED)
	$(BIN)/python -m pytest -m "slow or real_data or cluster or chaos"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/buf lint . --config protos/buf.yaml --path protos

types: $(INSTALLED)
	$(BIN)/mypy

layers: $(INSTALLED)
	$(BIN)/lint-imports

protos: $(INSTALLED)
	$(BIN)/python -m tests.tools.stubs --write

protos-check: $(INSTALLED)
	$(BIN)/python -m tests.tools.stubs --check

# Needs uv; the lock covers Python 3.11 and newer.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --extra dev --extra kernels pyproject.toml -o requirements.lock

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Ridgeline needs Python 3.11 or newer (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "Python lacks venv: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) .cache build *.egg-info .mypy_cache .pytest_cache .ruff_cache
