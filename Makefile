# Everything happens inside .venv, which the first target that needs it makes.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
INSTALLED := .venv/.installed
# The programs of .venv, for those that call each other by name, but not for the target that makes .venv.
SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# IPython goes where this leads, and it may lead to another environment, activated in the shell that called make.
unexport VIRTUAL_ENV
# The site is built small, whatever the machine; the outputs of another scale are kept apart.
export ATTNLIB_SCALE ?= small
KEPT := _build/.jupyter_cache/.fresh-$(ATTNLIB_SCALE)-$(words $(wildcard attnlib/*.py attnlib/*/*.py))
CHAPTER_CODE := $(wildcard attnlib/*.py attnlib/*/*.py) requirements.txt constraints.txt
PAGE_CODE := _config.yml book/_toc.yml book/references.bib $(wildcard book/_static/*) $(wildcard publishing/*.py)

.PHONY: help install book test serve notebooks exercises grade benchmarks lint constraints clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): export PATH := $(SYSTEM_PATH)
$(INSTALLED): requirements.txt constraints.txt pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer, or name yours: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("Python 3.11 or newer is needed and $(PYTHON) is %d.%d: install one, or name yours: make PYTHON=/path/to/python" % v[:2])'
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@command -v git >/dev/null || { echo "git is missing: install it" >&2; exit 1; }
	@echo "Installing into .venv (a few minutes the first time)"
	@"$(PYTHON)" -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

install: $(INSTALLED) ## set up .venv (every target that needs it does so by itself)

# Outputs are kept from one build to the next, and thrown away when the code that made them has changed.
$(KEPT): $(CHAPTER_CODE) | $(INSTALLED)
	@rm -rf _build/.jupyter_cache _build/.doctrees
	@mkdir -p $(@D)
	@touch $@

# What all pages are made with: when it has changed, each is read again and none is left over.
_build/.pages: $(PAGE_CODE) | $(INSTALLED)
	@rm -rf _build/.doctrees _build/html
	@mkdir -p $(@D)
	@touch $@

book: $(INSTALLED) $(KEPT) _build/.pages ## build the site into _build/html, warnings are errors
	@$(BIN)/python -m publishing outputs
	@$(BIN)/jupyter-book build book --config _config.yml --path-output . -W -n --keep-going || { \
		rm -rf _build/.doctrees; \
		echo "The book has errors or warnings: see above. (The next build reads every page again, so that none is missed.)" >&2; exit 1; }
	@echo "Built: $(CURDIR)/_build/html/index.html (make serve opens it)"

test: book ## build the site, then run every test
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

serve: book ## serve the built site on http://127.0.0.1:8000 (or PORT=...)
	@echo "The book is at http://127.0.0.1:$(PORT)/ (Ctrl-C stops it)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT) 2>/dev/null || { \
		echo "Port $(PORT) is taken or not allowed: make serve PORT=8001" >&2; exit 1; }

notebooks: $(INSTALLED) ## make every .ipynb from the .md beside it
	@$(BIN)/python -m publishing notebooks

exercises: notebooks ## make exercises/ from solutions/
	@$(BIN)/python -m publishing exercises

grade: $(INSTALLED) ## grade what lies in submitted/ for one problem set: make grade PS=ps1
	@[ -n "$(PS)" ] || { echo "Say which problem set: make grade PS=ps1" >&2; exit 1; }
	@$(BIN)/nbgrader generate_assignment $(PS) --force
	@$(BIN)/python -m grading autograde $(PS) || echo "Some submissions could not be graded: see above. The others are." >&2
	@$(BIN)/nbgrader generate_feedback $(PS)
	@$(BIN)/python -m grading export csv --to grades.csv

benchmarks: $(INSTALLED) ## measure attnlib against what it is compared with, and write benchmarks/results
	@$(BIN)/python -m benchmarks.attend
	@$(BIN)/python -m benchmarks.additive
	@$(BIN)/python -m benchmarks.multihead
	@$(BIN)/python -m benchmarks.seq2seq
	@$(BIN)/python -m benchmarks.cache
	@$(BIN)/python -m benchmarks.grading

lint: $(INSTALLED) ## check style and layout of the code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

constraints: ## write constraints.txt anew: the exact versions that requirements.txt resolves to today
	@set -euo pipefail; scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	"$(PYTHON)" -m venv "$$scratch/venv"; \
	"$$scratch/venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt; \
	{ sed -n '/^#/p' constraints.txt; "$$scratch/venv/bin/pip" freeze --exclude-editable --exclude attnlib | sed 's/+cpu$$//'; } > "$$scratch/constraints.txt"; \
	mv "$$scratch/constraints.txt" constraints.txt

clean: ## remove what was built
	rm -rf _build build

distclean: clean ## remove what was built and installed
	rm -rf .venv attnlib.egg-info
