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

--- Reads the kernel's own copy of the vector.
-- @tparam Inferior inferior
-- @treturn ?string its bytes
function auxv.read(inferior)
    return core.read_at_once(("/proc/%d/auxv"):format(inferior:pid()))
end

-- Gives the place of an entry's value in a vector, counted from 0; nil: there is no such entry.
local function offset_of(bytes, kind)
    for offset = 0, #bytes - 2 * WORD, 2 * WORD do
        if string.unpack("j", bytes, offset + 1) == kind then return offset + WORD end
    end
end

--- Gives the value of one entry of a vector.
-- @tparam ?string bytes of the vector
-- @int kind AT_*
-- @treturn ?int nil: there is no vector, or it has no such entry
function auxv.value(bytes, kind)
    local offset = bytes and offset_of(bytes, kind)
    return offset and string.unpack("j", bytes, offset + 1) or nil
end

--- Finds the vector on the stack. It has the same bytes as the kernel's own copy.
-- @tparam Inferior inferior stopped at its exec
-- @tparam ?string bytes what `auxv.read` gives
-- @tparam[opt] table mappings the inferior's, if the caller has them already
-- @treturn ?int address of the vector; nil: it was not found
function auxv.find(inferior, bytes, mappings)
    local sp, top = auxv.stack(inferior, mappings)
    return bytes and sp and inferior:search_memory(sp, top - sp, bytes) or nil
end

--- Finds the value of one entry of the vector on the stack.
-- @tparam Inferior inferior stopped at its exec
-- @int kind AT_*
-- @tparam ?string bytes what `auxv.read` gives
-- @tparam[opt] table mappings the inferior's, if the caller has them already
-- @treturn ?int address of the value; nil: it was not found
function auxv.place_of(inferior, kind, bytes, mappings)
    local address = auxv.find(inferior, bytes, mappings)
    local offset = address and offset_of(bytes, kind)
    return offset and address + offset or nil
end

return auxv
