# SPDX-License-Identifier: Apache-2.0
# make            build/tiexec, the program, and build/lua/tiexec/core.so, the module for lua5.4
# make demo       install what is missing, build, and show the main job on a real program
# make pictures   the picture on top of README, of what the demo finds
# make test       install what is missing, build, run the tests: here, and on an arm64 kernel
# make check      the tests here alone                 (SPECS="…": these files or folders of them)
# make test-arm64     those on an arm64 kernel alone
# make test-real  the tests of large programs
# make test-kernels   every source on ten kernels, for docs/KERNELS.md
# make test-roots     README's commands and the packages, in fresh roots of Debian's suites
# make soak, faults, fuzz, threads        look for new faults for long: docs/TESTING.md
# make suites     other people's tests under tiexec, compared with plain runs
# make asan       the tests here, with sanitizers in the program
# make lint       cppcheck, clang-tidy, luacheck, shellcheck, both compilers
# make bench      docs/BENCHMARKS.md: what it gains and costs on this machine (BENCH='start tlb': some parts)
# make costs      what it costs, in alternating runs
# make api        docs/API.md, of the doc comments
# make compare-honest   whether --compare tells the truth on this host
# make coverage, coverage-running   docs/COVERAGE.md: how much text of large programs is on huge pages
# make CROSS=aarch64-linux-gnu   build/aarch64 for another CPU, with Debian's cross compiler
# make install    PREFIX=/usr/local LIBDIR=$(PREFIX)/lib DESTDIR=   (make uninstall, make clean)
# CC, CFLAGS, CPPFLAGS and LDFLAGS are yours. Two builds of one source have the same bytes, wherever they are made.
# docs/TESTING.md tells more of the tests, which are in tests/*.mk: programs, suites, guests.

PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
ARCH    ?= $(if $(CROSS),$(firstword $(subst -, ,$(CROSS))),$(shell uname -m))
BUILD   ?= build$(CROSS:%=/$(ARCH))
# Lua, by whichever name it has here. Where there is only its compiler, that does for the program.
find54   = $(firstword $(foreach name,$1,$(shell command -v $(name) >/dev/null 2>&1 && \
             $(name) -v 2>&1 | grep -q '^Lua 5\.4' && echo $(name))))
LUA     := $(or $(LUA),$(call find54,lua5.4 lua lua54))
LUAC    := $(if $(LUA),,$(or $(LUAC),$(call find54,luac5.4 luac luac54)))
CFLAGS  ?= -O2 -g
Q       := $(if $(V),,@)
comma   := ,

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Wundef -Wstrict-prototypes \
            -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-align \
            -Wcast-qual -Wwrite-strings -Wredundant-decls -Wformat=2 -Wnull-dereference \
            -Wdisabled-optimization -Wvla -Wswitch-enum -Wunused $(WERROR)
# Another CPU's libraries are Debian's packages, unpacked into a folder of their own: the host's
# packages are not touched.
ifdef CROSS
DEBIAN   := $(patsubst aarch64,arm64,$(ARCH))
SUITE    ?= $(shell . /etc/os-release && echo $$VERSION_CODENAME)
SYSROOT  := $(or $(SYSROOT),$(shell tests/tools/sysroot prepare $(SUITE) $(DEBIAN) \
              libc6-dev liblua5.4-dev libelf-dev zlib1g-dev libxxhash-dev))
CC       := $(CROSS)-gcc --sysroot=$(SYSROOT)
PKG_CONFIG := PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(CROSS)/pkgconfig \
              PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) pkg-config
endif
PKG_CONFIG ?= pkg-config

LUA_FLAGS := $(shell $(PKG_CONFIG) --cflags lua5.4 2>/dev/null || echo -I/usr/include/lua5.4)
BASE     := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -Icore -Iarch/$(ARCH) -I$(BUILD) \
            $(patsubst -I%,-isystem %,$(LUA_FLAGS)) -ffile-prefix-map=$(CURDIR)=. \
            -ffile-prefix-map=$(BUILD)=build -DTIEXEC_SCRIPTS='"$(PREFIX)/share/lua/5.4"'
