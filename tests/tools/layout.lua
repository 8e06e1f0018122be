-- SPDX-License-Identifier: Apache-2.0
-- Rewrites the program headers of moved-separate and moved-fixed (tests/programs/moved.c) to layouts that
-- the kernel loads and no linker at hand makes: lua5.4 layout.lua overlap|meeting|hole FROM TO

local PT_LOAD <const>, PT_NOTE <const>, HEADER <const> = 1, 4, "<I4I4I8I8I8I8I8I8"
local X <const>, W <const>, PAGE <const> = 1, 2, 4096

local function read(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read("a")
end

local function headers_of(bytes)
    local at, count = string.unpack("<I8", bytes, 33), string.unpack("<I2", bytes, 57)
    local list = {}
    for i = 0, count - 1 do
        local h = {}
        h.type, h.flags, h.offset, h.vaddr, h.paddr, h.filesz, h.memsz, h.align =
            string.unpack(HEADER, bytes, at + 56 * i + 1)
        list[#list + 1] = h
    end
    return list, at
end

local function part(h, skip, filesz, memsz)
    return { type = h.type, flags = h.flags, offset = h.offset + skip, vaddr = h.vaddr + skip, paddr = h.paddr + skip,
        filesz = filesz, memsz = memsz, align = h.align }
end

-- Replaces one header by two, the first note making room.
local function split(list, index, first, second)
    for i, h in ipairs(list) do
        if h.type == PT_NOTE then
            list[index] = second
            table.insert(list, index, first)
            table.remove(list, i < index and i or i + 1)
            return
        end
    end
    error("no note to spare")
end

local function find(list, flag)
    for i, h in ipairs(list) do
        if h.type == PT_LOAD and h.flags & flag ~= 0 then return i, h end
    end
end

local layouts = {}

-- The headers' segment reaches into the text, whose mapping comes later and lies over it.
function layouts.overlap(list)
    for _, h in ipairs(list) do
        if h.type == PT_LOAD and h.offset == 0 then
            h.filesz = 2 * PAGE - 100
            h.memsz = h.filesz
        end
    end
end

-- The data is two segments, contiguous in the file, and so one mapping. The first ends 16 bytes before a
-- page: these are cleared by the kernel (all such, since Linux 6.6) in the middle of that mapping.
function layouts.meeting(list)
    local i, h = find(list, W)
    local boundary = ((h.vaddr + 5 * PAGE) & -PAGE) - h.vaddr
    split(list, i, part(h, 0, boundary - 16, boundary - 8), part(h, boundary, h.filesz - boundary, h.memsz - boundary))
end

-- The text is two segments, with a page between them that is not mapped.
function layouts.hole(list)
    local i, h = find(list, X)
    local hole = 3 << 20
    split(list, i, part(h, 0, hole, hole), part(h, hole + PAGE, h.filesz - hole - PAGE, h.memsz - hole - PAGE))
end

local name, from, to = table.unpack(arg)
local bytes = read(from)
local list, at = headers_of(bytes)
layouts[name](list)
local packed = {}
for i, h in ipairs(list) do
    packed[i] = string.pack(HEADER, h.type, h.flags, h.offset, h.vaddr, h.paddr, h.filesz, h.memsz, h.align)
end
packed = table.concat(packed)
local out <close> = assert(io.open(to, "wb"))
out:write(bytes:sub(1, at), packed, bytes:sub(at + #packed + 1))
os.execute("chmod +x '" .. to .. "'")
