-- SPDX-License-Identifier: Apache-2.0
-- What the specs need to know about the CPU, by the name that tiexec.host() gives it.

local core = require "tiexec.core"

local cpus = {
    ["x86-64"] = {
        pc = "rip", sp = "rsp", flags = "eflags",
        result = "rax", -- of a function and of a system call
        argument = "rdi", -- the first
        callee_saved = "rbx",
        vector = "xmm7", -- 16 bytes
        system = "orig_rax",
        carry = 1, -- a bit of the flags that means nothing to the kernel
    },
    aarch64 = {
        pc = "pc", sp = "sp", flags = "cpsr",
        result = "x0",
        argument = "x0",
        callee_saved = "x19",
        vector = "v7",
        system = "syscall",
        carry = 1 << 29,
    },
}

return assert(cpus[core.host().arch], "no such CPU is known to the tests")