# The program is started often and runs for milliseconds: linked statically, it starts in a third of the time.
# What can be linked so is found out by links, once, and kept in $(BUILD)/libs. A second program, which is linked to
# the shared C library, stands in where others' shared libraries may be needed: modules in C for scripts, users of
# whom only a service knows. STATIC= links dynamically.
STATIC   ?= 1
STARTING := $(BUILD)/core/lua/start.o
LIBS      = $(if $(STATIC),$$(cat $(BUILD)/libs),-llua5.4 -lelf)

SOURCES  := $(filter-out $(addprefix core/lua/,main.c built.c modules.c start.c) core/plugin/%,$(wildcard core/*/*.c)) \
            $(wildcard arch/$(ARCH)/*.c)
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o)
PROGRAM  := $(BUILD)/tiexec
DYNAMIC  := $(BUILD)/dynamic/tiexec
MODULE   := $(BUILD)/lua/tiexec/core.so

# The modules and strategies are compiled ahead and put into the program, with line numbers but no names of
# local variables: to find, open and parse them would be half of tiexec's own time.
SCRIPTS  := $(filter-out scripts/tiexec/types/%,$(wildcard $(addprefix scripts/,strategies/*.lua tiexec/*.lua tiexec/*/*.lua \
            tiexec/*/*/*.lua)))
BYTECODE := $(SCRIPTS:scripts/%.lua=$(BUILD)/bytecode/%.lua)

all:
	@$(MAKE) --no-print-directory $(JOBS) programs

programs: $(PROGRAM) $(DYNAMIC) $(MODULE)
	@:

# What is missing is said before anything is compiled.
$(BUILD)/needed: tests/tools/needed Makefile
	@mkdir -p $(@D)
	@tests/tools/needed $(CC) $(patsubst -I%,-isystem %,$(LUA_FLAGS)) -- $(LUA) $(LUAC) && touch $@

static: all
	@if readelf -lW $(PROGRAM) | grep -q INTERP; then \
	    echo "make static: this host's libraries cannot be linked statically" >&2; exit 1; fi
	@echo "$(PROGRAM) needs no library"

$(BUILD)/bytecode/%.lua: scripts/%.lua tests/tools/bytecode.lua | $(BUILD)/needed
	@mkdir -p $(@D)
	$(Q)$(if $(LUA),$(LUA) tests/tools/bytecode.lua $< > $@,$(LUAC) -o $@ $<)

# MODULE(tiexec_name, "tiexec.name", "file") for each; a strategy's is tiexec.strategies.name.
module_name = $(patsubst strategies.%,tiexec.strategies.%,$(subst /,.,$(patsubst %/init,%,$(1:$(BUILD)/bytecode/%.lua=%))))
$(BUILD)/modules.inc: $(BYTECODE) Makefile
	$(Q){ $(foreach f,$(BYTECODE),echo 'MODULE($(subst .,_,$(call module_name,$f)), \
	    "$(call module_name,$f)", "$f")';) } | LC_ALL=C sort -t '"' -k 2,2 > $@
$(BUILD)/core/lua/modules.o: $(BUILD)/modules.inc

LINKED := $(addprefix $(BUILD)/core/lua/,main.o built.o modules.o) $(OBJECTS)
# The linker warns of each function of a static program that would load a shared library. Its --no-warnings would
# also have it keep quiet about functions that are nowhere.
QUIETLY := link() { "$$@" 2>$(BUILD)/link.log || { cat $(BUILD)/link.log >&2; return 1; }; }; link

LINKING := -Wl,-z,relro,-z,now,--wrap=time

