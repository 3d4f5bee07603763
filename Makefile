SHELL := /bin/bash
VENV  := .venv
UV    := $(VENV)/bin/uv
RUN   := $(UV) run --frozen

.PHONY: setup lint unit test clean

$(UV):
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check "uv==0.13.9"

setup: $(UV)
	$(UV) sync --frozen --quiet --inexact

lint: setup
	$(RUN) ruff check operator tests
	$(RUN) mypy
	$(RUN) lint-imports

unit: setup
	$(RUN) pytest

test: lint unit

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist
