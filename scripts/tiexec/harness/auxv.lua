-- SPDX-License-Identifier: Apache-2.0
--- The auxiliary vector on the stack of a program that has just been exec'd.

local vector = { AT_PHDR = 3, AT_ENTRY = 9 }

local WORD <const> = 8

--- The stack pointer and the end of the stack's mapping.
-- @tparam[opt] table mappings of the inferior, where they are known already
function vector.stack(inferior, mappings)
    local sp = inferior:read_register("sp")
    for _, mapping in ipairs(sp and (mappings or inferior:mappings()) or {}) do
        if mapping.start <= sp and sp < mapping.stop then return sp, mapping.stop end
    end
end

--- Where the vector stands, and its bytes. /proc/PID/auxv, the kernel's own copy, has the same bytes.
-- @treturn[1] int address
-- @treturn[1] string bytes
-- @treturn[2] nil it was not found
function vector.find(inferior, mappings)
    local file = io.open(("/proc/%d/auxv"):format(inferior:pid()), "rb")
    local bytes = file and file:read("a")
    if file then file:close() end
    local sp, top = vector.stack(inferior, mappings)
    local address = bytes and sp and inferior:search_memory(sp, top - sp, bytes)
    if address then return address, bytes end
end

--- The address of the value of one entry, or nil.
function vector.place_of(inferior, kind, mappings)
    local address, bytes = vector.find(inferior, mappings)
    for offset = 1, address and #bytes or 0, 2 * WORD do
        if string.unpack("j", bytes, offset) == kind then return address + offset - 1 + WORD end
    end
end

return vector
