# `make quickstart` and `make test` need only Python 3.11-3.13; they make their own environment in .venv.

VENV ?= .venv
LOWEST ?= .venv-lowest
PYTHON := $(VENV)/bin/python
UV := $(VENV)/bin/uv
INTERPRETERS ?= python3.11 python3.12 python3.13 python3

export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-all test-lowest audit lint format registry lock clean
.DELETE_ON_ERROR:

help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: $(VENV)/.installed-test ## Trains, evaluates and exports a model of the built-in pydocs; prints predictions.
	$(PYTHON) train.py configs/pydocs.yaml
	$(VENV)/bin/tfmtl evaluate runs/pydocs
	$(VENV)/bin/tfmtl export runs/pydocs
	$(PYTHON) examples/show_predictions.py runs/pydocs

# Three processes for two cores, because one of them is usually waiting for a server or a subprocess.
PYTEST_OPTIONS := --numprocesses 3 --dist loadfile --no-loadscope-reorder
PYTEST := $(PYTHON) -m pytest $(PYTEST_OPTIONS)

test: $(VENV)/.installed-test ## Runs the tests but those of further variants.
	$(PYTEST)

test-all: $(VENV)/.installed-test ## Runs all tests.
	$(PYTEST) --run_large

# An environment of its own, made anew each time, so that nothing newer is left in it.
test-lowest: $(VENV)/.installed-dev ## Runs the tests with the lowest versions that setup.cfg allows.
	$(UV) venv --quiet --clear --no-python-downloads --python $(PYTHON) $(LOWEST)
	$(UV) pip install --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[test]'
	$(LOWEST)/bin/python -m pytest $(PYTEST_OPTIONS)

# Strict, because what could not be looked up would otherwise count as safe.
audit: $(VENV)/.installed-dev ## Looks the pinned versions up among known vulnerabilities; needs pypi.org.
	$(UV) tool run --from pip-audit pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

lint: $(VENV)/.installed-dev ## Checks style and formatting.
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

format: $(VENV)/.installed-dev ## Formats the code and fixes what can be fixed.
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

registry: $(VENV)/.installed-dev ## Regenerates docs/registry.md from the registries.
	$(PYTHON) docs/make_registry.py

lock: $(VENV)/.installed-dev ## Regenerates constraints.txt with the newest compatible versions.
	$(UV) pip compile setup.cfg --extra serve --extra dev --universal --python-version 3.11 \
	    --no-python-downloads --no-annotate --upgrade --quiet \
	    --custom-compile-command "make lock" --output-file constraints.txt

clean: ## Removes the environment and all caches; keeps runs and exports.
	rm -rf $(VENV) $(LOWEST) build dist tfmtl.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp of an extra is newer than its sources, so that a second call installs nothing.
$(VENV)/.installed-%: setup.cfg pyproject.toml constraints.txt | $(PYTHON)
	$(PYTHON) -m pip install --constraint constraints.txt --editable '.[$*]'
	@touch $@

# An interpreter on the path may be a launcher that fails; Debian's Python needs python3-venv to make an environment.
$(PYTHON):
	@for interpreter in $(INTERPRETERS); do \
	    $$interpreter -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
	    if ! $$interpreter -c 'import ensurepip, venv' 2>/dev/null; then \
	        incomplete="$$incomplete $$interpreter"; continue; \
	    fi; \
	    echo "Making $(VENV) with $$($$interpreter --version)"; \
	    exec $$interpreter -m venv $(VENV); \
	done; \
	if [ -n "$$incomplete" ]; then \
	    echo "No Python can make an environment:$$incomplete lacks ensurepip; install its package, such as python3-venv." >&2; \
	else \
	    echo "No Python 3.11-3.13 among: $(INTERPRETERS). Install one, or name it: make INTERPRETERS=/path/to/python" >&2; \
	fi; \
	exit 1