# A program that is linked statically, and can run here, has a part of its start done now: core/lua/built.h. Where
# that fails, the program does all of it at each start.
FILL_STATE = case "$$(cat $(BUILD)/libs)" in -static*) $@ --write-built-state $(BUILD)/state && \
    $(OBJCOPY) --update-section .lua_state=$(BUILD)/state $@ || echo "$@ has no built state" >&2;; esac
OBJCOPY   ?= objcopy

$(PROGRAM): $(LINKED) $(STARTING) $(if $(STATIC),$(BUILD)/libs)
	@echo "LD $@"
	$(Q)$(QUIETLY) $(CC) $(CFLAGS) $(LDFLAGS) $(SANITIZE) $(LINKING) -o $@ $(LINKED) $(LIBS)
	$(Q)$(if $(STATIC),$(if $(CROSS),,$(FILL_STATE)))

$(DYNAMIC): $(LINKED) $(if $(STATIC),$(BUILD)/libs)
	@echo "LD $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SANITIZE) $(LINKING) -o $@ $(LINKED) \
	    $(if $(STATIC),$$(cat $(BUILD)/libs.dynamic),-llua5.4 -lelf)

# core/elf/search_tree.c has what the libelf.a of Debian 13 lacks.
$(BUILD)/libs: Makefile $(BUILD)/core/elf/search_tree.o | $(BUILD)/needed
	@mkdir -p $(@D)
	$(Q)try() { echo 'int luaL_openlibs(), elf_begin(), elf_getdata_rawchunk(), gelf_getsym();' 'int' \
	    'main() { return luaL_openlibs() + elf_begin() + elf_getdata_rawchunk() + gelf_getsym(); }' | \
	    $(CC) $(CFLAGS) $(LDFLAGS) $(SANITIZE) -o $@.try -x c - -x none $(BUILD)/core/elf/search_tree.o $$2 && \
	    rm -f $@.try && echo "$$2$$3" > $$1; }; \
	elf=$$($(PKG_CONFIG) --static --libs libelf); \
	{ try $@.dynamic "-Wl,-Bstatic -llua5.4 $$elf -Wl,-Bdynamic -lm -ldl" || \
	    try $@.dynamic "-Wl,-Bstatic -llua5.4 -Wl,-Bdynamic -lelf -lm -ldl" || \
	    try $@.dynamic "-llua5.4 -lelf"; } 2>/dev/null; \
	try $@ "-static -no-pie -llua5.4 $$elf -lm" \
	    " -Wl,-e,front_entry $(STARTING)$(if $(findstring clang,$(CC)), -Wno-unused-command-line-argument)" 2>/dev/null || cp $@.dynamic $@

# They run before the C library, in a program that is linked statically: so the compiler may call nothing of it, and
# mix them with nothing that does.
$(BUILD)/core/front/%.o $(STARTING): SANITIZE += -fno-lto -fno-builtin -fno-stack-protector \
    $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)

# Handlers of signals are in it, which may come until the last moment of a process: so it stays loaded when
# Lua unloads it.
$(MODULE): $(OBJECTS)
	@echo "LD $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(SANITIZE) -shared -Wl,-z,nodelete -o $@ $^ -lelf

$(BUILD)/%.o: %.c | $(BUILD)/needed
	@echo "CC $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(WARNINGS) $(BASE) $(SANITIZE) -MMD -MP -c -o $@ $<

# System call numbers by name, as this compiler's headers have them.
$(BUILD)/syscalls.inc: Makefile | $(BUILD)/needed
	@mkdir -p $(@D)
	$(Q)echo '#include <asm/unistd.h>' | $(CC) -E -dM - | \
	    sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/{"\1", __NR_\1},/p' | LC_ALL=C sort > $@
$(BUILD)/core/ptrace/remote.o: $(BUILD)/syscalls.inc

