# make         train the embedded example, compute, render; ends by printing where the report is
# make test    the whole test suite
# make bench   measure layers, heads and the trainer, about a quarter of an hour; prints where
# make lint    format and lint checks
# make lock    resolve requirements.lock anew from pyproject.toml
# make clean   remove what rules made; make distclean also removes the environment
PYTHON ?= python3
VENV := .venv
ENVIRONMENT := $(VENV)/.complete
SNAKEMAKE := snakemake --workflow-profile workflow/profiles/default
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: all test bench lint lock clean distclean
.DELETE_ON_ERROR:

all: $(ENVIRONMENT)
	@$(SNAKEMAKE) $(if $(NIST_DATA_ROOT),--config data_root='$(NIST_DATA_ROOT)')
	@echo "Report: $(CURDIR)/results/report.html"

test: $(ENVIRONMENT)
	@python -m pytest -n auto --dist loadgroup

bench: $(ENVIRONMENT)
	@KINETO_LOG_LEVEL=7 python -m nist.benchmark --out results/benchmarks
	@python -m nist.trainer_benchmark --out results/benchmarks
	@for machine in $$(dirname results/benchmarks/*/heads.parquet); do \
	    python -m analysis.figures.crossover $$machine/layers.parquet -o $$machine/crossover.svg $$machine/crossover.png && \
	    for table in layers heads trainer; do \
	        python -m analysis.tables.$$table $$machine/$$table.parquet -o $$machine/$$table.csv || exit 1; done && \
	    cat $$machine/heads.md $$machine/trainer.md && echo "Benchmark: $(CURDIR)/$$machine" || exit 1; done

lint: $(ENVIRONMENT)
	@ruff check . && ruff format --check .

# uv installs the lock in half a minute; its own hash is in the lock too.
$(ENVIRONMENT): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@echo "Installing the environment into $(VENV) (about 6 GB, most of it torch)"
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(VENV)/bin/uv pip sync --quiet --compile-bytecode --python $(VENV)/bin/python --require-hashes requirements.lock
	@touch $@

lock: $(ENVIRONMENT)
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --no-header --upgrade --constraint constraints.txt -o requirements.lock > /dev/null

clean:
	rm -rf results/images results/metrics results/statistics results/figures results/tables results/report.html \
	    results/logs results/benchmarks results/checkpoints results/trunks .snakemake

distclean: clean
	rm -rf $(VENV)
