# make run      set up and start the web application (PORT=5000)
# make test     set up and pass the tests
# make quick    the tests that are neither slow nor need a browser
# make oldest   the tests of audio and libraries with the oldest dependencies that are allowed
# make soak     the long forms of what attacks it: hours of damaged files, kills, full disks and load
# make audit    known vulnerabilities of what is installed, where a network is there
# make bench    speed beside named peers, as ratios; writes docs/benchmarks.md
# make check    what CI runs: lint, types, the tests, those of make oldest, and make audit
# make docs     the documentation as a site, in build/docs
# make release  the files of a release, in dist, if everything is ready
# make image    the image of the Containerfile, built without a daemon and run as a service would run it (root, Debian)
# make libraries   the libraries of the package, again from the clips in DATA

PYTHON ?= python3
PORT ?= 5000
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
DATA ?= ../shared/data
# Tests start hundreds of programs: each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE
TSC := tests/web/node_modules/.bin/tsc

# Tests of one file stay together, for what is made once for them.
PYTEST := -m pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: run test quick oldest soak audit bench bench-check check lint types docs release image libraries clean

run: $(VENV)/.runtime
	PORT=$(PORT) $(BIN)/earmark serve

test: $(VENV)/.develop
	$(BIN)/python $(PYTEST)

quick: $(VENV)/.develop
	$(BIN)/python $(PYTEST) -m "not slow and not browser"

# Kills and full disks are as they are with the newest.
oldest: $(OLDEST)/.develop
	$(OLDEST)/bin/python $(PYTEST) --ignore tests/library/test_ends.py \
		tests/audio tests/library tests/test_listen.py tests/test_classify.py

soak: $(VENV)/.develop
	$(BIN)/python -m pip install --quiet --group fuzz
	$(BIN)/python -m pytest --soak -m soak

bench bench-check: $(VENV)/.develop
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python benchmarks/table.py $(if $(filter bench-check,$@),--check)

check: lint types test oldest audit

audit: $(VENV)/.develop
	$(BIN)/python scripts/audit_dependencies.py

lint: $(VENV)/.develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.develop
	$(BIN)/mypy
	@if [ -x $(TSC) ]; then $(TSC) --project tests/web; \
		else echo "types of the pages' scripts were not checked: npm ci --prefix tests/web"; fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Earmark needs Python 3.11 or newer; name one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[tag,watch]'
	@touch $@

# An older pip knows no dependency groups. Of what the groups bring, most is never imported, so that
# compiling all of it would take longer than the rest.
$(VENV)/.develop: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --no-compile --editable . --group dev
	@touch $@ $(VENV)/.runtime

$(OLDEST)/.develop: pyproject.toml .ci/oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(OLDEST)/bin/python -m pip install --quiet --no-compile --editable . --group test --constraint .ci/oldest.txt
	@touch $@

docs: $(VENV)/.develop
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

release: $(VENV)/.develop
	$(BIN)/python -m pip install --quiet --group release
	$(BIN)/python scripts/release.py

image:
	$(PYTHON) scripts/check_image.py

libraries: $(VENV)/.develop
	$(BIN)/python scripts/make_libraries.py $(DATA)

clean:
	rm -rf $(VENV) $(OLDEST) dist build
