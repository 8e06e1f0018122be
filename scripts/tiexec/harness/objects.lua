-- SPDX-License-Identifier: Apache-2.0
--- ELF objects of an inferior: which file each mapping comes from, and what it is there for.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local objects = {}

-- The headers of the file that a mapping is of, or nil. A path may lead to another file by now, or
-- nowhere; then the map_files link (root only) and last the headers in memory still tell. Some
-- filesystems (btrfs, overlayfs) show one device in maps and another to stat: the inode decides.
local function read_image(inferior, mapping)
    local image = images.of(mapping.path)
    if image and image.inode == mapping.inode then return image end
    image = core.image(("/proc/%d/map_files/%x-%x"):format(inferior:pid(), mapping.start, mapping.stop))
    if image then return image end
    if mapping.offset ~= 0 then return nil end
    local bytes = inferior:read_memory(mapping.start, math.min(mapping.stop - mapping.start, 65536))
    return bytes and core.image_from_memory(bytes)
end

-- The ranges of the segments that are, or once were, written to.
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
    if perms:sub(1, 1) ~= "r" then return executable and "execute-only" or "guard" end
    if ranges.overlaps_any(mapping, written) then return "relro" end
    return executable and "text" or "rodata"
end

local function new_object(inferior, mapping, page)
    local image = read_image(inferior, mapping)
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

-- Only files with executable mappings are worth opening: locale archives and the like are not.
local function paths_with_text(mappings)
    local has = {}
    for _, mapping in ipairs(mappings) do
        if mapping.inode ~= 0 and protection.is_executable(mapping.perms) then has[mapping.path] = true end
    end
    return has
end

--- Finds the objects behind `mappings`. Each mapping of one gains `object` and `kind`: "text",
-- "rodata", "relro" (written once, now read-only), "data", "guard" (inaccessible), "execute-only" or "shared".
-- @treturn table list of `path`, `name`, `build_id`, `bias` (load bias), `entry`, `segments`, `span`
-- (`start`, `stop` of all segments), `mappings`, `file_size`, `text_relocations`
function objects.of(inferior, mappings)
    local page = core.page_size()
    local has_text = paths_with_text(mappings)
    local list, by_path, written = {}, {}, {}
    for _, mapping in ipairs(mappings) do
        if mapping.inode ~= 0 and has_text[mapping.path] then
            local object = by_path[mapping.path]
            if object == nil then
                object = new_object(inferior, mapping, page) or false
                by_path[mapping.path] = object
                list[#list + 1] = object or nil
                written[object] = object and written_ranges(object, page)
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

return objects
