# Everything a newcomer needs is `make demo` and `make test`; both do all the set-up themselves.
PYTHON ?= python3
VENV ?= .venv
# Many tests start Python anew: it must find its modules compiled, also where the environment says not to keep them.
unexport PYTHONDONTWRITEBYTECODE
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# One worker more than cores: some tests wait for servers, clusters and processes that end.
TESTS = $(BIN)/python -m pytest -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist worksteal

.PHONY: help demo test quick check fix pictures bench servers kserve-server wheel matrix clean

help:            ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

demo: $(VENV)/.runtime   ## set up, then explain two real photos, one as it comes and one by RISE
	$(BIN)/python examples/demo.py demo

test: $(VENV)/.test      ## set up, then run the whole test suite, on all cores
	SEEWHY_TEST_SERVERS=$(abspath $(VENV))/servers $(TESTS)

# What tests/e2e, tests/models and tests/properties hold takes processes, frameworks and many repetitions.
quick: $(VENV)/.test     ## the core's quick tests: about a minute on two cores
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" tests/architecture tests/contracts tests/oracles tests/unit

check: $(VENV)/.test     ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.test       ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pictures: $(VENV)/.runtime  ## make the pictures of the README and the docs again
	$(BIN)/python docs/make_pictures.py

bench: $(VENV)/.test     ## overhead, memory and start-up; by hand, with nothing beside it
	$(BIN)/python bench/overhead.py
	$(BIN)/python bench/memory.py
	$(BIN)/python bench/startup.py

servers: $(VENV)/servers/kserve/.ready $(VENV)/servers/mlserver/.ready  ## real model servers, for the tests that need one

kserve-server: $(VENV)/servers/kserve/.ready

wheel: $(VENV)/.test     ## build the wheel, install it into an empty environment, explain a photo there
	$(BIN)/python bench/wheel.py

matrix: $(VENV)/.test    ## lowest, pinned and newest packages on every Python found: explain, load an old file, compare; takes minutes
	$(BIN)/python bench/matrix.py --folder $(VENV)/matrix

clean:           ## remove the environment and what was made
	rm -rf $(VENV) demo build dist seewhy-out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Their pins conflict with ours and with each other's.
$(VENV)/servers/kserve/.ready:
	$(PYTHON) -m venv $(VENV)/servers/kserve
	$(VENV)/servers/kserve/bin/python -m pip install --quiet --disable-pip-version-check kserve==0.21.0
	touch $@

$(VENV)/servers/mlserver/.ready:
	$(PYTHON) -m venv $(VENV)/servers/mlserver
	$(VENV)/servers/mlserver/bin/python -m pip install --quiet --disable-pip-version-check mlserver==1.7.1
	touch $@

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[test]'
	touch $@ $(VENV)/.runtime
