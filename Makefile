# SPDX-License-Identifier: Apache-2.0
# make            build/tiexec, the program, and build/lua/tiexec/core.so, the module for lua5.4
# make demo       install what is missing, build, and show the main job on a real program
# make test       install what is missing, build, run the tests: here, and on an arm64 kernel, in qemu
# make test-real  the tests of large programs
# make lint       cppcheck, clang-tidy, luacheck, both compilers    (make asan: the tests, sanitized)
# make check      the tests here alone                         (make test-arm64: those on an arm64 kernel)
# make test-kernels   every source on six kernels of Debian's, for docs/KERNELS.md
# make soak       10,000 starts of a moved program               (TIEXEC_SOAK=N: others)
# make bench      what it costs, in alternating runs
# make coverage   docs/COVERAGE.md: how much text of large programs is on huge pages, on this host
# make CROSS=aarch64-linux-gnu   the same for another CPU, with Debian's cross compiler, in build/aarch64
# make install    PREFIX=/usr/local DESTDIR=                        (make uninstall)

PREFIX  ?= /usr/local
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
ARCH    ?= $(if $(CROSS),$(firstword $(subst -, ,$(CROSS))),$(shell uname -m))
BUILD   ?= build$(CROSS:%=/$(ARCH))
LUA     ?= lua5.4
CFLAGS  ?= -O2 -g
Q       := $(if $(V),,@)
comma   := ,

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Wundef -Wstrict-prototypes \
            -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-align \
            -Wcast-qual -Wwrite-strings -Wredundant-decls -Wformat=2 -Wnull-dereference \
            -Wdisabled-optimization -Wvla -Wswitch-enum -Wunused -Werror
# Another CPU's libraries are Debian's packages, unpacked aside: the host's packages are not touched.
ifdef CROSS
DEBIAN   := $(patsubst aarch64,arm64,$(ARCH))
SUITE    ?= $(shell . /etc/os-release && echo $$VERSION_CODENAME)
SYSROOT  := $(or $(SYSROOT),$(shell tests/tools/sysroot prepare $(SUITE) $(DEBIAN) \
              libc6-dev liblua5.4-dev libelf-dev zlib1g-dev libxxhash-dev))
CC       := $(CROSS)-gcc --sysroot=$(SYSROOT)
PKG_CONFIG := PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(CROSS)/pkgconfig PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) pkg-config
endif
PKG_CONFIG ?= pkg-config

LUA_FLAGS := $(shell $(PKG_CONFIG) --cflags lua5.4 2>/dev/null || echo -I/usr/include/lua5.4)
BASE     := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -Icore -Iarch/$(ARCH) -I$(BUILD) \
            $(patsubst -I%,-isystem %,$(LUA_FLAGS)) -DTIEXEC_SCRIPTS='"$(PREFIX)/share/lua/5.4"'
# The program is started often and runs for milliseconds: without three libraries to load and relocate
# it starts a third of a millisecond sooner. STATIC= links them dynamically.
STATIC   ?= $(if $(wildcard $(shell $(CC) -print-file-name=liblua5.4.a)),1)
LIBS     := $(if $(STATIC),-Wl$(comma)-Bstatic -llua5.4 $(shell $(PKG_CONFIG) --static --libs libelf) \
              -Wl$(comma)-Bdynamic -lm -ldl,-llua5.4 -lelf)