# Constants by name, likewise: those that are integers known to the compiler.
CONSTANTS := (RLIM(IT)?|O|F|AT|PR|PROT|MAP|MADV|MREMAP|MS|CLONE|AF|SOCK|SCHED)_[A-Z0-9_]+
CONSTANTS := $(CONSTANTS)|(SEEK|SIG|TRAP|SEGV|BUS|ILL|FPE|SI|CLD)_[A-Z0-9_]+|[RWXF]_OK
CONSTANTS := $(CONSTANTS)|(SIG|E|S_I)[A-Z0-9]+|W[A-Z]+
$(BUILD)/constants.inc: Makefile | $(BUILD)/needed
	@mkdir -p $(@D)
	$(Q)printf '#include <%s.h>\n' errno fcntl sched signal sys/mman sys/prctl sys/resource \
	    sys/socket sys/stat sys/wait unistd | $(CC) -D_GNU_SOURCE -E -dM - | \
	    sed -nE -e '/SIG_(ERR|DFL|IGN|HOLD)|SIGSTKSZ|SIGRTM/d' \
	        -e 's/^#define ($(CONSTANTS)) .*/{"\1", (lua_Integer)(\1)},/p' | LC_ALL=C sort > $@
$(BUILD)/core/lua/constants.o: $(BUILD)/constants.inc

# What writes traces for the model of TLBs (tiexec --record=tlb): a plugin of qemu-user's, which the program has in it.
PLUGIN := $(BUILD)/fetches.so
$(PLUGIN): core/plugin/fetches.c Makefile | $(BUILD)/needed
	@echo "CC $<"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARNINGS) -fPIC -fvisibility=hidden -shared -s -pthread -Wl,--build-id=none \
	    -o $@ $<
$(BUILD)/core/lua/tlb.o: $(PLUGIN)
$(BUILD)/core/lua/tlb.o: BASE += -DFETCHES_PLUGIN='"$(PLUGIN)"'

-include $(LINKED:.o=.d)

# ---- install ----

LUA_SHARE := $(abspath $(DESTDIR)$(PREFIX)/share/lua/5.4)
EXAMPLES  := $(DESTDIR)$(PREFIX)/share/tiexec/examples
LUA_LIB   := $(DESTDIR)$(LIBDIR)/lua/5.4

# Units of systemd's, for --service and --warm, which nobody enables but the administrator.
UNITS     := $(wildcard docs/systemd/*.service)
UNIT_FOLDER := $(DESTDIR)$(PREFIX)/lib/systemd/system

install: all install-pages
	install -D $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/tiexec
	install -D $(DYNAMIC) $(DESTDIR)$(PREFIX)/lib/tiexec/tiexec
	install -D -m 644 $(MODULE) $(LUA_LIB)/tiexec/core.so
	$(Q)cd scripts && find tiexec -name '*.lua' -exec install -D -m 644 {} $(LUA_SHARE)/{} \;
	$(Q)cd scripts/strategies && find . -name '*.lua' \
	    -exec install -D -m 644 {} $(LUA_SHARE)/tiexec/strategies/{} \;
	$(Q)install -D -m 644 -t $(EXAMPLES) scripts/examples/*.lua
	$(Q)install -d $(UNIT_FOLDER) && for unit in $(UNITS); do \
	    sed 's|/usr/local/bin|$(PREFIX)/bin|' $$unit > $(UNIT_FOLDER)/$${unit##*/} || exit; done

uninstall: uninstall-pages
	rm -rf $(DESTDIR)$(PREFIX)/bin/tiexec $(DESTDIR)$(PREFIX)/lib/tiexec $(LUA_LIB)/tiexec $(LUA_SHARE)/tiexec \
	    $(dir $(EXAMPLES)) $(UNITS:docs/systemd/%=$(UNIT_FOLDER)/%)

clean:
	rm -rf build

.PHONY: all programs static install uninstall clean
.DELETE_ON_ERROR:

include docs/man/pages.mk docs/debian/deb.mk tests/programs.mk tests/suites.mk tests/guests.mk tests/campaign.mk
