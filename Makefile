# vidsearch: set-up and the everyday commands. Everything is installed into .venv in this folder.
PYTHON ?= python3.11
VENV   := .venv
READY  := $(VENV)/.ready

.PHONY: help setup demo test check bench clean
help:
	@echo 'make demo    set up, then index and search an archive made from real faces'
	@echo 'make test    set up, then run the tests'
	@echo 'make check   ruff, mypy --strict, import directions'
	@echo 'make bench   the measurements quoted in README.md'

# The alias goes first: it stands for opencv-python, whose wheels need libGL (see its pyproject.toml).
$(READY): pyproject.toml constraints.txt third_party/opencv-python/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt ./third_party/opencv-python
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(VENV)/bin/pip check
	@touch $@

setup: $(READY)

demo: $(READY)
	$(VENV)/bin/vidsearch demo

test: $(READY)
	$(VENV)/bin/python -m pytest -n auto --dist loadgroup

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q tests/architecture

bench: $(READY)
	$(VENV)/bin/python -m benchmarks

clean:
	rm -rf $(VENV) demo build *.egg-info