SOURCES  := $(filter-out core/lua/main.c,$(wildcard core/*/*.c)) $(wildcard arch/$(ARCH)/*.c)
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o)
PROGRAM  := $(BUILD)/tiexec
MODULE   := $(BUILD)/lua/tiexec/core.so

# The modules compiled ahead and put into the program: finding, opening and parsing them would be half of
# tiexec's own time. With line numbers.
SCRIPTS  := $(wildcard scripts/tiexec/*.lua scripts/tiexec/*/*.lua)
BYTECODE := $(SCRIPTS:scripts/%.lua=$(BUILD)/bytecode/%.lua)

all: $(PROGRAM) $(MODULE)

$(BUILD)/bytecode/%.lua: scripts/%.lua
	@mkdir -p $(@D)
	$(Q)luac5.4 -o $@ $<

# MODULE(tiexec_name, "tiexec.name", "file") for each.
module_name = $(subst /,.,$(patsubst %/init,%,$(1:$(BUILD)/bytecode/%.lua=%)))
$(BUILD)/modules.inc: $(BYTECODE)
	$(Q){ $(foreach f,$^,echo 'MODULE($(subst .,_,$(call module_name,$f)), "$(call module_name,$f)", "$f")';) } > $@
$(BUILD)/core/lua/main.o: $(BUILD)/modules.inc

$(PROGRAM): $(BUILD)/core/lua/main.o $(OBJECTS)
	@echo "LD $@"
	$(Q)$(CC) $(LDFLAGS) $(SANITIZE) -Wl,-z,relro,-z,now -o $@ $^ $(LIBS)

$(MODULE): $(OBJECTS)
	@echo "LD $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $(SANITIZE) -shared -o $@ $^ -lelf

$(BUILD)/%.o: %.c
	@echo "CC $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(WARNINGS) $(BASE) $(SANITIZE) -MMD -MP -c -o $@ $<

# System call numbers by name, as this compiler's headers have them.
$(BUILD)/syscalls.inc: Makefile
	@mkdir -p $(@D)
	$(Q)echo '#include <asm/unistd.h>' | $(CC) -E -dM - | \
	    sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/{"\1", __NR_\1},/p' | LC_ALL=C sort > $@
$(BUILD)/core/ptrace/remote.o: $(BUILD)/syscalls.inc

-include $(OBJECTS:.o=.d) $(BUILD)/core/lua/main.d

# ---- tests ----------------------------------------------------------------------------------------

TEST_SOURCES  := $(wildcard tests/programs/*.c)
ifneq ($(ARCH),aarch64)
TEST_SOURCES  := $(filter-out %/scalable.c %/guarded.c,$(TEST_SOURCES)) # scalable vectors, landing pads
endif
TEST_PROGRAMS := $(TEST_SOURCES:tests/programs/%.c=$(BUILD)/tests/%)
NO_LANDING    := $(if $(filter x86_64,$(ARCH)),-fcf-protection=none)
TEST_CFLAGS   := -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror

$(BUILD)/tests/%: tests/programs/%.c
	@echo "CC $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(TEST_FLAGS_$*) -o $@ $< $(TEST_LIBS_$*)

TEST_FLAGS_shape := -static -nostdlib -no-pie -fno-pie -fno-stack-protector $(NO_LANDING) \
                    -Wl,-z,max-page-size=4096 -Wl,--build-id=none -T tests/programs/shape.ld
$(BUILD)/tests/shape: tests/programs/shape.ld

# The text begins at a huge page of the file, which ends with it: symbols would come after.
TEST_FLAGS_ends := -static -nostdlib -no-pie -fno-pie -fno-stack-protector $(NO_LANDING) -g0 \
                   -Wl,-z,max-page-size=0x200000 -Wl,--build-id=none -Wl,-s -T tests/programs/ends.ld
$(BUILD)/tests/ends $(BUILD)/tests/ends-little: tests/programs/ends.ld
TEST_PROGRAMS += $(BUILD)/tests/ends-little
$(BUILD)/tests/ends-little: tests/programs/ends.c
	@echo "CC $< (little)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(TEST_FLAGS_ends) -DREST=64 -o $@ $<

TEST_FLAGS_state_static := -static
TEST_FLAGS_state_static_pie := -static-pie -fPIE
TEST_FLAGS_state_no_pie := -no-pie -fno-pie
TEST_FLAGS_constructor := -shared -fPIC -pthread -Wl,-soname,constructor
TEST_LIBS_state_constructed := -Wl,--no-as-needed $(BUILD)/tests/constructor -Wl,-rpath,'$$ORIGIN'
TEST_FLAGS_registers := -static -nostdlib -no-pie -fno-pie -fno-stack-protector
TEST_FLAGS_registers_dynamic := -nostartfiles -nodefaultlibs -pie -fPIE -fno-stack-protector
TEST_LIBS_registers_dynamic := -Wl,--no-as-needed $(BUILD)/tests/constructor -lc -Wl,-rpath,'$$ORIGIN'
$(BUILD)/tests/registers_dynamic: $(BUILD)/tests/constructor tests/programs/registers.c
$(patsubst %,$(BUILD)/tests/state_%,static static_pie no_pie constructed): tests/programs/state.c
$(BUILD)/tests/state_constructed: $(BUILD)/tests/constructor
TEST_FLAGS_static_exec := -static -no-pie -fno-pie
TEST_FLAGS_static_pie  := -static-pie -fPIE
TEST_FLAGS_low_text    := -static -no-pie -fno-pie -Wl,-Ttext-segment=0x10000
TEST_FLAGS_ample_static := -static
$(BUILD)/tests/ample_static: tests/programs/ample.c
TEST_FLAGS_loadable := -shared -fPIC -fno-toplevel-reorder -fvisibility=hidden -Wl,-soname,loadable
TEST_LIBS_needy     := -Wl,--no-as-needed $(BUILD)/tests/loadable -Wl,-rpath,'$$ORIGIN'
$(BUILD)/tests/needy: $(BUILD)/tests/loadable
TEST_FLAGS_loader   := -pthread
TEST_LIBS_loader    := -ldl
TEST_FLAGS_killer := -shared -fPIC
TEST_FLAGS_witness := -shared -fPIC
TEST_LIBS_killer := -ldl
TEST_FLAGS_waiting := -pthread
TEST_FLAGS_small := -static -nostdlib -no-pie -fno-pie -fno-stack-protector $(NO_LANDING) -Wl,-Tdata=0x800000
TEST_FLAGS_guarded := -static -nostdlib -no-pie -fno-pie -fno-stack-protector -mbranch-protection=standard \
                      -Wl,-z,force-bti -Wl,-z,max-page-size=0x10000
$(patsubst %,$(BUILD)/tests/%,ends ends-little guarded low_text registers registers_dynamic shape small state static_exec): tests/programs/arch.h
# One program, linked in all the ways in which a program may lie in memory.
TEST_FLAGS_deep     := -rdynamic -fno-optimize-sibling-calls
TEST_FLAGS_moved    := -rdynamic
MOVED_gold          := -fuse-ld=gold
MOVED_lld           := -fuse-ld=lld -Wl,-z,max-page-size=4096 # by default 64 KiB on arm64
MOVED_mold          := -fuse-ld=mold
MOVED_textrel       := -DTEXTREL -Wl,-z,notext
MOVED_bss           := -DBSS=1500000000
MOVED_rosegment     := -fuse-ld=lld -Wl,--no-rosegment
MOVED_separate-lld  := -fuse-ld=lld -Wl,-z,separate-loadable-segments
MOVED_separate-mold := -fuse-ld=mold -Wl,-z,separate-loadable-segments
MOVED_relr          := -Wl,-z,pack-relative-relocs
MOVED_tls           := -DTLS=67108864
MOVED_ifunc         := -DIFUNC
MOVED_notes         := $(if $(filter x86_64,$(ARCH)),-fcf-protection=full -Wl$(comma)-z$(comma)ibt$(comma)-z$(comma)shstk, \
                         -mbranch-protection=standard -Wl$(comma)-z$(comma)force-bti)
MOVED_execstack     := -Wl,-z,execstack
MOVED_static-lld    := -DSTATIC -DTLS=1000000 -DIFUNC -static-pie -fuse-ld=lld -Wl,--pack-dyn-relocs=relr
MOVED_static-mold   := -DSTATIC -DTLS=1000000 -DIFUNC -static-pie -fuse-ld=mold
MOVED_static-holes  := -DSTATIC -DTEXT_MIB=0 -static-pie -Wl,-z,max-page-size=0x10000
MOVED_static        := -DSTATIC -static-pie
MOVED_static-small  := -DSTATIC -static-pie -DTEXT_MIB=0
MOVED_aligned       := -Wl,-z,max-page-size=0x200000
MOVED_separate      := -Wl,-z,separate-code -Wl,-z,max-page-size=4096
MOVED_one-segment   := -Wl,-z,noseparate-code
MOVED_fixed         := -no-pie -fno-pie -Wl,-z,separate-code -Wl,-z,max-page-size=4096
MOVED_fixed-aligned := -no-pie -fno-pie -Wl,-z,max-page-size=0x200000
MOVED := $(patsubst MOVED_%,%,$(filter MOVED_%,$(.VARIABLES)))
TEST_PROGRAMS += $(MOVED:%=$(BUILD)/tests/moved-%)
$(BUILD)/tests/moved-%: tests/programs/moved.c
	@echo "CC $< ($*)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -rdynamic $(if $(CROSS),-B$(LINKERS)) $(MOVED_$*) -o $@ $<
TEST_PROGRAMS += $(BUILD)/tests/shareable-lld
$(BUILD)/tests/shareable-lld: tests/programs/shareable.c
	@echo "CC $< (lld)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(if $(CROSS),-B$(LINKERS)) -fuse-ld=lld -o $@ $<

# A cross compiler looks for linkers by its own names.
ifdef CROSS
LINKERS := $(BUILD)/linkers
$(LINKERS)/ld.%:
	@mkdir -p $(@D)
	$(Q)ln -sf $$(command -v ld.$*) $@
$(BUILD)/tests/shareable-lld $(MOVED:%=$(BUILD)/tests/moved-%): | $(LINKERS)/ld.lld $(LINKERS)/ld.mold
endif

# On arm64 Go puts text into the lowest huge page, which stays small: so there is one with its text above, too.
LINES := $(BUILD)/tests/lines $(BUILD)/tests/lines-above
ifneq ($(shell command -v go),)
TEST_PROGRAMS += $(LINES)
endif
$(BUILD)/tests/lines-above: GO_FLAGS := -ldflags='-T 0x1001000'
$(LINES): tests/programs/lines.go
	@echo "GO $@"
	@mkdir -p $(@D)
	$(Q)GOCACHE=$(CURDIR)/build/go GOFLAGS= GO111MODULE=off CGO_ENABLED=0 \
	    GOARCH=$(patsubst aarch64,arm64,$(ARCH:x86_64=amd64)) go build $(GO_FLAGS) -o $@ $<

# What no linker makes, by rewriting the program headers.
LAID_OUT := $(BUILD)/tests/moved-overlap $(BUILD)/tests/moved-meeting $(BUILD)/tests/moved-hole
TEST_PROGRAMS += $(LAID_OUT)
$(LAID_OUT): $(BUILD)/tests/moved-%: tests/tools/layout.lua $(BUILD)/tests/moved-separate $(BUILD)/tests/moved-fixed
	@echo "LAYOUT $@"
	$(Q)$(LUA) tests/tools/layout.lua $* $(BUILD)/tests/moved-$(if $(filter hole,$*),fixed,separate) $@

# The tests run in stock lua5.4, with the module; the sanitized ones in the program itself, which has
# the sanitizers in it.
export LUA_PATH  := scripts/?.lua;scripts/?/init.lua;;
export LUA_CPATH := $(BUILD)/lua/?.so;;
BUSTED ?= $(LUA) /usr/bin/busted
SPECS  ?= tests/unit tests/harness tests/program

packages-%:
	@tests/tools/packages $*

test-programs: all $(TEST_PROGRAMS)

check: test-programs
	@TIEXEC_PROGRAM=$(PROGRAM) TIEXEC_BUILD=$(BUILD) $(BUSTED) -o plainTerminal $(SPECS)

# Packages first: what make reads from pkg-config is read anew by the second make.
test: packages-test
	@$(MAKE) --no-print-directory check
	@why=$$(tests/vm/ready arm64) || { echo "make test: no tests on an arm64 kernel: $$why"; exit 0; }; \
	    $(MAKE) --no-print-directory test-arm64

test-real: packages-real
	@$(MAKE) --no-print-directory check SPECS=tests/real

soak: all $(TEST_PROGRAMS)
	@TIEXEC_SOAK=$${TIEXEC_SOAK:-10000} $(MAKE) --no-print-directory check SPECS=tests/program/random_bases_spec.lua

cross: packages-cross
	@$(MAKE) --no-print-directory CROSS=aarch64-linux-gnu test-programs

# The same tests on an arm64 kernel, in two guests (tests/vm); then some on newer ones.
test-arm64: cross
	@tests/vm/suite arm64 build/aarch64 $(SPECS)
	@$(if $(filter file,$(origin SPECS)),tests/vm/newer build/aarch64)

test-kernels: packages-test cross
	@$(MAKE) --no-print-directory all $(TEST_PROGRAMS)
	@tests/vm/kernels

demo: packages-demo
	@$(MAKE) --no-print-directory all
	@tests/tools/demo

bench: packages-test
	@$(MAKE) --no-print-directory all $(TEST_PROGRAMS)
	@tests/tools/bench

coverage: packages-real
	@$(MAKE) --no-print-directory all
	@$(LUA) tests/tools/coverage > $(BUILD)/coverage && mv $(BUILD)/coverage docs/COVERAGE.md

# Signals, core dumps and preloaded libraries are the tests' own; the kernel, not a leak, ends what is forked.
ASAN_OPTIONS := detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:disable_coredump=0:verify_asan_link_order=0

asan: packages-test
	@$(MAKE) --no-print-directory check BUILD=build/asan STATIC= CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' \
	    BUSTED='env TIEXEC_SANITIZED=1 ASAN_OPTIONS=$(ASAN_OPTIONS) build/asan/tiexec --script /usr/bin/busted'

# ---- lint -----------------------------------------------------------------------------------------

lint: packages-lint
	@$(MAKE) --no-print-directory all BUILD=build/clang CC=clang
	for cpu in $(notdir $(wildcard arch/*)); do \
	    cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	        --suppress=missingIncludeSystem -Icore -Iarch/$$cpu core arch/$$cpu || exit; done
	clang-tidy --quiet $(SOURCES) core/lua/main.c -- $(BASE) -Ibuild/clang
	luacheck -q scripts tests
	shellcheck tests/tools/packages tests/tools/demo tests/tools/sysroot .ci/run $(addprefix tests/vm/,image init kernels newer ready run start suite)

# ---- install --------------------------------------------------------------------------------------

LUA_SHARE := $(DESTDIR)$(PREFIX)/share/lua/5.4
LUA_LIB   := $(DESTDIR)$(PREFIX)/lib/lua/5.4

install: all
	install -D $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/tiexec
	install -D -m 644 $(MODULE) $(LUA_LIB)/tiexec/core.so
	$(Q)cd scripts && find tiexec -name '*.lua' -exec install -D -m 644 {} $(LUA_SHARE)/{} \;
	$(Q)cd scripts/strategies && find . -name '*.lua' -exec install -D -m 644 {} $(LUA_SHARE)/tiexec/strategies/{} \;

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/tiexec $(LUA_LIB)/tiexec $(LUA_SHARE)/tiexec

clean:
	rm -rf build

.PHONY: all test-programs check test test-real soak cross test-arm64 test-kernels demo bench coverage asan lint \
        install uninstall clean
.DELETE_ON_ERROR:
