# Every target installs what it needs, so `make demo` works in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The core install with the test tools, without any other extra.
CORE := .venv-core
# The CPU build of torch; an unpinned `torch` may install gigabytes of CUDA libraries.
TORCH ?= torch==2.13.0
# KerasHub declares tensorflow-text, several gigabytes that it does not need with torch and JAX.
KERAS_HUB ?= keras-hub==0.32.0
# One worker per core; a file's tests run in one worker, so that its models are trained once.
PYTEST_ARGS ?= -n auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test test-core test-slow fuzz kill check format bench docs clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "llmexam needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[encoders,train,llm,openai,track,export,collect,serve,scale,keras-jax,dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(KERAS_HUB)
	touch $@

demo: $(VENV)/.installed ## Install, then run the bundled exam and write its report
	$(BIN)/llmexam run demo --out runs/demo

test: $(VENV)/.installed ## Run the tests (no network, no GPU)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

$(CORE)/.installed: pyproject.toml
	rm -rf $(CORE)
	$(PYTHON) -m venv $(CORE)
	$(CORE)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

test-core: $(CORE)/.installed ## Run the core tests in an environment without extras
	$(CORE)/bin/python -m pytest $(PYTEST_ARGS)

test-slow: $(VENV)/.installed ## Run the slow tests
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

fuzz: $(VENV)/.installed ## Read mutated inputs: FUZZ_ARGS="--count 5000 --seed 0"
	$(BIN)/python -m tests.fuzz.campaign $(FUZZ_ARGS)

kill: $(VENV)/.installed ## Kill commands at random moments and resume them: KILL_ARGS="--count 200 --seed 0"
	$(BIN)/python -m tests.kill.campaign $(KILL_ARGS)
	$(BIN)/python -m tests.kill.limit_campaign $(KILL_ARGS)

check: $(VENV)/.installed ## Check format, lint, types, imports, and that the documentation is up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check
	$(BIN)/python -m pytest -m docs $(PYTEST_ARGS)

format: $(VENV)/.installed ## Format the code and fix lint errors
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.installed ## Update the reference pages and all example outputs
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/pages.py

bench: $(VENV)/.installed ## Run the benchmarks
	@set -e; for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean: ## Remove the environment and caches
	rm -rf $(VENV) $(CORE) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
