# SPDX-License-Identifier: Apache-2.0
# Manual pages and what shells complete: both are made of the table of options and of docs/.

PAGES       := $(patsubst docs/man/%.md,$(BUILD)/man/%,$(wildcard docs/man/*.md))
COMPLETIONS := $(addprefix $(BUILD)/completions/,tiexec.bash _tiexec tiexec.fish)
HELP        := $(wildcard scripts/tiexec/help/*.lua) scripts/tiexec/base/version.lua

$(BUILD)/man/%: docs/man/%.md tests/tools/manual.lua $(HELP) $(wildcard docs/*.md) README.md
	@mkdir -p $(@D)
	$(Q)$(LUA) tests/tools/manual.lua $< > $@

$(BUILD)/completions/tiexec.bash: SHELL_NAME := bash
$(BUILD)/completions/_tiexec: SHELL_NAME := zsh
$(BUILD)/completions/tiexec.fish: SHELL_NAME := fish
$(COMPLETIONS): tests/tools/completions.lua $(HELP)
	@mkdir -p $(@D)
	$(Q)$(LUA) tests/tools/completions.lua $(SHELL_NAME) > $@

pages: $(PAGES) $(COMPLETIONS)
	@:

SHARE        := $(DESTDIR)$(PREFIX)/share
BASH_FOLDER  := $(SHARE)/bash-completion/completions
ZSH_FOLDER   ?= $(SHARE)/zsh/site-functions
FISH_FOLDER  := $(SHARE)/fish/vendor_completions.d

install-pages: pages
	$(Q)for page in $(PAGES); do \
	    suffix=$${page##*.}; \
	    install -D -m 644 $$page $(SHARE)/man/man$$(expr $$suffix : '\([0-9]\)')/$${page##*/}; done
	$(Q)install -D -m 644 $(BUILD)/completions/tiexec.bash $(BASH_FOLDER)/tiexec
	$(Q)install -D -m 644 $(BUILD)/completions/_tiexec $(ZSH_FOLDER)/_tiexec
	$(Q)install -D -m 644 $(BUILD)/completions/tiexec.fish $(FISH_FOLDER)/tiexec.fish

uninstall-pages:
	$(Q)rm -f $(foreach page,$(notdir $(PAGES)),$(SHARE)/man/man*/$(page)) $(BASH_FOLDER)/tiexec \
	    $(ZSH_FOLDER)/_tiexec $(FISH_FOLDER)/tiexec.fish

.PHONY: pages install-pages uninstall-pages
