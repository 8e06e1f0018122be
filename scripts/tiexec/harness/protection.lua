-- SPDX-License-Identifier: Apache-2.0
--- Protections of memory: as letters in /proc/PID/maps ("r-xp"), as flags of an ELF segment (PF_*), and as
-- mmap takes them (PROT_*).

local core = require "tiexec.core"

local c = core.constants
local protection = {}

--- Whether the letters of a mapping say that it is executable, writable, shared.
function protection.is_executable(perms) return perms:byte(3) == 0x78 end -- x
function protection.is_writable(perms) return perms:byte(2) == 0x77 end -- w
function protection.is_shared(perms) return perms:byte(4) == 0x73 end -- s

--- The letters that a private mapping of an ELF segment has.
-- @int flags PF_* of its program header
function protection.letters(flags)
    return (flags & c.PF_R ~= 0 and "r" or "-") .. (flags & c.PF_W ~= 0 and "w" or "-")
        .. (flags & c.PF_X ~= 0 and "x" or "-") .. "p"
end

--- What mmap must be told, for a range to be protected as these letters say. Executable memory of a process may
-- have more protection than its letters tell (PROT_BTI), which is kept.
-- @tparam Target target the process
-- @string perms letters
-- @tparam table range `start`, `stop`: where the process has such memory now
-- @treturn[1] int PROT_*
-- @treturn[2] nil, string why it cannot be told
function protection.of(target, perms, range)
    local bits = c.PROT_NONE
    if perms:find("r", 1, true) then bits = bits | c.PROT_READ end
    if perms:find("w", 1, true) then bits = bits | c.PROT_WRITE end
    if protection.is_executable(perms) then
        local executable, why = target.executable(range.start, range.stop)
        if not executable then return nil, why end
        bits = bits | executable
    end
    return bits
end

return protection
