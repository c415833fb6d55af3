# Every target makes .venv when it must. PYTHON=python3.12 make run chooses another Python.
PYTHON ?= python3
BIN := .venv/bin
# What there is for every data set, by the same command; only --dataset differs.
METHODS := zero mean mfa dmfa vaeac context-encoder autoencoder
SMALL := $(METHODS) knn gaussian
LEARN = for method in $(2); do $(BIN)/python -m train $$method --dataset $(1) || exit; done
# The networks of the VAEAC paper's tables 5 and 9.
LINE := vaeac --likelihood bernoulli --masks line3 --latents 16 --widths 32 64 128 --batch-size 64
# Auto-encoders with a map of their two latents.
PLANE := autoencoder --latents 2 --widths 16 32 64
SPREAD := $(PLANE) --kind wae-mmd --match 30 --steps 8000
# What tells a classifier of incomplete images what may be behind a hole: trained on the same incomplete images.
SOURCES := --dataset mnist --incomplete
DENSITY := --components 1 --widths 32 64 --batch-size 64
MIXED = $(BIN)/python -m train $(2) --dataset $(1) --incomplete mixed --run-folder runs/$(1)/$(firstword $(2))-mixed --output checkpoints/$(1)/$(firstword $(2))-mixed
CLASSIFY = for treatment in $(2); do $(BIN)/python -m train classifier --dataset $(1) --treatment $$treatment --incomplete mixed --seeds 1 || exit; done
ALONE := complete mask zero partial-conv
ASKING := misconv-dmfa dmfa-mean
.PHONY: audit coverage docs fuzz load run test train train-mnist train-fashion-mnist train-celeba classifiers evaluate bench

run: .venv/.run
	$(BIN)/python app.py

test: .venv/.test
	$(BIN)/python -m tests.browser.chromium
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

coverage: .venv/.test
	$(BIN)/python -m tests.browser.chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

# Faces by `make train-celeba`: they need CelebA, which cannot be downloaded by a program (see the README).
train: train-mnist train-fashion-mnist

train-mnist: .venv/.test
	$(call LEARN,mnist,$(SMALL) universal-marginalizer)
	$(BIN)/python -m train $(LINE) --steps 14000 --run-folder runs/mnist/vaeac-line3 --output checkpoints/mnist/vaeac-line3
	$(BIN)/python -m train $(LINE) --steps 6000 --alpha 0 --run-folder runs/mnist/gsnn-line3 --output checkpoints/mnist/gsnn-line3
	$(BIN)/python -m train $(SPREAD) --run-folder runs/mnist/autoencoder-2d --output checkpoints/mnist/autoencoder-2d
	$(BIN)/python -m train $(PLANE) --kind ae --labels 0 1 2 --steps 6000 --run-folder runs/mnist/autoencoder-2d-012 --output checkpoints/mnist/autoencoder-2d-012
	for folder in autoencoder-2d autoencoder-2d-012; do $(BIN)/python -m train attractors --folder $$folder || exit; done
	$(BIN)/python -m train dynamics
	$(MAKE) classifiers

train-fashion-mnist: .venv/.test
	$(call LEARN,fashion-mnist,$(SMALL))
	$(BIN)/python -m train $(SPREAD) --dataset fashion-mnist --run-folder runs/fashion-mnist/autoencoder-2d --output checkpoints/fashion-mnist/autoencoder-2d
	for step in attractors dynamics; do $(BIN)/python -m train $$step --dataset fashion-mnist || exit; done
	$(call MIXED,fashion-mnist,dmfa $(DENSITY) --masks 'squares8-20*3+half+strokes*3+noise30-90*2' --steps 6000 --validate-every 6000)
	$(call MIXED,fashion-mnist,mfa --components 50 --factors 6 --iterations 12)
	$(call MIXED,fashion-mnist,knn)
	$(call CLASSIFY,fashion-mnist,$(ALONE) $(ASKING) knn misconv-mfa)

train-celeba: .venv/.test
	$(call LEARN,celeba,$(METHODS))
	$(call LEARN,celeba32,dmfa mfa)
	for step in attractors dynamics; do $(BIN)/python -m train $$step --dataset celeba || exit; done
	$(call MIXED,celeba,dmfa --components 1 --factors 4 --widths 32 64 --masks 'squares16-40*3+half+strokes*3+noise30-90*2' --steps 4000 --validate-every 4000)
	$(call CLASSIFY,celeba,$(ALONE) $(ASKING))

