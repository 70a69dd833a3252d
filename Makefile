# vidsearch: set-up and the everyday commands. Everything is installed into .venv in this folder.
PYTHON ?= python3.11
VENV   := .venv
READY  := $(VENV)/.ready

.PHONY: help setup demo test fuzz test-all check check-windows docs package bench clean
help:
	@echo 'make demo    set up, then index and search an archive made from real faces'
	@echo 'make test    set up, then run the tests'
	@echo 'make test-all  the tests with their long forms'
	@echo 'make fuzz    read 10,000 damaged files; name every crash, hang and traceback'
	@echo 'make soak    kill commands over and over, and compare with undisturbed ones; a table'
	@echo 'make check   ruff, mypy --strict, arrows between folders, language, documents'
	@echo 'make check-windows  mypy --strict as on Windows'
	@echo 'make docs    the documentation site, into site/'
	@echo 'make package wheel and sdist into dist/, tried in an empty environment'
	@echo 'make bench   the measurements quoted in README.md'

# The alias goes first: it stands for opencv-python, whose wheels need libGL (see its pyproject.toml).
$(READY): pyproject.toml constraints.txt third_party/opencv-python/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt ./third_party/opencv-python
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	$(VENV)/bin/vidsearch doctor
	@touch $@

setup: $(READY)

demo: $(READY)
	$(VENV)/bin/vidsearch demo

test: $(READY)
	$(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m 'not slow'

fuzz: $(READY)
	$(VENV)/bin/python -m tests.fuzz --mutants 10000

test-all: $(READY)
	$(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

soak: $(READY)
	mkdir -p build
	$(VENV)/bin/python -m tests.soak.erasure --kills 500 --journal build/soak-erasure.jsonl

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/python -m pytest -q tests/architecture
	DISABLE_MKDOCS_2_WARNING=true NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict --site-dir site

check-windows: $(READY)
	$(VENV)/bin/mypy --platform win32 --cache-dir .mypy_cache/win32 vidsearch trainer pipelines ui

docs: $(READY)
	DISABLE_MKDOCS_2_WARNING=true NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --site-dir site

package: $(READY)
	rm -rf dist build/package-check
	$(VENV)/bin/python -m build --outdir dist
	$(PYTHON) -m venv build/package-check
	build/package-check/bin/pip install --quiet --disable-pip-version-check dist/*.whl
	build/package-check/bin/vidsearch doctor
	build/package-check/bin/vidsearch demo build/package-check/demo

bench: $(READY)
	$(VENV)/bin/python -m benchmarks

clean:
	rm -rf $(VENV) demo build dist site *.egg-info
