# Every target does its own set-up: a machine with Python 3.11 or later and make is enough (Debian: root or sudo, to
# install what `make test` runs against). `make` alone lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHON

# What pytest must not skip, and anything else for it: make test TESTS="-k cone tests/engine"
REQUIRE ?= --require postgres --require stilts $(if $(VO_TEST_POSTGRES),,--require pgsphere)
TESTS ?=
# How many files of tests run at once, each in a process of its own.
PROCESSES ?= 2
# How many rows each catalogue has that `make nightly` loads.
ROWS ?= 1000000
# How many random queries `make nightly` runs, and which; without a seed others every time.
QUERIES ?= 20000
# How many jobs it starts while their workers are killed.
JOBS ?= 500
SEED ?=
# Options of the benchmark: make bench BENCH="--rows 100000 --only formats"
BENCH ?=
# Options of the demo: make demo DEMO="--rows 1000000 --port 8000"
DEMO ?=

SOURCES := vo_server ingest tests
LOCKED := pyproject.toml constraints.txt docker/install-python.sh

.PHONY: help demo test nightly bench lint format check-types tools wheel constraints clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: $(VENV)/core.stamp ## Make a mock sky, publish it and serve it; Ctrl-C stops it
	$(BIN)/vo-server demo $(DEMO)

test: $(VENV)/dev.stamp tools lint check-types ## Run every check and every test, on both engines
	PYTHON=$(BIN)/python docker/with-postgres.sh $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile \
	  $(REQUIRE) $(TESTS)

nightly: $(VENV)/dev.stamp tools ## Compare the engines on 20 000 random queries, load catalogues of 1 000 000 rows, torture 500 jobs; QUERIES=N ROWS=N JOBS=N SEED=N
	PYTHON=$(BIN)/python docker/with-postgres.sh $(BIN)/python -m pytest --require postgres tests/differential \
	  --differential $(QUERIES) $(if $(SEED),--seed $(SEED))
	VO_TEST_ROWS=$(ROWS) PYTHON=$(BIN)/python docker/with-postgres.sh $(BIN)/python -m pytest --require postgres \
	  tests/e2e/test_loaded_catalogues.py
	$(BIN)/python -m pytest -s tests/torture --torture $(JOBS) $(if $(SEED),--seed $(SEED))

bench: $(VENV)/dev.stamp tools ## Measure the service on both engines, beside what the databases can do alone
	docker/with-postgres.sh $(BIN)/vo-server bench service --engine both --json bench.json $(BENCH)

lint: $(VENV)/dev.stamp ## Check style, format and layers
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports

check-types: $(VENV)/dev.stamp ## Check types
	$(BIN)/mypy $(SOURCES)

format: $(VENV)/dev.stamp ## Format the sources
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

wheel: $(VENV)/dev.stamp ## Build the wheel and the source distribution in dist/
	$(BIN)/python -m build --no-isolation

constraints: $(VENV)/dev.stamp ## Take newer versions of everything into constraints.txt (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file constraints.txt

clean: ## Remove what make and the tools made, the demo's data included
	rm -rf $(VENV) build dist .demo .test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What the tests need from the system; with VO_TEST_POSTGRES set, PostgreSQL is somebody else's business.
tools:
	@[[ -n "$${VO_TEST_POSTGRES:-}" ]] || { docker/install-postgres.sh && docker/apt-install.sh postgresql-15-pgsphere; }
	@command -v stilts >/dev/null || docker/apt-install.sh stilts
	@command -v curl >/dev/null || docker/apt-install.sh curl

$(VENV)/core.stamp: $(LOCKED)
	docker/install-python.sh $(VENV) --editable .
	touch $@

$(VENV)/dev.stamp: $(LOCKED)
	docker/install-python.sh $(VENV) --editable '.[dev]'
	touch $(VENV)/core.stamp $@
