# SPDX-License-Identifier: Apache-2.0
# What looks for faults that no test knows yet, for minutes or hours.

# FAULTS: a way, a fault and a number, or what precedes of them: 'start file SIGKILL 123'.
faults: packages-test
	@$(MAKE) $(JOBS) test-programs
	@$(LUA) tests/tools/faults $(FAULTS)

.PHONY: faults
