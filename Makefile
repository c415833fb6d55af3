# Every target creates .venv if necessary. PYTHON=python3.12 make run uses another Python.
PYTHON ?= python3
BIN := .venv/bin
# The versions of the JavaScript linter and of the type checker, from npm.
BIOME := $(shell sed -n 's/.*biome@\([0-9.]*\).*/\1/p' .pre-commit-config.yaml)
TYPESCRIPT := 5.9.3
PYTHONS ?= 3.12 3.13 3.14
.PHONY: .uv audit bench coverage docs evaluate floors fuzz lint lite load pythons run slides test train train-mnist train-fashion-mnist train-celeba

run: .venv/.run
	$(BIN)/python app.py

test: lint
	$(BIN)/python -m tests.browser.chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# Reports checks that this machine cannot run. Gradio leaves *.pyi beside components, which would hide their code from pyright.
lint: .venv/.test
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .
	@find dmfa_demo -name '*.pyi' -delete
	@if $(BIN)/pyright --version >/dev/null 2>&1; then $(BIN)/pyright; else echo "Skipped: pyright, which needs Node.js and a network."; fi
	@if command -v npm >/dev/null && $(MAKE) -s .npm/$(BIOME); then .npm/$(BIOME)/node_modules/.bin/biome lint --error-on-warnings; \
	else echo "Skipped: the JavaScript linter, which needs npm and a network."; fi
	@if command -v npm >/dev/null && $(MAKE) -s .npm/typescript-$(TYPESCRIPT); then .npm/typescript-$(TYPESCRIPT)/node_modules/.bin/tsc; \
	else echo "Skipped: the types of the light page's JavaScript, which need npm and a network."; fi
	@if command -v uv >/dev/null; then uv lock --check -q; else echo "Skipped: whether uv.lock is up to date, which needs uv."; fi

coverage: .venv/.test
	$(BIN)/python -m tests.browser.chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

# Run the tests with the lowest versions in requirements.txt and the extras, and with newer Pythons, each in a separate environment. Old
# versions may warn of what newer ones no longer do.
floors: .uv
	uv venv -q --clear --python 3.11 .venv-floors
	uv pip install -q --python .venv-floors/bin/python --resolution lowest-direct -e ".[test]"
	OMP_NUM_THREADS=1 .venv-floors/bin/python -m pytest -W default -n 2 --dist loadfile --ignore tests/browser

pythons: .uv
	@for python in $(PYTHONS); do \
		uv python find -q $$python >/dev/null || { echo "Skipped: Python $$python is not installed."; continue; }; \
		UV_PROJECT_ENVIRONMENT=.venv-$$python uv sync -q --frozen --python $$python --extra test || exit; \
		echo "Python $$python"; OMP_NUM_THREADS=1 .venv-$$python/bin/python -m pytest -n 2 --dist loadfile --ignore tests/browser || exit; done

# Recipes are in train/recipes.py; finished steps are skipped. Faces need CelebA, which no program can download.
train: train-mnist train-fashion-mnist

train-mnist train-fashion-mnist: .venv/.test
	$(BIN)/python -m train all --dataset $(@:train-%=%)

train-celeba: .venv/.test
	for dataset in celeba celeba32; do $(BIN)/python -m train all --dataset $$dataset || exit; done

evaluate: .venv/.test
	for dataset in mnist fashion-mnist; do $(BIN)/python -m train evaluate --dataset $$dataset || exit; done
	$(BIN)/python -m train line-masks

bench: .venv/.test
	$(BIN)/python -m benchmarks.densities
	$(BIN)/python -m benchmarks.mfa
	$(BIN)/python -m benchmarks.misconv
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.precision
	$(BIN)/python -m benchmarks.page

fuzz: .venv/.test
	FUZZ_REQUESTS=10000 $(BIN)/python -m pytest tests/app/test_fuzz.py

audit: .venv/.test
	$(BIN)/python -m pip_audit --local --skip-editable

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lite: .venv/.test
	$(BIN)/python -m dmfa_demo.lite build lite

slides: .venv/.test
	$(BIN)/python -m tests.browser.slides slides

load: .venv/.test
	$(BIN)/python -m benchmarks.load

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "This needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ". Choose another: PYTHON=python3.12 make run")'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "No virtual environment could be made. On Debian or Ubuntu: apt install python3-venv"; exit 1; }

# Installs what uv.lock pins or, without uv or if .venv has another PyTorch such as the small CPU build, what the files declare.
PIP = $(if $(shell command -v uv),uv pip install -q --python $(BIN)/python,$(BIN)/python -m pip install -q)
INSTALL = if command -v uv >/dev/null && { [ -f .venv/.locked ] || ! ls -d .venv/lib/python*/site-packages/torch >/dev/null 2>&1; }; \
	then uv sync -q --frozen --inexact --python $(BIN)/python $(1) && touch .venv/.locked; else $(PIP) $(2); fi

.venv/.run: .venv/bin/python requirements.txt
	@echo "Installing into .venv. PyTorch takes gigabytes on Linux; the README explains how to get the small CPU build."
	@$(call INSTALL,--no-install-project,-r requirements.txt)
	touch $@

.venv/.test: .venv/bin/python requirements.txt pyproject.toml
	@echo "Installing the packages for training and tests into .venv."
	@$(call INSTALL,--extra test,-e ".[test]")
	touch $@ .venv/.run

.venv/.docs: .venv/.run pyproject.toml
	@$(call INSTALL,--extra docs,-e ".[docs]")
	touch $@

.npm/$(BIOME):
	npm install --prefix $@.new --no-save --silent @biomejs/biome@$(BIOME) && mv $@.new $@

.npm/typescript-$(TYPESCRIPT):
	npm install --prefix $@.new --no-save --silent typescript@$(TYPESCRIPT) && mv $@.new $@

.uv:
	@command -v uv >/dev/null || { echo "This needs uv: pip install uv"; exit 1; }
