# python3, make and a package index are all it needs. Everything is put into .venv.
PYTHON ?= python3
BIN := .venv/bin
LOCK := requirements/dev.lock
NODE_LOCK := requirements/node.lock

COMPILE := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

.PHONY: help setup run demo test soak check bench lock docs clean

help:  ## what can be asked for
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready  ## make .venv with the locked libraries and this project in it

.venv/.ready: $(LOCK) pyproject.toml package-lock.json
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode $(LOCK)
	@command -v npm >/dev/null || $(BIN)/uv pip install --quiet --require-hashes --requirement $(NODE_LOCK)
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## a hub on this machine that also collects this machine, with the dashboard
	@$(BIN)/openusage hub --collect --listen 127.0.0.1:9190

demo: setup  ## five invented machines, to look around
	@$(BIN)/openusage demo

test: setup  ## all tests
	@$(BIN)/python -m pytest -q -n auto

soak: setup  ## kill three machines and a hub at random for five minutes, and compare with the truth
	@$(BIN)/python -m tools.soak

check: setup  ## style, types, spelling, import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell src tests tools bench docs README.md CHANGELOG.md CONTRIBUTING.md

bench: setup  ## speed and memory against their floors
	@$(BIN)/python -m bench

docs: setup  ## the generated pages and pictures
	@$(BIN)/python -m tools.docs

lock: setup  ## renew the locks: newest versions with their hashes, no registry address
	@$(BIN)/uv pip compile $(COMPILE) --group dev pyproject.toml --output-file $(LOCK)
	@$(BIN)/uv pip compile $(COMPILE) --group node --output-file $(NODE_LOCK)
	@npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund

clean:  ## forget .venv and caches
	@rm -rf .venv node_modules src/openusage/hub/web/static/vendor .mypy_cache .pytest_cache .ruff_cache .hypothesis
