# make demo   a whole market on this machine, from funding to payout
# make demo STORE=ipfs  the same over IPFS
# make local  a chain on this machine, and the commands that play a market on it by real programs
# make test   everything that is checked before a change lands
# make formal what halmos and intervals prove of the compiled contracts
# make peers  what `ape run bench STAGE --against PEER` compares with
# make kubo   Kubo as a library: make test then tries the store in IPFS against real nodes, as .ci/run does
# make datasets  what fetches MNIST, FEMNIST and CIFAR-10

PYTHON ?= $(shell command -v python3.11 || echo python3)
DEMO ?=
LOCAL ?=
STORE ?= folder
# what `make demo STORE=ipfs` keeps its contents in: the Kubo daemon whose RPC is here
KUBO ?= /ip4/127.0.0.1/tcp/5001
# whatever else is checked out on this machine, this tree is the one that runs
export PYTHONPATH := $(CURDIR)
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)

CONTRACTS := $(shell find contracts -name "*.vy" -o -name "*.vyi" -o -name "*.sol")
SOLC := 0.8.37

.PHONY: setup solc demo local test test-slow check format formal peers kubo datasets clean

demo: setup
	ape run simulate $(if $(filter ipfs,$(STORE)),--store $(KUBO)) $(DEMO)

local: setup
	ape run local $(LOCAL)

test: setup check
	ape test tests -m "not slow" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slow: setup
	ape test tests -m slow

check: setup
	ruff check .
	ruff format --check .
	mypy

format: setup
	ruff check --fix .
	ruff format .

# A failed property, or one that isn't decided in time, fails.
formal: setup .venv-formal/.ready
	@.venv/bin/python tests/formal/bytecode.py .build/__local__.json tests/formal/Bytecode.sol
	cd tests/formal && FOUNDRY_SOLC=$(or $(SOLCX_BINARY_PATH),$(HOME)/.solcx)/solc-v$(SOLC) FOUNDRY_OFFLINE=true \
	    $(CURDIR)/.venv-formal/bin/halmos --root . --forge-build-out ../../.build/formal --storage-layout generic --loop 33 \
	    --default-bytes-lengths 0 --default-array-lengths 0 --solver-timeout-assertion 120000
	.venv/bin/python tests/formal/wraps.py

# halmos and eth-ape exclude each other.
.venv-formal/.ready: requirements-formal.txt
	@echo "Installing halmos into .venv-formal, Foundry's forge into node_modules"
	@$(PYTHON) -m venv .venv-formal
	@.venv-formal/bin/pip install --quiet --disable-pip-version-check --requirement requirements-formal.txt
	@npm install --silent --no-save @foundry-rs/forge@1.7.1
	@touch $@

peers: setup
	@echo "Installing zksnake and ezkl into .venv, snarkjs and circom2 into node_modules"
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements-peers.txt --constraint constraints.txt
	@npm install --silent --no-save snarkjs@0.7.6 circom2@0.2.23

kubo: setup
	@echo "Installing Kubo as a library into .venv: about 250 MB"
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements-ipfs.txt --constraint constraints.txt

# Solved together with requirements.txt, whose pins stay; constraints.txt has an fsspec too new for it.
datasets: setup
	@echo "Installing Hugging Face datasets into .venv"
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt --requirement requirements-data.txt

setup: .venv/.ready node_modules/.ready solc .build/.ready

# All of them, whenever one has changed: Ape's own cache misses changes of imported modules after a failed compilation.
.build/.ready: .venv/.ready node_modules/.ready $(CONTRACTS) | solc
	@echo "Compiling the contracts"
	@ape compile --force --size
	@touch $@

# Every time: the launcher is the user's, for all trees, and names the packages of one.
solc: node_modules/.ready
	@scripts/install_solc $(SOLC)

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
	rm -rf .venv .venv-formal node_modules .build runs
