# Every target does its own set-up, in a virtual environment that it makes here.
# PYTHON=python3.12 chooses the interpreter, VENV=folder the place, ARGS="..." goes on to the script or to pytest.
PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check install --quiet
BUILD  := pyproject.toml setup.py $(shell find csrc -type f 2>/dev/null)

.PHONY: help dcgan test test-peers sanitize sanitize-cuda bench doctor clean
.DELETE_ON_ERROR:

help:
	@echo "make dcgan       train a DCGAN on handwritten digits; ARGS=\"--resume\" and so on"
	@echo "make test        ruff, mypy and every test; ARGS=\"-k conv\" chooses"
	@echo "make test-peers  the comparisons with PyTorch, which this installs beside minigen"
	@echo "make sanitize    the kernels' tests under AddressSanitizer and UBSan"
	@echo "make sanitize-cuda  every CUDA kernel under AddressSanitizer and ThreadSanitizer, without a GPU"
	@echo "make bench       measures everything that docs/benchmarks shows, and writes its pages: half an hour"
	@echo "make doctor      which backends and data this machine has"
	@echo "make clean       remove $(VENV) and what builds left (never runs/)"

dcgan: $(VENV)/.examples
	$(PY) examples/dcgan_mnist.py $(ARGS)

test: $(VENV)/.test
	$(PY) -m pytest --ignore=tests/peers $(ARGS)

test-peers: $(VENV)/.peers
	$(PY) -m pytest tests/peers $(ARGS)

# A second build of the extension, in a folder of its own that Python is told to look into first. The sanitizers' libraries
# must be loaded before all others, so Python itself is started with them; what Python never frees is not looked at.
SAFE     := build/sanitize
PRELOAD   = $(foreach lib,libasan.so libubsan.so libstdc++.so,$(shell $(or $(CXX),g++) -print-file-name=$(lib)))
SANITIZED = LD_PRELOAD="$(PRELOAD)" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 PYTHONMALLOC=malloc \
            PYTHONPATH=$(CURDIR)/$(SAFE)/lib $(PY) -P

sanitize: $(VENV)/.test
	rm -rf $(SAFE)/lib
	MINIGEN_SANITIZE=1 $(PY) setup.py -q build --build-lib $(SAFE)/lib --build-temp $(SAFE)/temp
	@$(SANITIZED) -c 'from minigen import _cpu; assert "$(SAFE)" in _cpu.__file__, _cpu.__file__'
	$(SANITIZED) -m pytest -s -q -p no:cacheprovider tests/csrc $(ARGS)

# The CUDA kernels as programs with a thread for each of a GPU's (kernels/emulator/sanitized.py): nothing is preloaded.
sanitize-cuda: $(VENV)/.test
	$(PY) -m pytest tests/sanitizers $(ARGS)

bench: $(VENV)/.peers
	$(PY) -m minigen.kernels.bench all $(ARGS)

doctor: $(VENV)/.examples
	@$(PY) -m minigen doctor

clean:
	rm -rf $(VENV) build dist *.egg-info minigen/_cpu*.so .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: an environment is made once, the package is installed again only when what builds it has changed.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "minigen needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name a newer one: make $(or $(MAKECMDGOALS),help) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt install python3-venv python3-dev"; exit 1; }
	@touch $@

$(VENV)/.examples: $(VENV)/.made $(BUILD)
	@echo "Installing minigen into $(VENV): this compiles the C++ kernels, about a minute ..."
	$(PIP) -e ".[examples]"
	@$(PY) -m minigen doctor
	@touch $@

# The test extra contains the examples' needs, so this stands for both.
$(VENV)/.test: $(VENV)/.made $(BUILD)
	@echo "Installing minigen and its test tools into $(VENV): this compiles the C++ kernels, about a minute ..."
	$(PIP) -e ".[test]"
	-$(PIP) -e ".[cuda-check]" || echo "Without these wheels, the tests that compile CUDA kernels say NOT RUN."
	@$(PY) -m minigen doctor
	@touch $(VENV)/.examples $@

$(VENV)/.peers: $(VENV)/.test
	$(VENV)/bin/pip install torch==2.13.0
	@touch $@
