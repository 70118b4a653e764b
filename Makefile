# `make run` starts the session, `make test` runs the suite, `make fuzz` looks for what breaks a
# session, `make bench` measures; all install into .venv first.

PYTHON ?= python3
BIN := .venv/bin
# Subprocesses of the suite would otherwise compile the packages again and again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-slow test-long fuzz bench check format lint types imports install dev clean

run: install
	$(BIN)/grok-tui

test: dev
	$(BIN)/pytest

test-slow: dev
	$(BIN)/pytest -m 'slow and not long'

test-long: dev
	$(BIN)/pytest -m long -n 1

fuzz: dev
	PYTHONPATH=tests/tui $(BIN)/python -m tests.fuzz.sessions

bench: .venv/installed-bench
	$(BIN)/python -m benchmarks

check: format lint types imports test-slow test

format: dev
	$(BIN)/ruff format --check .

lint: dev
	$(BIN)/ruff check .

types: dev
	$(BIN)/mypy

imports: dev
	$(BIN)/lint-imports

install: .venv/installed
dev: .venv/installed-dev

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

.venv/installed-bench: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
