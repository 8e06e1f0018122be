-- SPDX-License-Identifier: Apache-2.0
--- The harness: ptrace, registers, memory and remote system calls, with GDB's names.
-- `require "tiexec"` works in the program and under lua5.4 alike. What the kernel or the inferior
-- refuses returns `nil, message, errno`; misuse raises. See docs/API.md.
-- @module tiexec

local core = require "tiexec.core"
require "tiexec.harness.inferior"

return {
    version = require "tiexec.base.version",
    constants = core.constants,
    launch = core.launch,
    attach = core.attach,
    wait_any = core.wait_any,
    host = core.host,
    image = core.image,
    mappings = core.mappings,
    auxv = core.auxv,
    status = core.status,
    find = core.find,
    now = core.now,
}
