# SPDX-License-Identifier: Apache-2.0
# The programs that the tests run: one of each file in tests/programs, some linked in several ways.

TEST_SOURCES  := $(wildcard tests/programs/*.c)
ifneq ($(ARCH),aarch64)
# Scalable vectors and landing pads are aarch64's.
TEST_SOURCES  := $(filter-out %/scalable.c %/guarded.c,$(TEST_SOURCES))
endif
TEST_PROGRAMS := $(TEST_SOURCES:tests/programs/%.c=$(BUILD)/tests/%)
TEST_CFLAGS   := -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror

$(BUILD)/tests/%: tests/programs/%.c
	@echo "CC $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(TEST_FLAGS_$*) -o $@ $< $(TEST_LIBS_$*)

# ---- flags of some ----

NO_LANDING := $(if $(filter x86_64,$(ARCH)),-fcf-protection=none)
BARE       := -static -nostdlib -no-pie -fno-pie -fno-stack-protector
LIBRARY    := -shared -fPIC
HERE       := -Wl,-rpath,'$$ORIGIN'

TEST_FLAGS_shape := $(BARE) $(NO_LANDING) -Wl,-z,max-page-size=4096 -Wl,--build-id=none \
                    -T tests/programs/shape.ld
# Its text begins at a huge page of the file and ends with the file: no symbols come after it.
TEST_FLAGS_remote := $(BARE) $(NO_LANDING)
TEST_FLAGS_ends  := $(BARE) $(NO_LANDING) -g0 -Wl,-z,max-page-size=0x200000 -Wl,--build-id=none \
                    -Wl,-s -T tests/programs/ends.ld
TEST_FLAGS_small := $(BARE) $(NO_LANDING) -Wl,-Tdata=0x800000
TEST_FLAGS_guarded   := $(BARE) -mbranch-protection=standard -Wl,-z,force-bti \
                        -Wl,-z,max-page-size=0x10000
TEST_FLAGS_registers := $(BARE)
TEST_FLAGS_registers_dynamic := -nostartfiles -nodefaultlibs -pie -fPIE -fno-stack-protector
TEST_LIBS_registers_dynamic  := -Wl,--no-as-needed $(BUILD)/tests/constructor -lc $(HERE)

TEST_FLAGS_state_static     := -static
TEST_FLAGS_state_static_pie := -static-pie -fPIE
TEST_FLAGS_state_no_pie     := -no-pie -fno-pie
TEST_LIBS_state_constructed := -Wl,--no-as-needed $(BUILD)/tests/constructor $(HERE)
TEST_FLAGS_bigtext_no_pie   := -no-pie -fno-pie
TEST_FLAGS_static_exec  := -static -no-pie -fno-pie
TEST_FLAGS_static_pie   := -static-pie -fPIC
TEST_FLAGS_low_text     := -static -no-pie -fno-pie -Wl,-Ttext-segment=0x10000
TEST_FLAGS_ample        := -pthread
TEST_FLAGS_ample_static := -static -pthread
TEST_FLAGS_threads_large := -pthread

TEST_FLAGS_constructor := $(LIBRARY) -pthread -Wl,-soname,constructor
TEST_FLAGS_loadable := $(LIBRARY) -fno-toplevel-reorder -fvisibility=hidden -Wl,-soname,loadable
TEST_FLAGS_counting := $(LIBRARY)
TEST_LIBS_counting  := -ldl
TEST_FLAGS_migrating := -Wl,-z,now
TEST_FLAGS_killer   := $(LIBRARY)
TEST_LIBS_killer    := -ldl
TEST_FLAGS_witness  := $(LIBRARY)
TEST_LIBS_needy     := -Wl,--no-as-needed $(BUILD)/tests/loadable $(HERE)
TEST_FLAGS_loader   := -pthread
TEST_LIBS_loader    := -ldl
TEST_FLAGS_debuggee := -pthread -fno-inline
TEST_FLAGS_example  := -pthread -fno-inline -fno-omit-frame-pointer
TEST_FLAGS_callable := -pthread -fomit-frame-pointer
TEST_FLAGS_callable_framed := -pthread -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer
TEST_FLAGS_waiting  := -pthread
TEST_FLAGS_crowd    := -pthread -Wl,-z,max-page-size=0x200000
TEST_FLAGS_threads  := -pthread
TEST_FLAGS_points   := -pthread -no-pie -fno-pie
TEST_FLAGS_errands  := -pthread
TEST_FLAGS_properties := -no-pie -fno-pie
TEST_FLAGS_listening := -no-pie -fno-pie -Wl,-z,max-page-size=0x200000
TEST_FLAGS_confined  := -static -no-pie -fno-pie
TEST_FLAGS_deep     := -rdynamic -fno-optimize-sibling-calls

# ---- what they are made of besides their own file ----

of = $(1:%=$(BUILD)/tests/%)
$(call of,shape): tests/programs/shape.ld
$(call of,ends ends-little): tests/programs/ends.ld
$(call of,registers_dynamic): tests/programs/registers.c
$(call of,registers_dynamic state_constructed): $(call of,constructor)
$(call of,state_static state_static_pie state_no_pie state_constructed): tests/programs/state.c
$(call of,ample_static): tests/programs/ample.c
$(call of,bigtext_no_pie): tests/programs/bigtext.c
$(call of,threads_large): tests/programs/threads.c
$(call of,needy): $(call of,loadable)
$(call of,ends ends-little guarded low_text points registers registers_dynamic shape small state \
    static_exec): tests/programs/arch.h

TEST_PROGRAMS += $(call of,ends-little)
$(call of,ends-little): tests/programs/ends.c
	@echo "CC $< (little)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(TEST_FLAGS_ends) -DREST=64 -o $@ $<

# What strikes the system calls of tiexec.
TEST_PROGRAMS += $(call of,faults)
$(call of,faults): $(wildcard tests/faults/*.c) $(wildcard tests/faults/*.h) $(BUILD)/syscalls.inc
	@echo "CC tests/faults"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -I$(BUILD) -o $@ $(filter %.c,$^)

# ---- one program, linked in all the ways in which a program may lie in memory ----

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
MOVED_notes         := $(if $(filter x86_64,$(ARCH)), \
                         -fcf-protection=full -Wl$(comma)-z$(comma)ibt$(comma)-z$(comma)shstk, \
                         -mbranch-protection=standard -Wl$(comma)-z$(comma)force-bti)
MOVED_execstack     := -Wl,-z,execstack
MOVED_static-lld    := -DSTATIC -DTLS=1000000 -DIFUNC -static-pie -fuse-ld=lld \
                       -Wl,--pack-dyn-relocs=relr
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

# Its text, of 38 MiB, lies at addresses that do not fit the huge pages of its file.
TEST_PROGRAMS += $(call of,loadable-large)
$(call of,loadable-large): tests/programs/loadable.c
	@echo "CC $< (large)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(if $(CROSS),-B$(LINKERS)) $(TEST_FLAGS_loadable) -DMORE=34603008 -fuse-ld=lld \
	    -Wl,-z,max-page-size=4096 -o $@ $<

TEST_PROGRAMS += $(call of,shareable-lld)
$(call of,shareable-lld): tests/programs/shareable.c
	@echo "CC $< (lld)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(if $(CROSS),-B$(LINKERS)) -fuse-ld=lld -o $@ $<

# A cross compiler looks for linkers by its own names.
ifdef CROSS
LINKERS := $(BUILD)/linkers
$(LINKERS)/ld.%:
	@mkdir -p $(@D)
	$(Q)ln -sf $$(command -v ld.$*) $@
$(call of,shareable-lld loadable-large) $(MOVED:%=$(BUILD)/tests/moved-%): | $(LINKERS)/ld.lld $(LINKERS)/ld.mold
endif

# Layouts that no linker makes: the program headers are rewritten.
LAID_OUT := $(call of,moved-overlap moved-meeting moved-hole)
TEST_PROGRAMS += $(LAID_OUT)
$(LAID_OUT): $(BUILD)/tests/moved-%: tests/tools/layout.lua $(call of,moved-separate moved-fixed)
	@echo "LAYOUT $@"
	$(Q)$(LUA) tests/tools/layout.lua $* \
	    $(BUILD)/tests/moved-$(if $(filter hole,$*),fixed,separate) $@

# ---- a program of Go's ----

# On arm64 Go puts text into the lowest huge page, which stays small: so one has its text above.
LINES := $(call of,lines lines-above)
ifneq ($(shell command -v go),)
TEST_PROGRAMS += $(LINES)
endif
$(BUILD)/tests/lines-above: GO_FLAGS := -ldflags='-T 0x1001000'
$(LINES): tests/programs/lines.go
	@echo "GO $@"
	@mkdir -p $(@D)
	$(Q)GOCACHE=$(CURDIR)/build/go GOFLAGS= GO111MODULE=off CGO_ENABLED=0 \
	    GOARCH=$(patsubst aarch64,arm64,$(ARCH:x86_64=amd64)) go build $(GO_FLAGS) -o $@ $<

# How they are linked is said here.
$(TEST_PROGRAMS): tests/programs.mk

test-programs: programs $(TEST_PROGRAMS)

.PHONY: test-programs
