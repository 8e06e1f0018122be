-- SPDX-License-Identifier: Apache-2.0
--- The form of a cached copy: a small ELF file. The text begins at one huge page. The ELF header,
-- the program headers and a note stand before it: they say where the text belongs, and what the
-- path of the original is. The sections stand after it: their symbol table has the names of the
-- functions, for perf and other tools.

local core = require "tiexec.core"

local c = core.constants
local cache_image = {}

local HEAD <const> = 4096 -- bytes at the beginning of a copy that hold the headers and the note
local EHDR_SIZE <const>, PHDR_SIZE <const>, SHDR_SIZE <const>, SYM_SIZE <const> = 64, 56, 64, 24
local SECTION_COUNT <const> = 5 -- the empty one, .text, .symtab, .strtab, .shstrtab
local PT_NOTE <const> = 4
local SHT_PROGBITS <const>, SHT_SYMTAB <const>, SHT_STRTAB <const> = 1, 2, 3
local SHF_TEXT <const> = 6 -- SHF_ALLOC | SHF_EXECINSTR
local SECTION_NAMES <const> = "\0.text\0.symtab\0.strtab\0.shstrtab\0"
local NOTE <const> = "tiexec\0" -- the name of the note, whose type is 1
local MAX_PATH <const> = 2048 -- bytes of the original's path that the note keeps

-- Writes a note. Its name and its contents are filled up to multiples of four bytes.
local function note(bytes)
    local function filled(text) return text .. ("\0"):rep(-#text & 3) end
    return string.pack("<I4I4I4", #NOTE, #bytes, 1) .. filled(NOTE) .. filled(bytes)
end

-- Writes a section header. Fields are those of Elf64_Shdr, without "sh_"; those that are not
-- given are 0.
local function section(name, fields)
    return string.pack("<I4I4I8I8I8I8I4I4I8I8", SECTION_NAMES:find(name, 1, true) - 1, fields.type,
        fields.flags or 0, fields.addr or 0, fields.offset, fields.size, fields.link or 0,
        fields.info or 0, 8, fields.entsize or 0)
end

-- Gives the bytes after the text, and the offset of the section headers among them. If there are no
-- symbols, the bytes are "" and the offset is 0.
local function tail(original, address, offset, size)
    local at = offset + size
    local symbols, names = core.symbols(original.readable, address, address + size, 1)
    if not symbols then return "", 0 end
    local names_at = at + #symbols
    local bytes = symbols .. names .. SECTION_NAMES
    bytes = bytes .. ("\0"):rep(-#bytes & 7)
    local headers = ("\0"):rep(SHDR_SIZE)
        .. section(".text", { type = SHT_PROGBITS, flags = SHF_TEXT, addr = address,
            offset = offset, size = size })
        .. section(".symtab", { type = SHT_SYMTAB, offset = at, size = #symbols,
            link = 3, info = 1, entsize = SYM_SIZE }) -- the names are in section 3
        .. section(".strtab", { type = SHT_STRTAB, offset = names_at, size = #names })
        .. section(".shstrtab", { type = SHT_STRTAB, offset = names_at + #names,
            size = #SECTION_NAMES })
    return bytes .. headers, at + #bytes
end

--- Gives the bytes of a copy that stand before and after the text.
-- @tparam Original original
-- @int address of the text in the original, without the load bias
-- @int offset of the text in the copy, in bytes
-- @int size of the text, in bytes
-- @treturn string the bytes at the beginning of the copy
-- @treturn string the bytes right after the text; "" if the original has no symbols
function cache_image.around(original, address, offset, size)
    local NOTE_AT <const> = EHDR_SIZE + 2 * PHDR_SIZE
    local path_note = note(original.path:sub(1, MAX_PATH))
    local after, sections_at = tail(original, address, offset, size)
    local count = sections_at > 0 and SECTION_COUNT or 0
    local head = "\127ELF\2\1\1" .. ("\0"):rep(9) -- 64-bit, little-endian, version 1
        .. string.pack("<I2I2I4I8I8I8I4I2I2I2I2I2I2", c.ET_DYN, c.ELF_MACHINE, 1, 0, EHDR_SIZE,
            sections_at, 0, EHDR_SIZE, PHDR_SIZE, 2, SHDR_SIZE, count, math.max(count - 1, 0))
        .. string.pack("<I4I4I8I8I8I8I8I8", c.PT_LOAD, c.PF_R | c.PF_X, offset, address, address,
            size, size, core.page_size())
        .. string.pack("<I4I4I8I8I8I8I8I8", PT_NOTE, c.PF_R, NOTE_AT, 0, 0, #path_note,
            #path_note, 4)
    return head .. path_note, after
end

--- Reads the path of the original from a copy.
-- @string path of the copy
-- @treturn ?string nil: the file cannot be read, or it is no copy
function cache_image.original_of(path)
    local bytes = core.read_file(path, HEAD) or ""
    local at = bytes:find(NOTE, 1, true)
    if not at or at < 13 then return nil end
    local size = string.unpack("<I4", bytes, at - 8)
    local from = at + #NOTE + (-#NOTE & 3)
    return bytes:sub(from, from + size - 1)
end

return cache_image
