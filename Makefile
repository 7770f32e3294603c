# Two commands do all the set-up: `make demo` and `make test`. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
# `make test EXTRAS=dev,personas` also runs what needs sentence-transformers (and with it torch).
EXTRAS ?= dev
BIN = $(VENV)/bin
DEMO ?= runs/demo

.PHONY: demo test check clean

demo: $(VENV)/ready
	$(BIN)/i2a simulate --scenario aloe --conversations 40 --turns 10 --seed 1 --model offline --out $(DEMO) --resume
	$(BIN)/i2a show $(DEMO) 5
	@echo
	@echo "The corpus is in $(DEMO)/trees.jsonl. Another tree:  $(BIN)/i2a show $(DEMO) 7"

test: check
	$(BIN)/pytest -n auto --dist worksteal

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$(EXTRAS)]"
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO)
