# `make` alone lists what there is. Everything that runs keeps its state in var/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := users agendador worker cronjob web dev

.DEFAULT_GOAL := help
.PHONY: help setup lock demo up down status summary backup restore test lint fmt faults bench bench-help browser screenshots libfaketime

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/installed ## Install what the suite needs: .venv from the locked requirements, RabbitMQ
	@bash devstack/install-rabbitmq.sh

$(VENV)/installed: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than Python 3.11: use make PYTHON=<a newer one>"; exit 1; }
	@echo 'Installing the locked requirements in $(VENV): a minute or two'
	$(PYTHON) -m venv $$($(PYTHON) -c 'import ensurepip' 2>/dev/null || echo --without-pip) $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check \
		--require-hashes -r requirements/dev.txt
	@touch $@

demo: setup ## Run the main job once and print what happens, on servers of its own
	@$(BIN)/python -m devstack demo

up: setup ## Start the whole suite in the background
	@$(BIN)/python -m devstack up

down: ## Stop what `make up` started; the data stays
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m devstack down

status: ## Show how each process of the suite is
	@$(BIN)/python -m devstack status

summary: ## Send the summary of the day now, without waiting for 19:00
	@$(BIN)/python -m devstack summary

backup: setup ## Put everything that must not be lost into a folder of var/backups
	@$(BIN)/python -m devstack backup

restore: setup ## Put a backup back (FROM=folder or the newest, DRY_RUN=1, FORCE=1 over what is there)
	@$(BIN)/python -m devstack restore $(FROM) $(if $(DRY_RUN),--dry-run) $(if $(FORCE),--force)

# Most tests wait for real processes more than they compute, so more run at once than cores.
TESTS_AT_ONCE ?= 3

test: lint browser libfaketime ## Run every check
	$(BIN)/pytest --numprocesses $(TESTS_AT_ONCE) --dist loadfile

SEED ?= 1
JOBS ?= 10000
FAULTS ?= 100

faults: setup libfaketime ## Kill everything under load and count what is lost (SEED=, JOBS=, FAULTS=)
	@$(BIN)/python -m tests.faults --seed $(SEED) --jobs $(JOBS) --faults $(FAULTS) \
		--write docs/reliability.md

lint: setup ## Run the checks that need no servers: style, format, types, imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

browser:
	@bash devstack/install-chromium.sh

libfaketime:
	@bash devstack/install-libfaketime.sh

screenshots: setup browser ## Photograph every page into docs/screenshots
	@$(BIN)/python -m tests.web.screenshots

fmt: setup ## Format the code and fix what can be fixed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/installed-bench ## Measure the speed beside its peers (make bench-<name> for one, make bench-help for all)
	@$(BIN)/python -m bench

bench-help: $(VENV)/installed-bench
	@$(BIN)/python -m bench --help

bench-%: $(VENV)/installed-bench
	@$(BIN)/python -m bench $*

$(VENV)/installed-bench: requirements/bench.txt | setup
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check \
		--require-hashes -r requirements/bench.txt
	@touch $@

lock: setup ## Lock the requirements again, after a change in pyproject.toml
	@for extra in $(EXTRAS); do \
		echo "requirements/$$extra.txt"; \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-header --no-annotate --no-strip-extras --index-strategy unsafe-best-match \
			--custom-compile-command "make lock" --extra $$extra pyproject.toml \
			-o requirements/$$extra.txt || exit 1; \
	done
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --no-strip-extras --index-strategy unsafe-best-match \
		--custom-compile-command "make lock" --constraint requirements/dev.txt --extra bench \
		pyproject.toml -o requirements/bench.txt
