# Everything below sets up what it needs in .venv and rebuilds only what changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

CPP := $(shell find src benchmarks tests -name '*.hpp' -o -name '*.cpp')
# What the installed package is made from. Python sources are read in place.
NATIVE := CMakeLists.txt pyproject.toml src/ogive/kernels/units.cmake $(filter src/%,$(CPP))

.DEFAULT_GOAL := help
.PHONY: help study test fuzz sanitize bench bench-torch bench-jax bench-swap bench-scaling exhaustive calibrate diagnose mutate docs docs-links lint format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

study: $(VENV)/.study  ## compare activations on real data; ARGS="wine --depths 2,8", ARGS="--quick"
	$(BIN)/ogive study $(ARGS)

test: $(VENV)/.test  ## the whole test suite; ARGS="-k softmax"
	$(BIN)/python tools/stub.py
	$(BIN)/python -m pytest -n 2 $(ARGS)
	$(if $(ARGS),,$(BIN)/python tools/torch_table.py --passed)

fuzz: $(VENV)/.test  ## random calls against plain calls and formulas; ARGS="--seconds 600 --seed 1"
	$(BIN)/python tests/fuzz.py $(ARGS)

sanitize: $(VENV)/.own  ## kernel loops in every layout under ASan and UBSan; QUICK=1 as in CI
	$(BIN)/cmake -G Ninja -S tests/native -B build/sanitize$(if $(QUICK),-quick) \
		-DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DOGIVE_QUICK=$(or $(QUICK),0)
	$(BIN)/cmake --build build/sanitize$(if $(QUICK),-quick)
	CTEST_OUTPUT_ON_FAILURE=1 CTEST_PARALLEL_LEVEL=2 $(BIN)/cmake --build build/sanitize$(if $(QUICK),-quick) --target test

bench: $(VENV)/.bench  ## ratios against NumPy, SciPy, scikit-learn, PyTorch, JAX, ONNX Runtime; writes JSON
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-torch: $(VENV)/.bench  ## training steps and losses in PyTorch, time and memory; writes JSON
	$(BIN)/python benchmarks/torch_training.py
	$(BIN)/python benchmarks/torch_heads.py

bench-jax: $(VENV)/.bench  ## functions, losses and calls in JAX against jax.nn and optax; writes JSON
	$(BIN)/python benchmarks/jax_functions.py $(ARGS)

bench-swap: $(VENV)/.test  ## steps of models of transformers as they are and swapped, time and memory; writes JSON
	$(BIN)/python benchmarks/swap_steps.py $(ARGS)

bench-scaling: $(VENV)/.test  ## how time and memory grow with the work; writes JSON
	$(BIN)/python benchmarks/scaling.py $(ARGS)

exhaustive: $(VENV)/.test  ## all 2^32 inputs of every function; resumes; writes tests/accuracy.toml
	$(BIN)/python tools/exhaustive.py $(ARGS)

calibrate: $(VENV)/.test  ## how often a study is wrong, on data where the answer is known; resumes; writes docs/calibration.md
	$(BIN)/python tools/calibrate.py $(ARGS)

diagnose: $(VENV)/.test  ## faulty and sound trainings under ogive watch; resumes; writes docs/diagnosis.md
	PYTHONPATH=tests $(BIN)/python -m diagnosis $(ARGS)

mutate: $(VENV)/.mutate  ## which slips would the tests notice? ARGS="--sample 40 --only torch", ARGS="--changed"
	$(BIN)/python tools/mutate.py $(ARGS)

docs: $(VENV)/.docs  ## the site, into build/docs/html; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -b html -d build/docs/doctrees docs build/docs/html

docs-links: $(VENV)/.docs  ## the site's links to other sites
	$(BIN)/python -m sphinx -W --keep-going -b linkcheck -d build/docs/doctrees docs build/docs/links

lint: $(VENV)/.test  ## ruff, mypy, layers of imports, clang-format, every C++ header alone, the generated stubs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	$(BIN)/python tools/headers.py
	$(BIN)/python tools/stub.py --check

format: $(VENV)/.test  ## let ruff and clang-format rewrite the sources, and write the stubs
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)
	$(BIN)/python tools/stub.py

clean:  ## remove the build and the environment
	rm -rf build $(VENV)

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

# The compiled part, kept in build/ so that a change recompiles what depends on it: for the
# instruction sets of the argument, or all.
define compile
	$(BIN)/python -m pip install --quiet "scikit-build-core>=0.11" "numpy>=2.0" "cmake>=3.26" ninja
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -Cbuild-dir=build/editable \
		-Ccmake.define.OGIVE_INSTRUCTION_SETS=$(1) \
		-Ccmake.define.CMAKE_COMPILE_WARNING_AS_ERROR=$(or $(WERROR),0) --editable .
	$(BIN)/python tools/stub.py
endef

$(VENV)/.native: $(VENV)/.created $(NATIVE)
	$(call compile,)
	touch $(VENV)/.own $@

# For this machine alone: a third of the work, enough to use the library here.
$(VENV)/.own: $(VENV)/.created $(NATIVE)
	$(call compile,native)
	touch $@

$(VENV)/.study: $(VENV)/.own
	$(BIN)/python -m pip install --quiet --no-build-isolation \
		-Cbuild-dir=build/editable --editable ".[study]"
	touch $@

$(VENV)/.test: $(VENV)/.native
	$(BIN)/python -m pip install --quiet --no-build-isolation \
		-Cbuild-dir=build/editable --editable ".[test]"
	touch $@

$(VENV)/.mutate: $(VENV)/.test
	$(BIN)/python -m pip install --quiet "cosmic-ray>=8.4" "pytest-cov>=6"
	touch $@

$(VENV)/.docs: $(VENV)/.own
	$(BIN)/python -m pip install --quiet --no-build-isolation \
		-Cbuild-dir=build/editable --editable ".[docs]"
	touch $@

$(VENV)/.bench: $(VENV)/.native
	$(BIN)/python -m pip install --quiet --no-build-isolation \
		-Cbuild-dir=build/editable --editable ".[bench]"
	touch $@
