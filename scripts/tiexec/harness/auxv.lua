-- SPDX-License-Identifier: Apache-2.0
--- The auxiliary vector on the stack of a program that has just been exec'd: its address and its
-- bytes.

local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"

local auxv = { AT_PHDR = 3, AT_ENTRY = 9 } -- <elf.h>

local WORD <const> = 8

--- Gives the used part of the stack of the selected thread.
-- @tparam Inferior inferior stopped
-- @tparam[opt] table mappings the inferior's, if the caller has them already
-- @treturn[1] int the stack pointer
-- @treturn[1] int the stop of the stack's mapping
-- @treturn[2] nil the stack was not found
function auxv.stack(inferior, mappings)
    local sp = inferior:read_register("sp")
    local stack = sp and ranges.find(mappings or inferior:mappings() or {}, sp)
    if stack then return sp, stack.stop end
end

--- Finds the vector on the stack. The kernel's own copy of it, /proc/PID/auxv, has the same bytes.
-- @tparam Inferior inferior stopped at its exec
-- @tparam[opt] table mappings the inferior's, if the caller has them already
-- @treturn[1] int address of the vector
-- @treturn[1] string bytes of the vector
-- @treturn[2] nil the vector was not found
function auxv.find(inferior, mappings)
    local bytes = core.read_file(("/proc/%d/auxv"):format(inferior:pid()))
    local sp, top = auxv.stack(inferior, mappings)
    local address = bytes and sp and inferior:search_memory(sp, top - sp, bytes)
    if address then return address, bytes end
end

--- Finds the value of one entry of the vector on the stack.
-- @tparam Inferior inferior stopped at its exec
-- @int kind AT_*
-- @tparam[opt] table mappings the inferior's, if the caller has them already
-- @treturn ?int address of the value; nil: it was not found
function auxv.place_of(inferior, kind, mappings)
    local address, bytes = auxv.find(inferior, mappings)
    for offset = 1, address and #bytes or 0, 2 * WORD do
        if string.unpack("j", bytes, offset) == kind then return address + offset - 1 + WORD end
    end
end

return auxv
