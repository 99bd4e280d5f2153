# Everything runs in .venv, made when it is missing and renewed when requirements.lock or pyproject.toml changes.
# Needs python3 >= 3.11; the tests also Java >= 17 and Maven, or Docker, for a Kafka broker.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# What only the tests of the exports need is heavy (half a gigabyte) and under the AGPL; nothing that runs a desk has it.
MINING := $(VENV)/.mining

# Test processes, each with a PostgreSQL and a Kafka of its own; a file of tests stays in one, in the order conftest gives.
PROCESSES ?= 2
SIDE_BY_SIDE := --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

LOG ?= ../shared/data/incident_event_log.csv.xz
ZONE ?= America/Sao_Paulo

.DEFAULT_GOAL := help
.PHONY: help install run test check format bench release soak import-check sla-check lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(INSTALLED) ## a desk on this machine: its own PostgreSQL, state kept in .acta (ACTA_HOME), port by ACTA_PORT
	$(BIN)/acta run

test: $(INSTALLED) $(MINING) ## all tests but the long ones, with real PostgreSQL and Kafka, PROCESSES (2) side by side
	$(BIN)/python -m pytest -m "not soak" $(SIDE_BY_SIDE)

check: $(INSTALLED) ## formatting, lint, types, and who imports whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## measure this machine against the bars
	$(BIN)/python -m tests.bench

release: $(INSTALLED) ## the wheel of this version and the contract it keeps, in dist/
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/acta contract --to dist/contract

soak: $(INSTALLED) ## the tests that run for long
	$(BIN)/python -m pytest -m soak

import-check: $(INSTALLED) ## import the whole of LOG into a desk of its own, twice, and compare them column by column
	home=$$(mktemp -d) && export ACTA_HOME=$$home && trap 'rm -rf "$$home"' EXIT && \
	$(BIN)/acta import servicenow $(LOG) --timezone $(ZONE) --processes 2 && \
	$(BIN)/acta import servicenow $(LOG) --timezone $(ZONE) && \
	$(BIN)/acta import servicenow $(LOG) --timezone $(ZONE) --check

sla-check: $(INSTALLED) ## import the whole of LOG under three policies: the view is what the streams give, wherever it is filled
	PYTHONPATH=tests $(BIN)/python -m sla_check $(LOG) --timezone $(ZONE)

install: $(INSTALLED) $(MINING) ## make or renew .venv, without running anything

lock: ## resolve the dependencies anew and write requirements.lock
	rm -rf $(VENV)-lock
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet "setuptools>=77" ".[dev]"
	$(VENV)-lock/bin/pip freeze --all --exclude acta --exclude pip > requirements.lock
	$(VENV)-lock/bin/pip install --quiet --constraint requirements.lock ".[mining]"
	$(VENV)-lock/bin/pip freeze --all --exclude acta --exclude pip | grep -vxFf requirements.lock > requirements-mining.lock
	rm -rf $(VENV)-lock

clean: ## remove .venv, the fetched broker and caches; never the desk's state in .acta
	rm -rf $(VENV) $(VENV)-lock .kafka build dist *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.acta/*' -prune -exec rm -rf {} +

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Acta needs Python 3.11 or later; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.13 …" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(MINING): requirements-mining.lock $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-mining.lock
	touch $@
