# Skerry's commands. The tools' settings are in pyproject.toml.

SHELL = /bin/sh
BIN = .venv/bin
STAMP = .venv/.installed
PORT ?= 8000
export PORT

.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-bench run test check bench lock

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Create .venv with every extra, in the versions of requirements.lock

$(STAMP): pyproject.toml requirements.lock tools/venv
	@sh tools/venv
	@touch $@

setup-test: setup ## Add the programs that the tests drive
	@sh tools/programs chromium esbuild redis-server slapd pg_ctlcluster:postgresql mariadbd:mariadb-server

setup-bench: setup
	@sh tools/programs wrk

run: setup ## Serve the demo site on http://127.0.0.1:8000, or on another port: PORT=8123 make run
	@$(BIN)/python tools/port.py "$(PORT)"
	@exec $(BIN)/gunicorn wsgi:app

test: setup-test ## Run every test
	$(BIN)/python -m pytest

check: setup ## Look for mistakes without running the tests: ruff, mypy, codespell, the demo site's YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/flask --app wsgi check

bench: setup-bench ## Measure, each figure beside a floor taken in the same run
	$(BIN)/python -m bench

lock: setup ## Write the newest versions that pyproject.toml allows to requirements.lock
	@$(BIN)/python tools/lock.py
