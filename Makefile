# Everything runs in .venv, which is made and kept up to date as needed. `make PYTHON=/path/to/python3.12 demo`
# chooses another interpreter.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo serve test test-long lint bench clean
.DELETE_ON_ERROR:

# An inherited PYTHONPATH or an activated environment must not leak into .venv.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Python finds itself by PATH, so there must be one even in an empty environment.
ifeq ($(strip $(PATH)),)
export PATH := /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
endif

PYTHON ?=
PYTHONS = $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python)

BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq
PINS := pyproject.toml constraints.txt
ARGS ?=
# Tests at a time; each waits for its servers as often as it works.
WORKERS = $(shell $(BIN)/python -c 'import os; print(min(os.cpu_count() or 1, 7) + 1)')

help:
	@echo "make demo   build a small library, ask it four questions, compare with the truth"
	@echo "make serve  the server on http://127.0.0.1:8765 (ARGS='--port 9000' for more)"
	@echo "make test   the tests (ARGS='-k time' for some, WORKERS=0 for one after another)"
	@echo "make test-long  those that take longer: the whole page, processes killed at any moment, models taught"
	@echo "make lint   ruff, mypy --strict, the import directions"
	@echo "make bench  speed of this machine, part by part"
	@echo "make clean  remove .venv and caches; libraries and indexes stay"

demo: .venv/.demo-stamp
	@$(BIN)/momentseek demo $(ARGS)

serve: .venv/.demo-stamp
	@$(BIN)/momentseek serve $(ARGS)

TESTS_NEED := .venv/.test-stamp .venv/.npm-stamp .venv/.sdk-stamp
test: $(TESTS_NEED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: $(TESTS_NEED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m long $(ARGS)

lint: .venv/.test-stamp
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_imports.py

bench: .venv/.demo-stamp
	@$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "momentseek needs Python 3.11 or newer; looked for: $(PYTHONS). Install it (Debian, Ubuntu: apt" \
	       "install python3 python3-venv), or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments: its venv module is missing. Install it (Debian, Ubuntu:" \
	       "apt install python3-venv) and run make again." >&2; exit 1; fi; \
	echo "Making .venv with $$("$$found" -c 'import sys; print(sys.executable, sys.version.split()[0])')"; \
	"$$found" -m venv --clear .venv

# $(1): extras, $(2): what to say
define install
	@start=$$(date +%s); echo "Installing $(2) ..."; \
	$(PIP) install -c constraints.txt -e '.[$(1)]' && \
	echo "Installed in $$(( $$(date +%s) - start )) s, $$(du -sm .venv | cut -f1) MB in .venv."
	@$(BIN)/python -c 'import cv2' >/dev/null 2>&1 || { \
	  echo "This machine has no libGL: taking OpenCV without windows."; \
	  $(PIP) install --force-reinstall --no-deps opencv-python-headless==$$(sed -n 's/^opencv-python==//p' constraints.txt) && \
	  $(BIN)/python -c 'import cv2'; }
endef

.venv/.demo-stamp: $(PINS) | .venv/bin/python
	$(call install,demo,momentseek and the demo's photographs (1.2 GB))
	@touch $@

.venv/.test-stamp: $(PINS) | .venv/bin/python
	$(call install,test$(comma)models,momentseek and what its tests need (7 GB: torch is among it))
	@touch .venv/.demo-stamp $@

# What checks the page's files, for tests alone. Where there is no npm, or nothing that it reaches, those tests skip
# themselves.
.venv/.npm-stamp: tests/timeline_ui/package-lock.json | .venv/bin/python
	@if command -v npm >/dev/null; then mkdir -p .venv/npm && cp tests/timeline_ui/package*.json .venv/npm/ && \
	  { npm ci --prefix .venv/npm --no-audit --no-fund --loglevel=error >/dev/null && touch $@ || \
	    echo "npm could not fetch what checks the page's files: their tests are skipped."; }; fi

# Programs of somebody else that must work against our server, for tests alone: each SDK in a folder of its own.
# What they need is in .venv already, but for one package, in the versions they would get (constraints.txt).
SDKS := 1.3.6 1.1.0 0.4.11
.venv/.sdk-stamp: Makefile | .venv/.test-stamp
	@echo "Installing the Twelve Labs SDK $(SDKS) ..."; rm -rf .venv/sdk; \
	for version in $(SDKS); do \
	  $(PIP) install --no-deps --target .venv/sdk/twelvelabs-$$version twelvelabs==$$version httpx-sse==0.4.0 || exit; \
	done; touch $@

comma := ,
