# Every target prepares what it needs; Python 3.11 and pip are all that must be there before.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NAME ?= decode

.PHONY: help up test check bench fmt clean env proto lock

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

env: $(VENV)/run.done ## Make the environment only

lock: $(VENV)/dev.done ## Compile the pinned requirements anew
	$(BIN)/uv pip compile pyproject.toml --group build --universal --generate-hashes --python-version 3.11 \
	    --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --group build --group dev --universal --generate-hashes --python-version 3.11 \
	    --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements/dev.txt

proto: $(VENV)/dev.done ## Generate the message classes from the .proto files
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I. --python_out=. --mypy_out=. --grpc_python_out=. --mypy_grpc_out=. \
	    adapters/yellowstone/wire/*.proto && rm -f adapters/yellowstone/wire/solana_storage_pb2_grpc.py*
