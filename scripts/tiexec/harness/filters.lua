-- SPDX-License-Identifier: Apache-2.0
--- Seccomp filters that are not those of this process: they are read, and asked.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"

local c = core.constants
local filters = {}

local RW <const>, RX <const> = c.PROT_READ | c.PROT_WRITE, c.PROT_READ | c.PROT_EXEC
local ASIDE <const>, OVER <const> = c.MAP_PRIVATE | c.MAP_ANONYMOUS, c.MAP_PRIVATE | c.MAP_FIXED

-- The calls without which nothing that is changed could be put back. Filters do not see what
-- addresses point to. To make memory executable by mprotect is not among them, which units with
-- MemoryDenyWriteExecute= are refused: what needs that asks for it before it changes anything else,
-- and what was executable is put back by mmap where mprotect cannot do it.
local indispensable <const> = {
    { "mmap", 0, 4096, c.PROT_NONE, ASIDE, -1, 0 }, { "mmap", 0, 4096, RW, ASIDE, -1, 0 },
    { "mmap", 4096, 4096, RX, OVER, 3, 0 }, { "mmap", 4096, 4096, c.PROT_READ, OVER, 3, 0 },
    { "mprotect", 4096, 4096, c.PROT_READ },
    { "mremap", 4096, 4096, 4096, c.MREMAP_MAYMOVE | c.MREMAP_FIXED, 8192 },
    { "madvise", 4096, 4096, c.MADV_HUGEPAGE }, { "madvise", 4096, 4096, c.MADV_POPULATE_READ },
    { "madvise", 4096, 4096, c.MADV_DONTNEED }, { "munmap", 4096, 4096 },
    { "openat", c.AT_FDCWD, 4096, c.O_RDONLY | c.O_CLOEXEC, 0 }, { "close", 3 },
}

--- Asks the filters of an inferior about one call.
-- @tparam Inferior inferior stopped
-- @bool traces whether some filter is of this process's making: what that tells of may be made
-- @string name
-- @param ... its arguments
-- @treturn[1] nil they allow it
-- @treturn[2] string why not
-- @treturn[2] boolean whether that is because they cannot be read
function filters.refusal_of(inferior, traces, name, ...)
    local action, why = inferior:seccomp_action(name, ...)
    if not action then return why, true end
    if action == "allow" or action == "log" then return nil end
    if action == "trace" and traces then return nil end
    return codes.words("own-seccomp-call", name), false
end

--- Judges the filters of an inferior as a whole.
-- @tparam Inferior inferior stopped
-- @string unknown what to say if they cannot be read
-- @bool traces as above
-- @treturn table `refusal`, why no call may be made; or `asks`, if each must be asked about
function filters.judge(inferior, unknown, traces)
    for _, call in ipairs(indispensable) do
        local refusal, is_unread = filters.refusal_of(inferior, traces, table.unpack(call))
        if refusal then return { refusal = is_unread and unknown or refusal } end
    end
    return { asks = true }
end

return filters
