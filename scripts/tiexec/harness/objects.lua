-- SPDX-License-Identifier: Apache-2.0
--- Objects (class Object): the ELF files that are mapped in a process, and the purpose of each of
-- their mappings.

local core = require "tiexec.core"
local files = require "tiexec.harness.files"
local images = require "tiexec.harness.images"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local objects = {}

-- Gives the image of the file that is mapped, or nil. If the file cannot be had any more, the image
-- comes from the headers in memory.
local function read_image(inferior, mapping, executable)
    local file = files.of(inferior:pid(), mapping, executable)
    if file and file.image then return file.image end
    if mapping.offset ~= 0 then return nil end
    local bytes = inferior:read_memory(mapping.start, math.min(mapping.stop - mapping.start, 65536))
    return bytes and core.image_from_memory(bytes)
end

-- Lists the ranges of the segments that the object writes to, or wrote to when it was relocated.
local function written_ranges(object, page)
    local list = {}
    for _, segment in ipairs(object.segments) do
        local written = segment.type == c.PT_LOAD and segment.flags & c.PF_W ~= 0
        if written or segment.type == c.PT_GNU_RELRO then
            local start = segment.vaddr + object.bias
            list[#list + 1] = { start = ranges.align_down(start, page),
                stop = ranges.align_up(start + segment.memsz, page) }
        end
    end
    return list
end

local function kind_of(mapping, written)
    local perms = mapping.perms
    local executable = protection.is_executable(perms)
    if protection.is_shared(perms) then return "shared" end
    if protection.is_writable(perms) then return "data" end
    if not protection.is_readable(perms) then
        return executable and "execute-only" or "guard"
    end
    if ranges.overlaps_any(mapping, written) then return "relro" end
    return executable and "text" or "rodata"
end

local function new_object(inferior, mapping, page, executable)
    local image = read_image(inferior, mapping, executable)
    if not (image and image.native) then return nil end
    local bias = images.bias(image, { mapping }, page)
    if not bias then return nil end
    local span = images.span(image, page)
    return {
        path = mapping.path,
        name = mapping.path:match("[^/]*$"),
        build_id = image.build_id,
        entry = image.entry,
        bias = bias,
        file_size = image.size,
        text_relocations = image.text_relocations,
        segments = image.segments,
        span = { start = span.start + bias, stop = span.stop + bias },
        mappings = {},
    }
end

-- Two files may have the same path, one after the other, and two the same inode number.
local function key_of(mapping)
    return ("%x:%x:%x %s"):format(mapping.major, mapping.minor, mapping.inode, mapping.path)
end

local function is_same_file(a, b)
    return a.inode == b.inode and a.minor == b.minor and a.major == b.major and a.path == b.path
end

-- Gives the keys of the mappings of files, by mapping, and the set of those whose files are mapped
-- with text. Other files, such as locale archives, are not worth opening. A file's mappings mostly
-- follow one another.
local function files_with_text(mappings)
    local keys, has, last = {}, {}, nil
    for _, mapping in ipairs(mappings) do
        local key
        if mapping.inode ~= 0 then
            key = last and is_same_file(mapping, last) and keys[last] or key_of(mapping)
            last = mapping
        end
        keys[mapping] = key
        if key and protection.is_executable(mapping.perms) then has[key] = true end
    end
    return keys, has
end

-- Finds the objects whose files are in the set `wanted`, by their `keys`.
local function find(inferior, mappings, keys, wanted)
    local page, executable = core.page_size(), files.executable(inferior:pid())
    local list, by_key, written = {}, {}, {}
    for _, mapping in ipairs(mappings) do
        local key = keys[mapping]
        if key and wanted[key] then
            local object = by_key[key]
            if object == nil then
                object = new_object(inferior, mapping, page, executable)
                by_key[key] = object or false -- false: looked for in vain
                if object then
                    list[#list + 1] = object
                    written[object] = written_ranges(object, page)
                end
            end
            if object then
                mapping.object = object
                mapping.kind = kind_of(mapping, written[object])
                table.insert(object.mappings, mapping)
            end
        end
    end
    return list
end

--- Finds the objects that are mapped with text. In each mapping of an object, `object` is set to
-- it, and `kind` to the mapping's purpose: "text", "rodata", "relro" (relocated, then made
-- read-only), "data", "guard" (inaccessible), "execute-only" or "shared".
-- @tparam Inferior inferior an Inferior or an Observed
-- @tparam table mappings list of Mapping
-- @treturn table list of Object, in order of address
function objects.of(inferior, mappings)
    local keys, has_text = files_with_text(mappings)
    return find(inferior, mappings, keys, has_text)
end

--- Finds the objects as `objects.of` does, and those whose text is no mapping of their file any
-- more, since it lies on pages of its own.
-- @tparam Inferior inferior
-- @tparam table mappings list of Mapping
-- @treturn table list of Object, in order of address
function objects.all(inferior, mappings)
    local keys, private = files_with_text(mappings), {}
    for mapping, key in pairs(keys) do
        local is_shared = protection.is_shared(mapping.perms)
        if not is_shared and not mapping.path:find("^/dev/") then private[key] = true end
    end
    return find(inferior, mappings, keys, private)
end

return objects
