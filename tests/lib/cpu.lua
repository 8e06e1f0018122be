-- SPDX-License-Identifier: Apache-2.0
-- What the specs need to know about this host's CPU: names of registers, and what its kernel cannot do.

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
        machine32 = 3, -- EM_386; exit(7) there:
        exit32 = "\xb8\1\0\0\0\xbb\7\0\0\0\xcd\x80", -- mov $1, %eax; mov $7, %ebx; int $0x80
    },
    aarch64 = {
        pc = "pc", sp = "sp", flags = "cpsr",
        result = "x0",
        argument = "x0",
        callee_saved = "x19",
        vector = "v7",
        system = "syscall",
        carry = 1 << 29,
        one_segment = true, -- for text and headers, as linkers have it here
        forgets_calls = true, -- a system call that a stop ended with EINTR cannot be made again
        loses_breakpoints = true, -- perf's breakpoints in a thread that was stopped: so libraries are looked for
        -- once a second
        machine32 = 40, -- EM_ARM
        exit32 = "\7\0\xa0\xe3\1\x70\xa0\xe3\0\0\0\xef", -- mov r0, #7; mov r7, #1; svc #0
    },
}

local cpu = assert(cpus[core.host().arch], "no such CPU is known to the tests")
local c = core.constants

--- The bytes of a program of 32 bits that exits with 7. Kernels, and some CPUs, may not run it.
function cpu.program32()
    local HEADERS <const>, BASE <const> = 52 + 32, 0x100000
    local EABI5 <const> = 0x05000000 -- ARM's; others have no use for it
    local size = HEADERS + #cpu.exit32
    return "\127ELF\1\1\1" .. ("\0"):rep(9)
        .. string.pack("<I2I2I4I4I4I4I4I2I2I2I2I2I2", c.ET_EXEC, cpu.machine32, 1, BASE + HEADERS, 52, 0, EABI5,
            52, 32, 1, 40, 0, 0)
        .. string.pack("<I4I4I4I4I4I4I4I4", c.PT_LOAD, 0, BASE, BASE, size, size, c.PF_R | c.PF_X, 4096)
        .. cpu.exit32
end

return cpu
