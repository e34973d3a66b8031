# `make demo` and `make test` are the two commands of the README; the first run of either
# makes .venv from requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-all postgres lint types protos protos-check layers lock clean

demo: $(INSTALLED)
	$(BIN)/ridgeline demo

test: lint types layers protos-check postgres
	$(BIN)/python -m pytest

test-all: $(INSTALLED) postgres
	$(BIN)/python -m pytest -m "slow or real_data or cluster or chaos"

# The server that the store's tests start; where it can't be installed they skip, and say so.
postgres:
	@if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null; \
	then \
	  { [ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } \
	  || echo "PostgreSQL could not be installed: the tests that need it will skip"; \
	fi

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
