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

# Unit tests whose clock is their own: nothing in them is slower for being put behind others.
COMPUTED = $(wildcard tests/unit/storage_*)

FIRST = $(filter-out $(COMPUTED),$(wildcard tests/unit/*)) $(wildcard tests/test_*.py) \
	tests/supply_chain tests/peers tests/benchmarks tests/integration tests/browser

# Two runs of pytest at once, each half of the time. What waits more than it works, is built once, or
# has its own clock is behind the other in the queue for the cores. Then whole programs, many of them
# several that wait for each other. What these said comes last.
.PHONY: test
test: packages $(VENV)/.development format-check lint contracts types  ## everything, fastest first
	@log=$$(mktemp); code=0; \
	trap 'kill $$second 2>/dev/null || true; rm -f "$$log"' EXIT; trap 'exit 130' INT TERM; \
	$(MAKE) --no-print-directory second > "$$log" 2>&1 & second=$$!; \
	$(BIN)/pytest -rs -m "not benchmark" $(FIRST) || code=$$?; \
	wait $$second || code=$$?; cat "$$log"; exit $$code

.PHONY: second
second:
	@code=0; nice -n 19 $(MAKE) --no-print-directory beside || code=$$?; \
	$(MAKE) --no-print-directory whole || code=$$?; exit $$code

.PHONY: beside
beside: $(VENV)/.development $(if $(filter true,$(CI)),kube-assets onvif-peer)
	$(BIN)/pytest -rs -o cache_dir=.pytest_cache/$@ $(COMPUTED) tests/vm tests/kube tests/image \
		tests/onvif_peer tests/fuzz

.PHONY: whole
whole: $(VENV)/.development
	$(BIN)/pytest -rs -m "not benchmark" -o cache_dir=.pytest_cache/$@ tests/end_to_end tests/chaos \
		tests/faults

.PHONY: check
check: $(VENV)/.development format-check lint contracts types  ## format, lint, contracts, types, unit
	$(MAKE) --no-print-directory -j3 --output-sync=target SIDE_BY_SIDE=1 unit-footage unit-storage unit-rest

# Thirds of the unit tests, side by side: `make check` has 90 s, and much of them is waiting. Of
# what Hypothesis makes up it tries a third (tests/examples.py); `make test` tries all.
UNIT = TEST_EXAMPLES=few $(BIN)/pytest -q -rs -m "not fault and not root" -o cache_dir=.pytest_cache/$@

# The tests of footage take two fifths of the time: by the alphabet they are part of two thirds.
FOOTAGE = tests/unit/storage_footage
FOOTAGE_1 = $(wildcard $(FOOTAGE)/test_[a-l]*.py)
FOOTAGE_2 = $(filter-out $(FOOTAGE_1),$(wildcard $(FOOTAGE)/test_*.py))

.PHONY: unit-footage
unit-footage:
	$(UNIT) $(FOOTAGE_1)

.PHONY: unit-storage
unit-storage:
	$(UNIT) $(filter-out $(FOOTAGE),$(wildcard tests/unit/storage_*)) $(FOOTAGE_2)

.PHONY: unit-rest
unit-rest:
	$(UNIT) $(filter-out $(wildcard tests/unit/storage_*),$(wildcard tests/unit/*)) \
		$(wildcard tests/test_*.py)

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
bench: packages $(VENV)/.development  ## the benchmarks of the README, or NAMES="pages ..." of them (a quiet machine, please)
	$(BIN)/python -m tests.benchmarks $(NAMES)

.PHONY: faults
faults: packages $(VENV)/.development  ## the fault suite in full, half an hour, as root
	$(BIN)/python -m tests.faults

.PHONY: chaos
chaos: packages $(VENV)/.development  ## nodes die at random for half an hour, as root; SEED=n repeats it
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: fuzz
fuzz: $(VENV)/.development  ## 20 000 made-up requests at the API, ten minutes; SEED=n repeats them
	$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(CASES),--cases $(CASES))

.PHONY: vm
vm: packages $(VENV)/.development  ## a virtual machine in full: systemd, USB cameras, as root
	USB_CYCLES=200 $(BIN)/pytest -rs tests/vm

# Go fetches all of it from the module proxy, and a newer Go where the installed one, such as Debian
# stable's, is too old (GOTOOLCHAIN=auto, the default from Go 1.21 on). `make test` makes them in CI.
.PHONY: kube-assets
kube-assets: packages  ## the Kubernetes programs of tests/kube, built once (6 minutes, 3 GB)
	@$(PYTHON) -m tests.kube.building

# Where Rust is older than it needs, or the crates cannot be had, it says so and what needs it is skipped.
.PHONY: onvif-peer
onvif-peer:  ## the other ONVIF server of tests/onvif_peer, built once (Rust 1.88, 3 minutes)
	@$(PYTHON) -m tests.onvif_peer.building

.PHONY: screenshots
screenshots: packages $(VENV)/.development  ## every page, light, dark and phone, into screenshots/, or NAMES="--sight grey wall" of them
	$(BIN)/python -m tests.browser.screenshots $(NAMES)

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

.PHONY: audit
audit: $(VENV)/.development  ## known weaknesses of what is pinned (asks the package index)
	$(BIN)/pip-audit --requirement constraints.txt --require-hashes --disable-pip --strict

.PHONY: licences
licences: $(VENV)/.development  ## the licence of each part, and whether a node may carry it
	$(BIN)/python -m tests.supply_chain.licences

.PHONY: sbom
sbom: $(VENV)/.development  ## dist/falconeye.cdx.json: the bill of materials (CycloneDX)
	@mkdir -p dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m tests.supply_chain.bill dist/falconeye.cdx.json

.PHONY: release-notes
release-notes: $(VENV)/.development  ## what VERSION brings, of the changelog
	@$(BIN)/python -m tests.supply_chain.release_notes $(or $(VERSION),Unreleased)

.PHONY: translations
translations: $(VENV)/.development  ## take new texts into the translations, and compile them
	$(BIN)/python -m babel.messages.frontend -q extract -F falconeye/locale/babel.cfg -k gettext \
		-o falconeye/locale/falconeye.pot --no-location --omit-header .
	$(BIN)/pybabel -q update -i falconeye/locale/falconeye.pot -d falconeye/locale -D falconeye \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	$(BIN)/pybabel -q compile -d falconeye/locale -D falconeye

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
