SHELL := /bin/bash
VENV  := .venv
UV    := $(VENV)/bin/uv
RUN   := $(UV) run --frozen
# tests that fork have no use for gRPC in the child, and its handlers of forks say so each time
export GRPC_ENABLE_FORK_SUPPORT := false
export PATH := $(PATH):$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tiphys/bin
CLUSTER_DIR := $(or $(TIPHYS_CLUSTER_DIR),/var/tmp/tiphys-cluster)
KUBECONFIG_PATH := $(or $(TIPHYS_E2E_KUBECONFIG),$(CLUSTER_DIR)/kubeconfig)

.PHONY: setup shim ui packages lint unit simulate integration ahead kinds cluster cluster-down e2e bench test run clean

$(UV):
	command -v python3 > /dev/null
	python3 -m venv $(VENV) || (apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv && python3 -m venv $(VENV))
	$(VENV)/bin/pip install --quiet --disable-pip-version-check "uv==0.13.9"

setup: $(UV)
	$(UV) sync --frozen --quiet --inexact

shim: setup
	$(RUN) python hatch_build.py shim

# the web page; node is taken from PATH, else from a wheel
ui: setup
	$(RUN) python hatch_build.py page

# the page's packages: once, before those that need them at the same time
packages: setup
	@$(RUN) python hatch_build.py npm --version > /dev/null

lint: packages
	$(RUN) ruff check operator tests crds deploy hatch_build.py
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) python crds/generate.py --check
	$(RUN) python hatch_build.py npm run --silent lint

unit: shim packages
	$(RUN) python -m pytest tests/unit tests/stories tests/property examples
	$(RUN) python hatch_build.py npm test --silent

# ten thousand seeded runs with crashes, lost, doubled and reordered events
simulate: setup
	$(RUN) python -m tests.simulation --seeds 10000

# more than half of their time is waiting: three processes share two cores
integration: shim ui
	$(RUN) python -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests/integration tests/contract

# a running test cluster with Tiphys' kinds, and without Tiphys: tests start controllers of their own
kinds: shim
	@tests/e2e/cluster/up > /dev/null
	@kubectl --kubeconfig $(KUBECONFIG_PATH) apply -f crds > /dev/null
	@tests/e2e/cluster/install off

# a running test cluster with Tiphys installed; prints the line that sets KUBECONFIG
cluster: kinds ui
	@tests/e2e/cluster/install >&2
	@echo "export KUBECONFIG=$(KUBECONFIG_PATH)"

cluster-down:
	tests/e2e/cluster/down

# two processes: one has the tests that need the controller of all namespaces, the other those with controllers of their own
e2e: kinds ui
	TIPHYS_API_SERVER=real $(RUN) python -m pytest -p no:cacheprovider tests/contract/apiserver
	$(RUN) python -m pytest -p no:cacheprovider -n 2 --dist loadscope tests/e2e

bench: kinds ui
	$(RUN) python -m tests.bench.engine
	$(RUN) python -m tests.bench.starts
	$(RUN) python -m tests.bench.artifacts
	$(RUN) python -m tests.bench.local
	$(RUN) python -m tests.bench.server
	$(RUN) python -m tests.bench.page
	$(RUN) python -m tests.bench
	$(RUN) python -m tests.bench.artifact_steps

# what takes long on a fresh machine is built beside the first tests; warm it takes a second
ahead:
	@tests/e2e/cluster/ahead

# the first three use one core each
test: ahead
	$(MAKE) -j 2 --output-sync lint unit simulate
	$(MAKE) integration e2e

# runs examples/dag-diamond.yaml on this machine, by the same engine as in a cluster, and shows the finished tree with its logs
run: setup
	$(RUN) tiphys run examples/dag-diamond.yaml --runtime process

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist operator/tiphys/shim/bin operator/tiphys/server/page ui/node_modules
