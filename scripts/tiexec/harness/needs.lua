-- SPDX-License-Identifier: Apache-2.0
--- What a program file needs before it begins: its dynamic linker, its libraries, the folders in
-- which it has them looked for; or, of a script, its interpreter. All is read past the page cache:
-- a page that is read here and there would be cached small, and keep its block so.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"

local c = core.constants
local needs = {}

local HEAD <const>, NAME <const>, MOST <const> = 4096, 4096, 1 << 20 -- bytes
local PT_DYNAMIC <const>, PT_INTERP <const> = 2, 3 -- these and the tags are those of <elf.h>
local tags <const> = { [1] = "needed", [5] = "strings", [15] = "rpath", [29] = "runpath" }

-- Gives the place in the file of an address.
local function offset_of(image, address)
    for segment in images.loads(image) do
        local within = address - segment.vaddr
        if within >= 0 and within < segment.filesz then return segment.offset + within end
    end
end

local function segment_of(image, type)
    for _, segment in ipairs(image.segments) do
        if segment.type == type then return segment end
    end
end

local function string_at(path, offset)
    return (core.read_aside(path, offset, NAME) or ""):match("^([^\0]*)\0")
end

-- Reads the dynamic section: lists of numbers by what they are.
local function read_dynamic(path, segment)
    local found = { needed = {}, strings = {}, rpath = {}, runpath = {} }
    local bytes = core.read_aside(path, segment.offset, math.min(segment.filesz, MOST)) or ""
    for at = 1, #bytes - 15, 16 do
        local tag, value = ("<i8i8"):unpack(bytes, at)
        if tag == 0 then break end
        if tags[tag] then table.insert(found[tags[tag]], value) end
    end
    return found
end

local function folders_of(text, origin)
    local list = {}
    for folder in (text or ""):gmatch("[^:]+") do
        folder = folder:gsub("%${ORIGIN}", (origin:gsub("%%", "%%%%")))
            :gsub("%$ORIGIN", (origin:gsub("%%", "%%%%")))
        if not folder:find("$", 1, true) then list[#list + 1] = folder end
    end
    return list
end

local function read_needs(result, path)
    local segment = segment_of(result.image, PT_DYNAMIC)
    local dynamic = segment and read_dynamic(path, segment)
    local strings = dynamic and dynamic.strings[1] and offset_of(result.image, dynamic.strings[1])
    if not strings then return end
    local origin = (core.realpath(path) or path):match("^(.*)/[^/]*$") or "."
    for _, at in ipairs(dynamic.needed) do
        table.insert(result.libraries, string_at(path, strings + at))
    end
    for _, key in ipairs { "rpath", "runpath" } do
        local at = dynamic[key][1]
        result[key] = at and folders_of(string_at(path, strings + at), origin) or nil
    end
end

-- The words of a script's first line; nil: it is none.
local function interpreter_of(head)
    local line = head:match("^#![ \t]*([^\n]+)")
    if not line then return nil end
    local path, rest = line:match("^(%S+)[ \t]*(.*)$")
    if path and path:match("[^/]*$") == "env" then
        return core.find(rest:gsub("^%-S[ \t]*", ""):match("^[^%s=]+") or "") or path
    end
    return path
end

--- Reads what a file needs.
-- @string path
-- @treturn[1] Needs
-- @treturn[2] nil, string why it cannot be told
function needs.of(path)
    local FILE_TYPE <const>, REGULAR <const> = 0xf000, 0x8000
    local stat, why = core.stat(path)
    if not stat then return nil, why end
    if stat.mode & FILE_TYPE ~= REGULAR then return nil, path .. ": it is not a regular file" end
    local head
    head, why = core.read_aside(path, 0, HEAD)
    if not head then return nil, why end
    local result = { stat = stat, libraries = {}, interpreter = interpreter_of(head) }
    if result.interpreter then return result end
    local errno
    result.image, why, errno = core.image_from_memory(head)
    if not result.image and errno == c.ENOEXEC and head:find("^\127ELF") then
        result.image, why = core.image(path) -- its program headers lie elsewhere
    end
    if not result.image then return nil, ("%s: %s"):format(path, why:gsub("^.*: ", "")) end
    if not result.image.native then return nil, path .. ": it is for another processor" end
    result.image.size = stat.size
    local linker = segment_of(result.image, PT_INTERP)
    result.linker = linker and string_at(path, linker.offset)
    read_needs(result, path)
    return result
end

return needs
