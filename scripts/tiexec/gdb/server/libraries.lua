-- SPDX-License-Identifier: Apache-2.0
--- The list of libraries that the dynamic linker keeps for debuggers (struct r_debug of <link.h>).

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local threads = require "tiexec.gdb.server.threads"

local c = core.constants
local libraries = {}

local DT_NULL <const>, DT_DEBUG <const> = 0, 21
local LONGEST <const> = 20000 -- links; a list that the program has overwritten may have no end
local PATH <const> = 4096

-- Finds struct r_debug, whose address the dynamic linker writes into the executable's dynamic
-- section.
local function find_debug(inferior, pid)
    local image = images.of(("/proc/%d/exe"):format(core.living(pid)))
    local entry = (inferior:auxv() or {}).AT_ENTRY
    for _, segment in ipairs(image and entry and image.segments or {}) do
        if segment.type == c.PT_DYNAMIC then
            local at = segment.vaddr + entry - image.entry
            local bytes = inferior:read_memory(at, segment.memsz & -16) or ""
            for i = 1, #bytes, 16 do
                local tag, value = string.unpack("<jj", bytes, i)
                if tag == DT_DEBUG then return value end
                if tag == DT_NULL then break end
            end
        end
    end
end

--- Lists the objects that are loaded: of each the address of its link, its name, bias, and the
-- address of its dynamic section. The executable comes first.
-- @treturn ?table nil: there is no list (a static program; the linker has not begun)
-- @treturn ?int the address of struct r_debug
function libraries.list(inferior, pid)
    local debug = find_debug(inferior, pid)
    local link = debug and debug ~= 0 and inferior:read_pointer(debug + 8)
    if not link or link == 0 then return nil end
    local list = {}
    while link ~= 0 and #list < LONGEST do
        local fields = inferior:read_pointer(link, 4) -- l_addr, l_name, l_ld, l_next
        if not fields then break end
        list[#list + 1] = { link = link, bias = fields[1], dynamic = fields[3],
            name = fields[2] ~= 0 and inferior:read_string(fields[2], PATH) or "" }
        link = fields[4]
    end
    return list, debug
end

--- The list as qXfer:libraries-svr4 has it.
-- @treturn ?string
function libraries.xml(server)
    local list, debug = libraries.list(server.inferior, server.pid)
    if not list or #list == 0 then return nil end
    local lines = { ("<library-list-svr4 version='1.0' main-lm='0x%x'>"):format(list[1].link) }
    for i = 2, #list do
        local one = list[i]
        local line = "<library name='%s' lm='0x%x' l_addr='0x%x' l_ld='0x%x' lmid='0x%x'/>"
        lines[#lines + 1] = line:format(threads.xml(one.name), one.link, one.bias, one.dynamic,
            debug)
    end
    lines[#lines + 1] = "</library-list-svr4>"
    return table.concat(lines, "\n")
end

return libraries
