-- SPDX-License-Identifier: Apache-2.0
-- Makes ELF files that have headers and hardly anything else, and lists of libraries as ldconfig makes them.

local support = require "tests.lib.support"
local cpu = support.shell("uname -m").out:match("%S+")

local elf_files = {}

local MACHINES <const> = { x86_64 = 62, aarch64 = 183 }
local KINDS <const> = { x86_64 = 0x0303, aarch64 = 0x0a03 }
local LINKERS <const> = { x86_64 = "/lib64/ld-linux-x86-64.so.2", aarch64 = "/lib/ld-linux-aarch64.so.1" }
local LOAD <const>, DYNAMIC <const>, INTERP <const> = 1, 2, 3
local NEEDED <const>, STRTAB <const>, STRSZ <const> = 1, 5, 10

elf_files.linker = LINKERS[cpu]

local function pad(text, size) return text .. ("\0"):rep(size - #text) end

-- The strings of a file's dynamic section, and the section.
local function dynamic_of(given, address)
    local strings, entries = "\0", {}
    for _, name in ipairs(given.needed or {}) do
        entries[#entries + 1] = string.pack("<i8I8", NEEDED, #strings)
        strings = strings .. name .. "\0"
    end
    for tag, name in pairs(given.tags or {}) do
        entries[#entries + 1] = string.pack("<i8I8", tag, #strings)
        strings = strings .. name .. "\0"
    end
    for _, name in ipairs(given.imports or {}) do strings = strings .. name .. "\0" end
    entries[#entries + 1] = string.pack("<i8I8", STRTAB, given.strings or address)
    entries[#entries + 1] = string.pack("<i8I8", STRSZ, given.strings_size or #strings)
    return strings, table.concat(entries) .. string.pack("<i8I8", 0, 0)
end

--- The bytes of an ELF file. `given` may have: `text`, `data`: ranges {start, stop} of addresses, or `loads`: list of
-- {flags, start, stop, offset}; `needed`, `imports`: names; `tags`: strings by
-- tag; `linker`: a path, false: none; `fixed`:
-- ET_EXEC; `class`, `machine`, `strings`, `strings_size`: odd values.
function elf_files.bytes(given)
    local loads = given.loads or { { 4, 0, 0x1000, 0 }, { 5, table.unpack(given.text or { 0x1000, 0x2000 }) },
        { 6, table.unpack(given.data or { 0x1f0000, 0x1f1000 }) } }
    local linker = given.linker == nil and elf_files.linker or given.linker
    local headers = {}
    local function add(kind, flags, offset, address, size)
        headers[#headers + 1] = string.pack("<I4I4I8I8I8I8I8I8", kind, flags, offset, address, address, size, size,
            0x1000)
    end
    for _, load in ipairs(loads) do add(LOAD, load[1], load[4] or load[2], load[2], load[3] - load[2]) end
    local strings, dynamic = dynamic_of(given, 0x900)
    local is_long = #strings > 0x300
    if is_long then strings, dynamic = dynamic_of(given, 0x1000) end
    if linker then add(INTERP, 4, 0x800, 0x800, #linker + 1) end
    add(DYNAMIC, 6, 0xc00, 0xc00, #dynamic)
    local head = "\127ELF" .. string.char(given.class or 2, 1, 1) .. ("\0"):rep(9)
        .. string.pack("<I2I2I4I8I8I8I4I2I2I2I2I2I2", given.fixed and 2 or 3, given.machine or MACHINES[cpu], 1, 0x1000,
            64, 0, 0, 64, 56, given.count or #headers, 64, 0, 0)
    local start = pad(pad(head .. table.concat(headers), 0x800) .. (linker or "") .. "\0", 0x900)
    local file = pad(start .. (is_long and "" or strings), 0xc00) .. dynamic
    return is_long and pad(file, 0x1000) .. strings or file
end

--- The bytes of /etc/ld.so.cache with a list of {name, path}; `old`: with an older list before it.
function elf_files.cache(list, old)
    local HEAD <const>, ENTRY <const> = 48, 24
    local entries, strings, start = {}, "", HEAD + #list * ENTRY
    for i, pair in ipairs(list) do
        local name = start + #strings
        strings = strings .. pair[1] .. "\0"
        entries[i] = string.pack("<i4I4I4I4I8", pair.kind or KINDS[cpu], name, start + #strings, 0, 0)
        strings = strings .. pair[2] .. "\0"
    end
    local new = "glibc-ld.so.cache1.1" .. string.pack("<I4I4I4I4I4I4I4", #list, #strings, 2, 0, 0, 0, 0)
        .. table.concat(entries) .. strings
    return (old and pad("ld.so-1.7.0\0" .. string.pack("<I4", 1), 16 + 12 + 4) or "") .. new
end

return elf_files
