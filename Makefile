# Two commands: `make results` and `make test`. Both set up .venv first, once.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.installed
LOCKS := requirements.lock requirements-dev.lock pyproject.toml

.PHONY: results test test-cluster lint .venv
.DELETE_ON_ERROR:

results: .venv
	$(BIN)/snakemake --profile profiles/local

test: .venv
	$(BIN)/python -m pytest

# jobs sent to a SLURM of one node on this machine, started for the tests and ended after them
test-cluster: .venv
	$(BIN)/python -m pytest tests/cluster

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

.venv: $(STAMP)

$(STAMP): $(LOCKS)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v == (3, 11) or sys.exit("FocusBench needs Python 3.11, and $(PYTHON) is %d.%d; name another one: make PYTHON=/path/to/python3.11" % v)' \
	  || { command -v $(PYTHON) > /dev/null || echo "FocusBench needs Python 3.11, and there is no $(PYTHON) here; install python3.11 and python3-venv, or: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
