# SPDX-License-Identifier: Apache-2.0
# The tests on this host, and what else is run with the program: demo, bench, coverage, lint.

# The tests run in stock lua5.4, with the module. The sanitized ones run in the program itself, as
# the sanitizers are in that.
export LUA_PATH  := scripts/?.lua;scripts/?/init.lua;./?.lua;;
export LUA_CPATH := $(BUILD)/lua/?.so;;
BUSTED ?= $(LUA) /usr/bin/busted
SPECS  ?= tests/unit tests/harness tests/program tests/dist

# make calls itself for what comes after the packages, since what pkg-config says is read at its
# start. It then compiles in parallel, unless another number of jobs was asked for.
MAKEFLAGS += --no-print-directory
JOBS       = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

packages-%:
	@tests/tools/packages $*

# It installs nothing. When it fails, it says which packages it lacks.
check:
	@{ $(MAKE) $(JOBS) test-programs && TIEXEC_PROGRAM=$(PROGRAM) TIEXEC_BUILD=$(BUILD) \
	    $(BUSTED) -o tests/lib/output.lua $(SPECS); } || { tests/tools/packages test missing; exit 1; }

test: packages-test
	@$(MAKE) check
	@$(MAKE) test-guests

# Large programs that Debian has not, for tests/real/tasks_spec.lua. Where the registry is out of reach, they are skipped.
NPM_PACKAGES := deno bun typescript workerd @duckdb/node-api @lancedb/lancedb @swc/core

build/npm:
	-@timeout -k 3 300 npm install --silent --prefix build/npm.new $(NPM_PACKAGES) && mv build/npm.new build/npm

test-real: packages-real | build/npm
	@$(MAKE) check SPECS=tests/real

# Signals, core dumps and preloaded libraries are the tests' own. What is forked ends without
# freeing its memory, which is no leak.
ASAN_OPTIONS := detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:disable_coredump=0
ASAN_OPTIONS := $(ASAN_OPTIONS):verify_asan_link_order=0

# What is handed out (tests/dist) is made of the program without sanitizers.
asan: packages-test
	@$(MAKE) check BUILD=build/asan STATIC= SPECS="$(filter-out tests/dist,$(SPECS))" CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' \
	    BUSTED='env TIEXEC_SANITIZED=1 ASAN_OPTIONS=$(ASAN_OPTIONS) \
	        build/asan/tiexec --script /usr/bin/busted'

demo: packages-demo
	@$(MAKE) $(JOBS) all
	@tests/tools/demo

# The picture on top of README, of what a demo finds on this host: best on a quiet one.
pictures: packages-demo
	@$(MAKE) $(JOBS) all
	@DEMO_SECONDS=$${DEMO_SECONDS:-120} tests/tools/demo docs/demo.json
	@$(LUA) tests/tools/picture.lua svg docs/demo.json > docs/demo.svg

# README's commands in fresh roots of Debian's suites: what they install, show and remove.
ROOT_SUITES ?= bookworm trixie
ROOT_SPECS  ?= tests/unit tests/dist $(patsubst %,tests/harness/%_spec.lua,inferior api_examples scripts) \
               $(patsubst %,tests/program/%_spec.lua,align attach check fail_open file inspect options report rounding \
                   shared topology warm)

test-roots: packages-roots
	@ROOT_SPECS='$(ROOT_SPECS)' tests/tools/roots $(ROOT_SUITES)

# docs/BENCHMARKS.md, of this machine. BENCH: some parts; BENCH_AGAIN=1, BENCH_SHORT=1: see tests/tools/bench.
bench: packages-bench | build/npm
	@$(MAKE) $(JOBS) test-programs
	@TIEXEC_PROGRAM=$(PROGRAM) $(LUA) tests/tools/bench $(BENCH)

# The figures of docs/COST.md.
costs: packages-test
	@$(MAKE) $(JOBS) test-programs
	@tests/tools/costs
	@TIEXEC_PROGRAM=$(PROGRAM) $(LUA) tests/tools/rates

# Whether --compare tells the truth on this host; HONEST_RUNS of each case.
compare-honest: packages-test
	@$(MAKE) $(JOBS) test-programs
	@$(LUA) tests/tools/honest $(HONEST_RUNS)

coverage: packages-real
	@$(MAKE) $(JOBS) all
	@$(LUA) tests/tools/coverage > $(BUILD)/coverage && \
	    { cat $(BUILD)/coverage; echo; sed -n '/^## Programs that run/,$$p' docs/COVERAGE.md; } \
	    > $(BUILD)/coverage.md && mv $(BUILD)/coverage.md docs/COVERAGE.md

# Its second part: of programs that run.
coverage-running: packages-running | build/npm
	@$(MAKE) $(JOBS) all
	@$(LUA) tests/tools/coverage-running > $(BUILD)/coverage-running && \
	    { sed '/^## Programs that run/,$$d' docs/COVERAGE.md; cat $(BUILD)/coverage-running; } \
	    > $(BUILD)/coverage.md && mv $(BUILD)/coverage.md docs/COVERAGE.md

# docs/API.md, of the doc comments.
api:
	@$(LUA) tests/tools/api.lua > $(BUILD)/API.md && mv $(BUILD)/API.md docs/API.md

SHELL_FILES := .ci/run $(addprefix tests/tools/,costs demo needed packages roots starts sysroot) docs/debian/package \
               $(addprefix tests/suites/,go jvm node perl postgresql python stress) \
               $(addprefix tests/vm/,compile image init kernels ready run start suite until)

lint: packages-lint
	@$(MAKE) $(JOBS) programs BUILD=build/gcc CC=gcc WERROR=-Werror
	@$(MAKE) $(JOBS) programs BUILD=build/clang CC=clang WERROR=-Werror
	for cpu in $(notdir $(patsubst %/,%,$(wildcard arch/*/))); do \
	    cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr \
	        --error-exitcode=1 --suppress=missingIncludeSystem \
	        --suppress=normalCheckLevelMaxBranches -Icore -Iarch/$$cpu \
	        core arch/$$cpu || exit; done
	clang-tidy --quiet $(LINKED:$(BUILD)/%.o=%.c) -- $(BASE) -Ibuild/clang -DFETCHES_PLUGIN='""'
	luacheck -q scripts tests
	shellcheck $(SHELL_FILES)

.PHONY: api check test test-real test-roots pictures asan demo bench costs compare-honest coverage coverage-running lint
