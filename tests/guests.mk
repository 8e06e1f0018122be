# SPDX-License-Identifier: Apache-2.0
# The tests on other kernels, in guests: tests/vm.

cross: packages-cross
	@$(MAKE) $(JOBS) CROSS=aarch64-linux-gnu test-programs

# All specs but those of what is shipped; or as many as can be done UNTIL then, in seconds since 1970. Without SPECS of one's own
# the two guests with newer kernels, too.
test-arm64: cross
	@tests/vm/suite $(UNTIL:%=-u %) $(if $(filter file,$(origin SPECS)),-n) \
	    arm64 build/aarch64 $(filter-out tests/dist,$(SPECS))

# As many as can be done in the time that tests/vm/until gives, with all that is compiled for that.
# The images of the guests are made before, once.
test-guests:
	@why=$$(tests/vm/ready arm64) || \
	        { echo "make $@: no tests on an arm64 kernel: $$why"; exit 0; }; \
	    $(MAKE) test-arm64 UNTIL=$$(tests/vm/until)

# Some of the kernels are compiled, once.
test-kernels: packages-test packages-kernels cross
	@$(MAKE) $(JOBS) test-programs
	@tests/vm/kernels

.PHONY: cross test-arm64 test-guests test-kernels