classifiers: .venv/.test
	$(BIN)/python -m train dmfa $(SOURCES) mixed $(DENSITY) --masks 'squares8-20*3+half+strokes*3+noise30-90*2' --steps 6000 --validate-every 6000 --run-folder runs/mnist/dmfa-mixed --output checkpoints/mnist/dmfa-mixed
	$(BIN)/python -m train dmfa $(SOURCES) square14 $(DENSITY) --masks 'square14*2+squares8-20' --steps 6000 --validate-every 6000 --run-folder runs/mnist/dmfa-square14 --output checkpoints/mnist/dmfa-square14
	$(BIN)/python -m train dmfa $(SOURCES) trapezoid $(DENSITY) --masks 'square14+half+squares8-20' --steps 4000 --validate-every 4000 --run-folder runs/mnist/dmfa-trapezoid --output checkpoints/mnist/dmfa-trapezoid
	$(BIN)/python -m train dmfa $(SOURCES) noise75 $(DENSITY) --masks 'noise10-50*2+square14' --steps 4000 --validate-every 4000 --run-folder runs/mnist/dmfa-noise75 --output checkpoints/mnist/dmfa-noise75
	for holes in mixed square14; do $(BIN)/python -m train mfa $(SOURCES) $$holes --components 50 --factors 6 --iterations 12 --run-folder runs/mnist/mfa-$$holes --output checkpoints/mnist/mfa-$$holes || exit; done
	for holes in mixed square14 trapezoid noise75; do $(BIN)/python -m train knn $(SOURCES) $$holes --run-folder runs/mnist/knn-$$holes --output checkpoints/mnist/knn-$$holes || exit; done
	for treatment in complete misconv-dmfa misconv-mfa dmfa-mean knn mask zero partial-conv; do $(BIN)/python -m train classifier --treatment $$treatment --incomplete mixed --seeds 1 || exit; $(BIN)/python -m train classifier --treatment $$treatment --incomplete square14 || exit; done
	for treatment in misconv-dmfa knn mask zero partial-conv; do for holes in trapezoid noise75; do $(BIN)/python -m train classifier --treatment $$treatment --incomplete $$holes --steps 1000 || exit; done; done
	$(BIN)/python -m train dmfa --dataset fashion-mnist --incomplete square14 $(DENSITY) --masks 'square14*2+squares8-20' --steps 6000 --validate-every 6000 --run-folder runs/fashion-mnist/dmfa-square14 --output checkpoints/fashion-mnist/dmfa-square14
	$(BIN)/python -m train knn --dataset fashion-mnist --incomplete square14 --run-folder runs/fashion-mnist/knn-square14 --output checkpoints/fashion-mnist/knn-square14
	for treatment in complete misconv-dmfa dmfa-mean knn mask zero partial-conv; do $(BIN)/python -m train classifier --dataset fashion-mnist --treatment $$treatment --steps 1000 --seeds 1 || exit; done

evaluate: .venv/.test
	for dataset in mnist fashion-mnist; do $(BIN)/python -m train evaluate --dataset $$dataset || exit; done
	$(BIN)/python -m train line-masks

bench: .venv/.test
	$(BIN)/python -m benchmarks.densities
	$(BIN)/python -m benchmarks.mfa
	$(BIN)/python -m benchmarks.misconv
	$(BIN)/python -m benchmarks.page

fuzz: .venv/.test
	FUZZ_REQUESTS=10000 $(BIN)/python -m pytest tests/app/test_fuzz.py

audit: .venv/.test
	$(BIN)/python -m pip_audit --local --skip-editable

docs: .venv/.test
	$(BIN)/python -m pip install -q pdoc
	$(BIN)/pdoc -o site dmfa_demo $(subst /,.,$(basename $(filter-out %__init__.py,$(wildcard dmfa_demo/*.py dmfa_demo/models/*.py))))

load: .venv/.test
	$(BIN)/python -m benchmarks.load

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "This needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ". Name another: PYTHON=python3.12 make run")'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "No virtual environment could be made. On Debian or Ubuntu: apt install python3-venv"; exit 1; }

.venv/.run: .venv/bin/python requirements.txt
	@echo "Installing into .venv. PyTorch takes gigabytes on Linux; the README tells how to get the small CPU build."
	$(BIN)/python -m pip install -q -r requirements.txt
	touch $@

.venv/.test: .venv/bin/python requirements.txt pyproject.toml
	@echo "Installing into .venv what training and tests need."
	$(BIN)/python -m pip install -q -e ".[test]"
	touch $@ .venv/.run
