# SPDX-License-Identifier: Apache-2.0
# Debian's packages, and a tarball of the one binary.

VERSION     := $(shell sed -n 's/^return "\(.*\)"/\1/p' scripts/tiexec/base/version.lua)
MAINTAINER  ?= The authors of tiexec <tiexec@tiexec.invalid>
DEB         := build/deb
# Whatever has a time in it has this one: the day of the version, unless another is set.
EPOCH        = $(or $(SOURCE_DATE_EPOCH),$(shell date -u +%s -d \
                 "$$(sed -n 's/^.. [0-9.]* (\(.*\))/\1/p;T;q' docs/NEWS.md)"))

deb: packages-deb
	@rm -rf $(DEB)/root
	@$(MAKE) -s install BUILD=$(DEB)/build PREFIX=/usr LIBDIR=/usr/lib/$$(dpkg-architecture -qDEB_HOST_MULTIARCH) \
	    ZSH_FOLDER=$(CURDIR)/$(DEB)/root/usr/share/zsh/vendor-completions DESTDIR=$(CURDIR)/$(DEB)/root
	@SOURCE_DATE_EPOCH=$(EPOCH) docs/debian/package $(DEB) $(VERSION) '$(MAINTAINER)'
	@lintian --fail-on error,warning $(DEB)/*.deb
	@ls $(DEB)/*.deb

# One file, which works wherever it is put, with its page and licence beside it.
TARBALL := tiexec-$(VERSION)-linux-$(ARCH)

tarball: static pages
	@rm -rf build/$(TARBALL) && mkdir -p build/$(TARBALL)
	@cp $(PROGRAM) $(BUILD)/man/tiexec.1 LICENSE README.md build/$(TARBALL)/ && strip build/$(TARBALL)/tiexec
	@tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(EPOCH) -C build -c $(TARBALL) | \
	    gzip -9n > build/$(TARBALL).tar.gz
	@echo build/$(TARBALL).tar.gz

.PHONY: deb tarball
