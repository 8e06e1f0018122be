-- SPDX-License-Identifier: Apache-2.0
--- Protections of memory, in their three forms: the letters of /proc/PID/maps ("r-xp"), the flags
-- of an ELF segment (PF_*), and the bits of mmap (PROT_*).

local core = require "tiexec.core"

local c = core.constants
local protection = {}

--- Each of these tells from the letters of a mapping whether the mapping is readable, writable,
-- executable, or shared.
-- @string perms letters
-- @treturn boolean
function protection.is_readable(perms) return perms:byte(1) == 0x72 end -- r
function protection.is_writable(perms) return perms:byte(2) == 0x77 end -- w
function protection.is_executable(perms) return perms:byte(3) == 0x78 end -- x
function protection.is_shared(perms) return perms:byte(4) == 0x73 end -- s

--- Gives the letters of a private mapping of an ELF segment.
-- @int flags PF_* of the program header
-- @treturn string
function protection.letters(flags)
    return (flags & c.PF_R ~= 0 and "r" or "-") .. (flags & c.PF_W ~= 0 and "w" or "-")
        .. (flags & c.PF_X ~= 0 and "x" or "-") .. "p"
end

--- Gives the bits for mmap that protect memory as some letters say. Executable memory may have a
-- protection that no letter shows, such as PROT_BTI: that is kept.
-- @tparam Target target
-- @string perms letters
-- @tparam Range range where the target has memory with these letters now
-- @treturn[1] int PROT_*
-- @treturn[2] nil, string why no bits give the same protection
function protection.of(target, perms, range)
    local bits = c.PROT_NONE
    if protection.is_readable(perms) then bits = bits | c.PROT_READ end
    if protection.is_writable(perms) then bits = bits | c.PROT_WRITE end
    if protection.is_executable(perms) then
        local executable, why = target.executable(range.start, range.stop)
        if not executable then return nil, why end
        bits = bits | executable
    end
    return bits
end

return protection
