# SPDX-License-Identifier: Apache-2.0
# Debian's packages, and a tarball of the one binary.

VERSION     := $(shell sed -n 's/^return "\(.*\)"/\1/p' scripts/tiexec/base/version.lua)
MAINTAINER  ?= The authors of tiexec <tiexec@tiexec.invalid>
NEWS_DATE    = $(shell sed -n 's/^\#\# [0-9.]* (\(.*\))/\1/p' docs/NEWS.md | head -n 1)
export SOURCE_DATE_EPOCH ?= $(shell date -u -d '$(NEWS_DATE)' +%s)
DEB         := build/deb

deb: packages-deb
	@rm -rf $(DEB)/root
	@$(MAKE) -s install BUILD=$(DEB)/build PREFIX=/usr LIBDIR=/usr/lib/$$(dpkg-architecture -qDEB_HOST_MULTIARCH) \
	    ZSH_FOLDER=$(DEB)/root/usr/share/zsh/vendor-completions DESTDIR=$(DEB)/root
	@docs/debian/package $(DEB) $(VERSION) '$(MAINTAINER)'
	@lintian --fail-on error,warning $(DEB)/*.deb
	@ls $(DEB)/*.deb

# One file, which works wherever it is put, with its page and licence beside it.
TARBALL := tiexec-$(VERSION)-linux-$(ARCH)

tarball: static pages
	@rm -rf build/$(TARBALL) && mkdir -p build/$(TARBALL)
	@cp $(PROGRAM) $(BUILD)/man/tiexec.1 LICENSE README.md build/$(TARBALL)/ && strip build/$(TARBALL)/tiexec
	@tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(SOURCE_DATE_EPOCH) -C build -c $(TARBALL) | \
	    gzip -9n > build/$(TARBALL).tar.gz
	@echo build/$(TARBALL).tar.gz

.PHONY: deb tarball
