# make         train the embedded example, and render it and all published runs; ends by printing where the report is
# make test    each behaviour of the code at least once, in about four minutes
# make test-all   every test, in about fifteen: every byte of files, whole runs of Snakemake, Slurm, Kubernetes
# make figures  render all published runs, the paper's studies, pilots and controls: no training, no torch, no data set
# make findings   write FINDINGS.md anew from the published metrics
# make evidence STUDY=…   train a study of the paper, its pilot and its controls, publish their runs, replay one seed of each
#              head and write the findings: hours of a GPU
# make calibration   how often each interval misses the truth, by simulation, for docs/statistics.md: 10 minutes of CPU time
# make publish FROM=results/metrics [STUDY=…]   check metrics and add them to results/published
# make replay STUDY=lenet5-fmnist [SEED=3]      train one published seed of each variant again, and say where it differs
# make publish-replays [FROM=results/replays] [STUDY=…]   check replays and add them to results/published
# make bench   measure layers, heads, deployment and the trainer, about half an hour; prints where
# make bench-scale   plan 10,000 blocks, and 1,000 seeds of every study, without running them; then render published runs of
#              7, 20 and 50 studies, random numbers; half an hour
# make docs    the pages of docs/, the reference and the gallery as a site; seconds; ends by printing where it is
# make sweep [MODELS='timm/vit_*']   put NIST into some 240 models of timm, torchvision and transformers, in about five
#              minutes, and count how that goes
# make lint    format, lint and types
# make audit   known vulnerabilities of the locked packages, and secrets in tracked files
# make lock    resolve requirements.lock anew from pyproject.toml
# make clean   remove what rules made; make distclean also removes the environment
PYTHON ?= python3
VENV := .venv
ENVIRONMENT := $(VENV)/.complete
# What renders needs no torch. Where there is no environment yet, it gets one without torch and what comes with it.
LIGHT := $(VENV)/.without-torch
RENDERING := $(or $(wildcard $(ENVIRONMENT)),$(LIGHT))
TORCH := torch[a-z]*|timm|transformers|tokenizers|accelerate|lightning|pytorch-lightning|triton|nvidia-[a-z0-9-]*|cuda-[a-z]*|onnx[a-z-]*
$(ENVIRONMENT): SIZE := about 7 GB, most of it torch
$(LIGHT): SIZE := about 1.2 GB, without torch
$(LIGHT): LEFT_OUT := /^($(TORCH))==/,/[^\\]$$/d
COMMA := ,
PROFILE ?= default
SNAKEMAKE = snakemake --workflow-profile profiles/$(PROFILE)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: all test test-all test-long figures findings calibration evidence publish replay publish-replays bench bench-scale docs sweep lint audit lock clean distclean
.DELETE_ON_ERROR:

all: $(ENVIRONMENT)
	@$(SNAKEMAKE) $(if $(NIST_DATA_ROOT),--config "data_root=$$NIST_DATA_ROOT")
	@echo "Report: $(CURDIR)/results/report.html"

# With loadgroup, a worker that crashes and is started anew leaves pytest-xdist 3.8 waiting for its tests without end.
PYTEST := python -m pytest -rs -n auto --dist loadgroup --max-worker-restart=0
LONG := slow or exhaustive or slurm or kubernetes

test: $(ENVIRONMENT)
	@$(PYTEST) -m "not ($(LONG))"

test-all: $(ENVIRONMENT)
	@$(PYTEST)

# What test-all has beyond test.
test-long: $(ENVIRONMENT)
	@$(PYTEST) -m "$(LONG)"

figures: $(RENDERING)
	@$(SNAKEMAKE) --config metrics_source=published
	@echo "Report: $(CURDIR)/results/report.html"

findings: $(RENDERING)
	@$(SNAKEMAKE) --config metrics_source=published -- results/findings.md
	@cp results/findings.md FINDINGS.md

# One thread a process: there is one a core.
calibration: $(RENDERING)
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m analysis.coverage --page docs/statistics.md

