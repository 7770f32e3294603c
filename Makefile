# Two commands do all the set-up: `make demo` and `make test`. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= dev
BIN = $(VENV)/bin
I2A = $(BIN)/i2a
READY = $(VENV)/ready

# `make demo SMALL=1` takes a minute and only shows that everything runs; `make demo SEED=2` draws everything anew. Each
# has its own folder; after an interruption, the same command continues there. `i2a/cli/demo.py` has the steps.
SEED ?= 1
demo = $(I2A) demo --seed $(SEED) $(if $(SMALL),--small) $(FLAGS)

.PHONY: demo splits small test check clean

demo: $(READY)
	$(demo)

# Two more test sets for the models of the demo: personas with values that no training text contains, and the benchmark.
splits: $(READY)
	$(demo) --splits

# The model that comes with i2a, made again: some minutes on two free cores.
SMALL_MODEL = i2a/simulator/model/small
small: $(READY)
	$(I2A) train base --seed 1 --tokens 1900000 --out runs/small --resume
	rm -f $(SMALL_MODEL)/*
	cp runs/small/*.json runs/small/*.md runs/small/*.jinja runs/small/*.safetensors $(SMALL_MODEL)
	chmod 644 $(SMALL_MODEL)/*

test: check
	$(BIN)/pytest -n auto --dist worksteal

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$(EXTRAS)]"
	@touch $@

clean:
	rm -rf $(VENV) runs/demo runs/demo-*
