# The two commands: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
.DEFAULT_GOAL := help
# Some images set it; then each process of the tests would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

# The first interpreter that is new enough; PYTHON=python3.12 chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)
PORT ?= 8900
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
GROUP_DEV := $(BIN)/python -c 'import tomllib; \
	groups = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]; \
	expand = lambda name: [line for entry in groups[name] for line in \
	([entry] if isinstance(entry, str) else expand(entry["include-group"]))]; \
	print("hatchling", "editables", *expand("dev"), sep="\n")'

.PHONY: help
help:  ## this list
	@awk -F ':[^#]*## ' '/^[a-z-]+:[^#]*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: $(VENV)/.runtime  ## start on http://127.0.0.1:8900 with a demo camera and throw-away data
	@mkdir -p .demo
	@directory=$$(mktemp -d "$(CURDIR)/.demo/run.XXXXXX"); \
	node=; trap 'kill $$node 2>/dev/null || true; wait; rm -rf "$$directory"' EXIT; trap 'exit 0' INT TERM; \
	echo "FalconEye starts on http://127.0.0.1:$(PORT) (Ctrl+C ends it)."; \
	echo "Its data lie in $$directory and are deleted when it ends."; \
	$(BIN)/falconeye serve --demo --port $(PORT) --data-dir "$$directory" & \
	node=$$!; wait $$node

.PHONY: test
test: packages $(VENV)/.development format-check lint contracts types  ## everything, fastest first
	$(BIN)/pytest -rs -m "not benchmark" tests/unit tests/test_architecture.py tests/test_docs.py \
		tests/peers tests/benchmarks tests/integration tests/browser tests/end_to_end tests/faults \
		tests/vm

.PHONY: check
check: $(VENV)/.development format-check lint contracts types  ## format, lint, contracts, types, unit
	$(MAKE) --no-print-directory -j3 --output-sync=target SIDE_BY_SIDE=1 unit-footage unit-storage unit-rest

# Thirds of the unit tests, side by side: `make check` has 90 s, and much of them is waiting.
UNIT = $(BIN)/pytest -q -rs -m "not fault and not root" -o cache_dir=.pytest_cache/$@

# The tests of footage take two thirds of the time: by the alphabet they are part of each third.
FOOTAGE = tests/unit/storage_footage
FOOTAGE_1 = $(wildcard $(FOOTAGE)/test_[a-h]*.py)
FOOTAGE_3 = $(wildcard $(FOOTAGE)/test_[i-l]*.py)
FOOTAGE_2 = $(filter-out $(FOOTAGE_1) $(FOOTAGE_3),$(wildcard $(FOOTAGE)/test_*.py))

.PHONY: unit-footage
unit-footage:
	$(UNIT) $(FOOTAGE_1)

.PHONY: unit-storage
unit-storage:
	$(UNIT) $(filter-out $(FOOTAGE),$(wildcard tests/unit/storage_*)) $(FOOTAGE_2)

.PHONY: unit-rest
unit-rest:
	$(UNIT) $(filter-out $(wildcard tests/unit/storage_*),$(wildcard tests/unit/*)) $(FOOTAGE_3) \
		tests/test_architecture.py tests/test_docs.py

.PHONY: format-check
format-check: $(VENV)/.development
	$(BIN)/ruff format --check .

.PHONY: lint
lint: $(VENV)/.development  ## ruff
	$(BIN)/ruff check .

.PHONY: contracts
contracts: $(VENV)/.development  ## the import contracts of pyproject.toml
	$(BIN)/lint-imports

.PHONY: types
types: $(VENV)/.development  ## mypy
	$(BIN)/mypy

.PHONY: format
format: $(VENV)/.development  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: packages $(VENV)/.development  ## the benchmarks of the README (a quiet machine, please)
	$(BIN)/python -m tests.benchmarks

.PHONY: faults
faults: packages $(VENV)/.development  ## the fault suite in full, half an hour, as root
	$(BIN)/python -m tests.faults

.PHONY: vm
vm: packages $(VENV)/.development  ## a virtual machine in full: systemd, USB cameras, as root
	USB_CYCLES=200 $(BIN)/pytest -rs tests/vm

.PHONY: screenshots
screenshots: packages $(VENV)/.development  ## every page, light, dark and phone, into screenshots/
	$(BIN)/python -m tests.browser.screenshots

.PHONY: wheel
wheel: $(VENV)/.development  ## dist/falconeye-….whl
	$(BIN)/python -m build --wheel --no-isolation

.PHONY: constraints
constraints: $(VENV)/.development  ## pin the newest allowed versions with their hashes
	env -u PIP_FIND_LINKS $(COMPILE) --upgrade --output-file constraints.txt pyproject.toml
	$(GROUP_DEV) | env -u PIP_FIND_LINKS $(COMPILE) --upgrade --constraint constraints.txt \
		--output-file tests/constraints.txt pyproject.toml -
	sed -i "1i # What a node runs: exact versions and hashes. Made by 'make constraints'." \
		constraints.txt
	sed -i "1i # For tests, checks and builds: exact versions and hashes. Made by 'make constraints'." \
		tests/constraints.txt

.PHONY: packages
packages:
	@bash tests/packages.sh

.PHONY: clean
clean:  ## remove what was made, the virtual environment too
	rm -rf $(VENV) .demo dist build screenshots .hypothesis .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache
	find falconeye tests -name __pycache__ -prune -exec rm -rf {} +

# Without python3-venv Debian leaves half an environment: it must not pass for a whole one.
$(VENV)/bin/python:
	@[[ -n "$(PYTHON)" ]] || { echo "FalconEye needs Python 3.11 or newer" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 1; }

$(VENV)/.runtime: constraints.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes -r constraints.txt
	$(PIP) install --quiet --no-deps -e .
	@touch $@

$(VENV)/.development: tests/constraints.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes -r tests/constraints.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime
