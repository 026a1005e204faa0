# `make help` shows what there is. Everything runs in the environment that uv keeps in .venv.

CACHE ?= $(or $(ROLLKEEPER_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME)/rollkeeper),$(HOME)/.cache/rollkeeper)
UV    ?= $(or $(shell command -v uv),$(CACHE)/uv/bin/uv)

AUDIT  = $(CURDIR)/dist/audit

.DEFAULT_GOAL := help
.PHONY: help install lint test nightly crds docs picture image sbom chart cluster-build cluster-up cluster-down cluster-status demo e2e bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(CACHE)/uv/bin/uv: # only where uv is not installed; beside the system's packages, which pip may not be allowed to touch
	python3 -m pip install --quiet --target $(CACHE)/uv uv

install: $(if $(findstring $(CACHE),$(UV)),$(UV)) ## install all Python packages, and uv where it is missing
	$(UV) sync --quiet

lint: install ## check style, types and layers
	$(UV) run ruff check
	$(UV) run ruff format --check
	$(UV) run mypy
	$(UV) run lint-imports

# With one hash seed the random histories of the property tests are the same ones each time.
test: install $(if $(KUBECONFIG),,cluster-build) ## run all tests but the end-to-end ones
	rm -rf $(AUDIT) && mkdir -p $(AUDIT)
	PYTHONHASHSEED=0 ROLLKEEPER_AUDIT_LOGS=$(AUDIT) $(UV) run pytest --numprocesses=2 --dist=loadfile
	ROLLKEEPER_AUDIT_LOGS=$(AUDIT) $(UV) run pytest tests/rights

nightly: install ## run the property tests with 200,000 steps and a quarter as many with machines (half an hour); PROPERTY_STEPS is another number
	PROPERTY_STEPS=$(or $(PROPERTY_STEPS),200000) $(UV) run pytest tests/property

crds: install ## write what is made from the models: crds/, the chart's copy, docs/reference/
	$(UV) run python -m hack.crds
	$(UV) run python -m hack.reference

picture: install ## record a real rollout on a local cluster, and draw docs/status.svg from it
	$(UV) run python -m hack.picture.recording
	$(UV) run python -m hack.picture

docs: install ## draw docs/status.svg, and build the documentation into dist/docs; a warning is an error
	$(UV) run python -m hack.picture
	$(UV) run --group docs sphinx-build --fail-on-warning --keep-going --nitpicky --quiet --builder dirhtml docs dist/docs

IMAGE ?= rollkeeper:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

image: install ## build the container image; IMAGE names it, BASE is another base image
	$(UV) run python -m hack.image build --tag $(IMAGE) $(if $(BASE),--base $(BASE))

sbom: install ## write the image's software bill of materials to dist/ (CycloneDX)
	$(UV) run python -m hack.image sbom --tag $(IMAGE)

chart: install ## check the Helm chart, and package it into dist/
	$(UV) run python -m hack.helm lint --strict charts/rollkeeper
	$(UV) run pytest --quiet tests/chart
	$(UV) run python -m hack.helm package charts/rollkeeper --destination dist

cluster-build: install ## build Kubernetes, etcd, kwok and Helm, once a machine (minutes); with KUBEVIRT=1 KubeVirt too
	$(UV) run python -m hack.localcluster build $(if $(KUBEVIRT),--kubevirt)

cluster-up: install ## start a local cluster
	$(UV) run python -m hack.localcluster up $(if $(KUBEVIRT),--kubevirt)

cluster-down: install ## end the local cluster
	$(UV) run python -m hack.localcluster down

cluster-status: install ## show the local cluster
	$(UV) run python -m hack.localcluster status

demo: install ## show Rollkeeper at work on a local cluster
	$(UV) run python -m hack.demo

e2e: install ## run the end-to-end tests
	$(UV) run pytest tests/e2e --verbose --log-cli-level=INFO

bench: install ## measure Rollkeeper beside others
	$(UV) run --group bench python -m bench

clean: ## remove what tools leave in this folder
	rm -rf dist bench/out .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
