-- SPDX-License-Identifier: Apache-2.0
--- The auxiliary vector on the stack of a program that has just been exec'd: where it stands, and its bytes.

local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"

local auxv = { AT_PHDR = 3, AT_ENTRY = 9 }

local WORD <const> = 8

--- The stack pointer and the end of the stack's mapping.
-- @tparam[opt] table mappings of the inferior, where they are known already
function auxv.stack(inferior, mappings)
    local sp = inferior:read_register("sp")
    local stack = sp and ranges.find(mappings or inferior:mappings() or {}, sp)
    if stack then return sp, stack.stop end
end

--- Where the vector stands, and its bytes. /proc/PID/auxv, the kernel's own copy, has the same bytes.
-- @treturn[1] int address
-- @treturn[1] string bytes
-- @treturn[2] nil it was not found
function auxv.find(inferior, mappings)
    local bytes = core.read_file(("/proc/%d/auxv"):format(inferior:pid()))
    local sp, top = auxv.stack(inferior, mappings)
    local address = bytes and sp and inferior:search_memory(sp, top - sp, bytes)
    if address then return address, bytes end
end

--- The address of the value of one entry, or nil.
function auxv.place_of(inferior, kind, mappings)
    local address, bytes = auxv.find(inferior, mappings)
    for offset = 1, address and #bytes or 0, 2 * WORD do
        if string.unpack("j", bytes, offset) == kind then return address + offset - 1 + WORD end
    end
end

return auxv
