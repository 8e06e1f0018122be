-- SPDX-License-Identifier: Apache-2.0
--- What stands in a cache file around the text: it is a small ELF file, whose program header says where
-- the text belongs, whose symbol table names the functions in it for perf and the like, and whose note
-- has the original's path.

local core = require "tiexec.core"

local c = core.constants
local cache_image = {}

local HEAD <const> = 4096
local PT_NOTE <const> = 4
local SHT_PROGBITS <const>, SHT_SYMTAB <const>, SHT_STRTAB <const> = 1, 2, 3
local SHF_TEXT <const> = 6 -- SHF_ALLOC | SHF_EXECINSTR
local SECTION_NAMES <const> = "\0.text\0.symtab\0.strtab\0.shstrtab\0"
local NOTE <const> = "tiexec\0" -- its name; the type is 1

-- Names are filled up to a multiple of four bytes, and so are contents.
local function note(bytes)
    local function filled(text) return text .. ("\0"):rep(-#text & 3) end
    return string.pack("<I4I4I4", #NOTE, #bytes, 1) .. filled(NOTE) .. filled(bytes)
end

local function section(name, kind, flags, address, offset, size, link, info, entry)
    return string.pack("<I4I4I8I8I8I8I4I4I8I8", SECTION_NAMES:find(name, 1, true) - 1, kind, flags, address,
        offset, size, link, info, 8, entry)
end

-- What comes after the text: symbols, names, section headers; and where the latter are.
local function tail(original, address, offset, size)
    local at = offset + size
    local symbols, names = core.symbols(original.readable, address, address + size, 1)
    if not symbols then return "", 0 end
    local bytes = symbols .. names .. SECTION_NAMES
    bytes = bytes .. ("\0"):rep(-#bytes & 7)
    local headers = ("\0"):rep(64)
        .. section(".text", SHT_PROGBITS, SHF_TEXT, address, offset, size, 0, 0, 0)
        .. section(".symtab", SHT_SYMTAB, 0, 0, at, #symbols, 3, 1, 24)
        .. section(".strtab", SHT_STRTAB, 0, 0, at + #symbols, #names, 0, 0, 0)
        .. section(".shstrtab", SHT_STRTAB, 0, 0, at + #symbols + #names, #SECTION_NAMES, 0, 0, 0)
    return bytes .. headers, at + #bytes
end

--- What stands before and after the text.
-- @tparam table original `path`; `readable`: by which it can be read
-- @int address of the text in the object
-- @int offset of the text in the copy
-- @int size of the text
-- @treturn string the first bytes
-- @treturn string those after the text, or ""
function cache_image.around(original, address, offset, size)
    local NOTES_AT <const> = 64 + 2 * 56
    local notes = note(original.path:sub(1, 2048))
    local after, sections_at = tail(original, address, offset, size)
    local count = sections_at > 0 and 5 or 0
    local head = "\127ELF\2\1\1" .. ("\0"):rep(9)
        .. string.pack("<I2I2I4I8I8I8I4I2I2I2I2I2I2", c.ET_DYN, c.ELF_MACHINE, 1, 0, 64,
            sections_at, 0, 64, 56, 2, 64, count, math.max(count - 1, 0))
        .. string.pack("<I4I4I8I8I8I8I8I8", c.PT_LOAD, c.PF_R | c.PF_X, offset, address, address, size, size,
            core.page_size())
        .. string.pack("<I4I4I8I8I8I8I8I8", PT_NOTE, c.PF_R, NOTES_AT, 0, 0, #notes, #notes, 4)
    return head .. notes, after
end

--- The path of what a cache file is a copy of, or nil.
function cache_image.original_of(path)
    local bytes = core.read_file(path, HEAD) or ""
    local at = bytes:find(NOTE, 1, true)
    if not at or at < 13 then return nil end
    local size = string.unpack("<I4", bytes, at - 8)
    local from = at + #NOTE + (-#NOTE & 3)
    return bytes:sub(from, from + size - 1)
end

return cache_image
