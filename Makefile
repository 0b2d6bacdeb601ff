# Millibar. `make demo` shows it end to end, `make test` proves it; both install what they need into this folder.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
MILLIBAR := $(VENV)/bin/millibar
LOCKS := requirements.txt requirements-dev.txt
INSTALLED := $(VENV)/.installed
TEST_WORKERS ?= 2
UV_VERSION := 0.13.9

export MILLIBAR_PROJECT := $(CURDIR)

.PHONY: help install demo test stop clean psql status lint types bench lock

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## install the locked environment into .venv

$(INSTALLED): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Millibar wants Python 3.11: install it, or say where it is with make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python $(addprefix -r ,$(LOCKS))
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --no-deps -e .
	@touch $@

demo: $(INSTALLED)  ## simulated market, historical load, two daily runs, cockpit (DEMO_CUSTOMERS=20000)
	@$(MILLIBAR) demo

test: $(INSTALLED)  ## the whole test suite
	@$(VENV)/bin/python -m pytest -n $(TEST_WORKERS) --no-loadscope-reorder

stop:  ## end the services the demo left running
	@if [ -x $(MILLIBAR) ]; then $(MILLIBAR) services stop; else echo "nothing is installed, nothing runs"; fi

clean: stop  ## stop, then remove everything that was made here
	rm -rf .millibar $(VENV) dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf plugins/*.egg-info

psql: $(INSTALLED)  ## a prompt on the published tables (schema bi)
	@$(MILLIBAR) psql

status: $(INSTALLED)  ## the last runs and what is published
	@$(MILLIBAR) status

lint: $(INSTALLED)  ## ruff (SQL is linted by tests/dbt/test_sqlfluff.py)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(INSTALLED)  ## mypy on the library
	$(VENV)/bin/mypy

bench: $(INSTALLED)  ## benchmarks, by hand: they print ratios side by side
	@for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(VENV)/bin/python $$file || exit 1; done

lock: $(INSTALLED)  ## pin requirements again
	$(VENV)/bin/uv pip compile --quiet --python-version 3.11 requirements.in -o requirements.txt
	$(VENV)/bin/uv pip compile --quiet --python-version 3.11 requirements-dev.in -c requirements.txt -o requirements-dev.txt
