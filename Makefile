# `make` lists the targets. A fresh machine needs Python 3.11, make and a package registry.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
BIN := .venv/bin
READY := .venv/.ready
# The first Chromium there is; asked when used, since `browser` may just have installed it.
CHROMIUM_FOUND = $$(for name in "$${IOTJOBS_CHROMIUM:-}" chromium chromium-browser google-chrome; do \
  command -v "$$name" && break; done)
# JupyterLab asks nothing of any other host, and keeps the widgets that scroll out of view.
QUIET := {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}, \
  "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}

AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
# Only what the lock names, as wheels with the lock's hashes: nothing that is installed runs code of its own meanwhile.
LOCKED = --quiet --require-hashes --only-binary :all:
# uv is quicker than pip but does not read pip's settings: it gets pip's index, and where it cannot serve, pip does.
PIP_SETTINGS = $$($(BIN)/python -m pip config list)
INDEX = $$(echo "$(PIP_SETTINGS)" | sed -n "s/^[^ ]*\.index-url='\(.*\)'$$/\1/p" | tail -n 1)
INSTALL = set -- $(LOCKED) --requirement requirements.lock; index="$(INDEX)"; \
  awk '/^[^ ]/ {of_uv = /^uv==/} of_uv' requirements.lock > .venv/uv.lock; \
  if ! echo "$(PIP_SETTINGS)" | grep -q 'no-index=' && $(BIN)/python -m pip install $(LOCKED) --requirement .venv/uv.lock \
    && env $${index:+"UV_DEFAULT_INDEX=$$index"} $(BIN)/uv pip install --python $(BIN)/python "$$@"; then :; \
  else echo "uv cannot serve here, so pip does"; $(BIN)/python -m pip install "$$@"; fi

.DEFAULT_GOAL := help
.PHONY: coverage docs pictures help airflow fleet setup demo lab browser test lint format lock audit sbom policies soak bench clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## the environment in .venv

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not on the PATH: make setup PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	@$(INSTALL)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@mkdir -p .venv/share/jupyter/lab/settings
	@echo '$(QUIET)' > .venv/share/jupyter/lab/settings/overrides.json
	@touch $@

demo: setup  ## a sandbox fleet, investigated and cleaned up headlessly
	$(BIN)/iotjobs sandbox -- $(BIN)/python -m iotjobs.sandbox.demo

lab: setup  ## the same fleet in JupyterLab, open on its start page
	$(BIN)/iotjobs sandbox -- $(BIN)/jupyter lab --notebook-dir=notebooks --LabApp.default_url=/lab/tree/start.ipynb \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate $(AS_ROOT) $(LAB_OPTIONS)

browser: setup  ## a Chromium for the browser tests
	@test -z "$$IOTJOBS_CHROMIUM" || command -v "$$IOTJOBS_CHROMIUM" >/dev/null || \
	{ echo "IOTJOBS_CHROMIUM=$$IOTJOBS_CHROMIUM is no program"; exit 1; }
	@test -n "$(CHROMIUM_FOUND)" || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq chromium; \
	else echo "the browser tests need Chromium: install it, or set IOTJOBS_CHROMIUM to one"; exit 1; fi

test: setup browser lint  ## all checks and tests
	CHROMIUM="$(CHROMIUM_FOUND)" PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 2 --dist loadscope --durations=25 --durations-min=5

coverage: setup  ## branch coverage by the tests that run in one process (ten minutes)
	$(BIN)/coverage run -m pytest tests/unit tests/service tests/aws tests/on_aws tests/faults tests/publish tests/security; \
	  $(BIN)/coverage report

airflow: setup  ## the example for Airflow, in Airflow itself (a minute to install)
	@test -x build/airflow/bin/airflow || { $(BIN)/python -m venv build/airflow && \
	  build/airflow/bin/python -m pip install --quiet --requirement tests/scheduling/airflow.txt; }
	$(BIN)/iotjobs sandbox -- build/airflow/bin/python tests/scheduling/run_dags.py $(CURDIR)/$(BIN)/python

docs: setup  ## the pages that are made from the code
	$(BIN)/python -m iotjobs.diagnosis.causes_page > docs/causes.md
	$(BIN)/python docs/parameters_page.py > docs/parameters.md

pictures: setup browser  ## the README's pictures anew, of JupyterLab on the sandbox (a minute)
	$(BIN)/iotjobs sandbox -- $(BIN)/python docs/pictures.py "$(CHROMIUM_FOUND)"

# Notebook 7 puts a long output into a box that scrolls, unless its cell says otherwise: nbstripout keeps that.
lint: setup  ## the checks that need no service
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify --keep-metadata-keys cell.metadata.scrolled notebooks/*.ipynb
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml
	git grep -Ilz '' | xargs -0 $(BIN)/end-of-file-fixer

format: setup  ## put code and notebooks in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout --keep-metadata-keys cell.metadata.scrolled notebooks/*.ipynb

lock: setup  ## the lock files anew from pyproject.toml; UPGRADE=--upgrade takes the newest releases
	$(COMPILE) pyproject.toml --extra sandbox --extra test --group build --output-file requirements.lock
	$(COMPILE) --group audit --output-file audit.lock

COMPILE = index="$(INDEX)"; env $${index:+"UV_DEFAULT_INDEX=$$index"} $(BIN)/uv pip compile --quiet \
  --generate-hashes --universal --python-version 3.11 --only-binary :all: --no-header --no-annotate --no-emit-index-url \
  --no-emit-find-links $(UPGRADE)

AUDIT := build/audit/bin

$(AUDIT): audit.lock setup
	$(BIN)/python -m venv build/audit
	$(AUDIT)/python -m pip install $(LOCKED) --requirement audit.lock
	@touch $@

audit: $(AUDIT)  ## known vulnerabilities of what is locked; asks the database of PyPI, so it needs a network
	$(AUDIT)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off --strict

sbom: $(AUDIT)  ## a software bill of materials (CycloneDX) of the environment: build/sbom.json
	$(AUDIT)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json $(BIN)/python
	sed -i.bak 's|file://$(CURDIR)|file://.|' build/sbom.json && rm build/sbom.json.bak

policies: setup  ## every action of the IAM policies cut in turn, on the embedded service with IAM enforced (minutes)
	$(BIN)/python -m pytest -q tests/security/policy_matrix.py

fleet: setup  ## eight accounts on a real Dask cluster: workers, client and scheduler killed, targets that hang (minutes)
	$(BIN)/python -m tests.fleet.proof --things $(THINGS)

THINGS ?= 10
SCHEDULES ?= 10000

soak: setup  ## 10,000 random schedules of faults, moves and kills; prints its figures
	$(BIN)/python -m tests.faults.soak --schedules $(SCHEDULES)

bench: setup  ## how fast the kit is beside the quotas and plain boto3; OPTIONS="--rows 300000": sizes
	$(BIN)/python bench $(OPTIONS)

clean:  ## remove what was made
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache runs build
