-- SPDX-License-Identifier: Apache-2.0
--- qGetTLSAddr: where a thread has a thread-local variable. glibc has, for libthread_db, constants
-- that say where the fields of its structures are (`_thread_db_…`): they are all that is needed.

local ids = require "tiexec.gdb.server.ids"
local packets = require "tiexec.gdb.packets"
local processes = require "tiexec.gdb.server.processes"

local c = require "tiexec.core".constants
local tls = {}

local UNALLOCATED <const> = -1 -- TLS_DTV_UNALLOCATED
local WORD <const> = 8
local LONGEST <const> = 10000 -- lists of modules; what the program has overwritten may have no end

-- Where a field is: `size` in bytes, `offset`. Raises without one: that is another C library.
local function field(inferior, name)
    local at = inferior:symbol("_thread_db_" .. name)
    local list = at and inferior:read_u32(at, 3) -- bits, how many, offset
    if not list or list[1] == 0 then error("no " .. name) end
    return { size = list[1] // 8, offset = list[3] }
end

-- Reads a field of the structure at an address.
local function read(inferior, address, name)
    local its = field(inferior, name)
    local value = its.size == WORD and inferior:read_u64(address + its.offset)
    return value or error("no value of " .. name)
end

-- The address of an element of an array in the structure at an address.
local function element(inferior, address, name, index)
    local its = field(inferior, name)
    return address + its.offset + index * its.size
end

-- Where the C library's structure of a thread is. The thread's pointer leads to it; on AArch64 it
-- lies below, by its own size.
local function find_pthread(inferior, thread)
    local registers = inferior:registers("all", thread) or {}
    if registers.fs_base then return registers.fs_base end
    local at = inferior:symbol("_thread_db_const_thread_area")
    local below = at and inferior:read_u32(at)
    return registers.tpidr and below and registers.tpidr - below or error("no pointer")
end

-- The generation in which a module got its number. A thread whose own is older does not have it.
local function generation_of(inferior, module, map)
    local linker = inferior:symbol("_rtld_global") or error("no dynamic linker")
    local list, slot = read(inferior, linker, "rtld_global__dl_tls_dtv_slotinfo_list"), module
    for _ = 1, LONGEST do
        if list == 0 then break end
        local length = read(inferior, list, "dtv_slotinfo_list_len")
        if math.ult(slot, length) then
            local info = element(inferior, list, "dtv_slotinfo_list_slotinfo", slot)
            if read(inferior, info, "dtv_slotinfo_map") ~= map then break end
            return read(inferior, info, "dtv_slotinfo_gen")
        end
        list, slot = read(inferior, list, "dtv_slotinfo_list_next"), slot - length
    end
    error("no such module")
end

-- Gives where a thread has the variables of a module, whose link is at `map`.
local function block_of(inferior, thread, map)
    local module = read(inferior, map, "link_map_l_tls_modid")
    local vector = read(inferior, find_pthread(inferior, thread), "pthread_dtvp")
    local function slot(i) return element(inferior, vector, "dtv_dtv", i) end
    local most = read(inferior, slot(-1), "dtv_t_counter")
    if module == 0 or math.ult(most, module) then error("not for this thread yet") end
    local own = read(inferior, slot(0), "dtv_t_counter")
    if math.ult(own, generation_of(inferior, module, map)) then error("not for this thread yet") end
    local block = read(inferior, slot(module), "dtv_t_pointer_val")
    if block == UNALLOCATED or block == 0 then error("not for this thread yet") end
    return block
end

--- qGetTLSAddr: the address of a variable by its thread, its offset, and the link of its object.
function tls.qGetTLSAddr(server, text)
    local id, offset, map = text:match("^:([^,]+),(%x+),(%x+)$")
    local thread = id and ids.parse(id)
    offset, map = packets.number(offset), packets.number(map)
    if not thread or thread <= 0 or not offset or not map then return server:failure(c.EINVAL) end
    local process = processes.of_thread(server, thread) or server.now
    local ok, block = pcall(block_of, process.inferior, thread, map)
    return ok and ("%x"):format(block + offset) or server:failure(c.ENOENT)
end

return tls