# The study, and of its pilot and its controls what there is. Lines with MAKE run under make -n too, and publish nothing.
evidence: RUN = $(basename $(notdir $(wildcard $(STUDY:%=config/studies/%.yaml) $(STUDY:%=config/studies/%-pilot.yaml) \
    $(STUDY:%=config/studies/%-controls*.yaml))))
evidence: PROFILE = workstation
evidence: $(ENVIRONMENT)
	@$(if $(RUN),,$(error give a study of config/studies, as in make evidence STUDY=mobilenetv1-cifar10))
	@$(SNAKEMAKE) --config metrics_source=complete "studies=[$(subst $(eval) ,$(COMMA) ,$(RUN))]" $(if $(NIST_DATA_ROOT),"data_root=$$NIST_DATA_ROOT")
	@for study in $(RUN); do \
	    [ ! -d results/metrics/$$study ] || python -m analysis.published.add results/metrics --study $$study || exit 1; done
	@for study in $(RUN); do $(MAKE) replay publish-replays STUDY=$$study PROFILE=$(PROFILE) || exit 1; done
	@$(MAKE) findings

publish: $(RENDERING)
	@python -m analysis.published.add $(if $(FROM),"$$FROM",$(error give the folder of the metrics, as in make publish FROM=results/metrics)) \
	    $(if $(STUDY),--study "$$STUDY")

replay: $(ENVIRONMENT)
	@$(SNAKEMAKE) replays --config metrics_source=published $(if $(STUDY),"studies=[$$STUDY]",$(error give the study, as in make replay STUDY=lenet5-fmnist)) \
	    $(if $(SEED),"replay_seed=$$SEED") $(if $(NIST_DATA_ROOT),"data_root=$$NIST_DATA_ROOT")
	@python -m analysis.published.compare results/replays --study "$$STUDY"

publish-replays: $(RENDERING)
	@python -m analysis.published.add --replays $(if $(FROM),"$$FROM",results/replays) $(if $(STUDY),--study "$$STUDY")

bench: $(ENVIRONMENT)
	@KINETO_LOG_LEVEL=7 python -m nist.benchmarks.layers --out results/benchmarks
	@python -m nist.benchmarks.deployment --out results/benchmarks
	@python -m nist.benchmarks.trainer --out results/benchmarks
	@for machine in $$(dirname results/benchmarks/*/heads.parquet); do \
	    python -m analysis.measured $$machine --figures $$machine --tables $$machine && \
	    cat $$machine/heads.md $$machine/deployment.md $$machine/trainer.md && echo "Benchmark: $(CURDIR)/$$machine" || exit 1; done

bench-scale: $(ENVIRONMENT)
	@python -m analysis.scale.planning
	@python -m analysis.scale.rendering

# Material warns of another tool with every build.
docs: $(ENVIRONMENT)
	@NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict --config-file docs/site/mkdocs.yml
	@echo "Docs: $(CURDIR)/results/docs/index.html"

# One thread: models so small gain nothing from a second one, and lose much where it has to wait.
sweep: $(ENVIRONMENT)
	@OMP_NUM_THREADS=1 python -m tests.sweep $(MODELS)

lint: $(ENVIRONMENT)
	@ruff check . && ruff format --check .
	@snakefmt --check Snakefile workflow && snakemake --lint
	@mypy

audit: $(ENVIRONMENT)
	@python .ci/audit.py

# uv installs the lock in half a minute; its own hash is in the lock too.
$(ENVIRONMENT) $(LIGHT): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	@echo "Installing the environment into $(VENV) ($(SIZE))"
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@sed -E '$(LEFT_OUT)' requirements.lock > $(VENV)/packages.lock
	@$(VENV)/bin/uv pip sync --quiet --compile-bytecode --python $(VENV)/bin/python --require-hashes $(VENV)/packages.lock
	@touch $@

lock: $(ENVIRONMENT)
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-annotate --no-header --upgrade --constraint constraints.txt -o requirements.lock > /dev/null

clean:
	rm -rf results/images results/metrics results/statistics results/figures results/tables results/report.html \
	    results/logs results/benchmarks results/checkpoints results/trunks results/replays results/docs .snakemake

distclean: clean
	rm -rf $(VENV)
