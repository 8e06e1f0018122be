# SPDX-License-Identifier: Apache-2.0
# The tests on other kernels, in guests: tests/vm.

cross: packages-cross
	@$(MAKE) $(JOBS) CROSS=aarch64-linux-gnu test-programs

# All specs; or as many as can be done UNTIL then, in seconds since 1970. Without SPECS of one's own
# the two guests with newer kernels, too.
test-arm64: cross
	@tests/vm/suite $(UNTIL:%=-u %) $(if $(filter file,$(origin SPECS)),-n) \
	    arm64 build/aarch64 $(SPECS)

test-kernels: packages-test cross
	@$(MAKE) $(JOBS) test-programs
	@tests/vm/kernels

.PHONY: cross test-arm64 test-kernels
