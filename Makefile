# make demo   a whole market on this machine, from funding to payout
# make test   everything that is checked before a change lands
# make peers  what `ape run bench STAGE --against PEER` compares with
# make datasets  what fetches MNIST, FEMNIST and CIFAR-10

PYTHON ?= $(shell command -v python3.11 || echo python3)
DEMO ?=
# whatever else is checked out on this machine, this tree is the one that runs
export PYTHONPATH := $(CURDIR)
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)

CONTRACTS := $(shell find contracts -name "*.vy" -o -name "*.vyi" -o -name "*.sol")
SOLC := 0.8.37

.PHONY: setup demo test test-slow check format peers datasets clean

demo: setup
	ape run simulate $(DEMO)

test: setup check
	ape test tests -m "not slow"

test-slow: setup
	ape test tests -m slow

check: setup
	ruff check .
	ruff format --check .
	mypy

format: setup
	ruff check --fix .
	ruff format .

peers: setup
	@echo "Installing zksnake and ezkl into .venv, snarkjs and circom2 into node_modules"
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements-peers.txt --constraint constraints.txt
	@npm install --silent --no-save snarkjs@0.7.6 circom2@0.2.23

# Solved together with requirements.txt, whose pins stay; constraints.txt has an fsspec too new for it.
datasets: setup
	@echo "Installing Hugging Face datasets into .venv"
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt --requirement requirements-data.txt

setup: .venv/.ready node_modules/.ready .build/.ready

# All of them, whenever one has changed: Ape's own cache misses changes of imported modules after a failed compilation.
.build/.ready: .venv/.ready node_modules/.ready $(CONTRACTS)
	@echo "Compiling the contracts"
	@scripts/install_solc $(SOLC)
	@ape compile --force --size
	@touch $@

.venv/.ready: requirements.txt constraints.txt
	@echo "Installing the Python packages into .venv: once, about two minutes"
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt --constraint constraints.txt
	@touch $@

node_modules/.ready: package.json .npmrc
	@echo "Installing Anvil, OpenZeppelin's tokens and their compiler into node_modules: once"
	@npm install --silent
	@touch $@

clean:
	rm -rf .venv node_modules .build runs
