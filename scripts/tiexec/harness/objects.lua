-- SPDX-License-Identifier: Apache-2.0
--- ELF objects of an inferior: which file each mapping comes from, and what it is there for.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"

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

-- The PT_LOAD segment that a mapping shows, by file offset, and the load bias that follows from it.
local function segment_of(image, mapping, page)
    for _, segment in ipairs(image.segments) do
        if segment.type == c.PT_LOAD and segment.memsz > 0 then
            local offset = segment.offset & -page
            local address = segment.vaddr & -page
            local stop = (segment.offset + segment.filesz + page - 1) & -page
            if mapping.offset >= offset and mapping.offset < stop then
                return segment, mapping.start - (address + mapping.offset - offset)
            end
        end
    end
end

-- The addresses of the segments that are, or once were, written to: a list of start, stop, start, …
local function written_ranges(object, page)
    local list = {}
    for _, segment in ipairs(object.segments) do
        local written = segment.type == c.PT_LOAD and segment.flags & c.PF_W ~= 0
        if written or segment.type == c.PT_GNU_RELRO then
            list[#list + 1] = (segment.vaddr + object.bias) & -page
            list[#list + 1] = (segment.vaddr + object.bias + segment.memsz + page - 1) & -page
        end
    end
    return list
end

local function meets_any(ranges, start, stop)
    for i = 1, #ranges, 2 do
        if start < ranges[i + 1] and ranges[i] < stop then return true end
    end
    return false
end

local function kind_of(mapping, written)
    local readable, writable, executable, sharing = mapping.perms:match("(.)(.)(.)(.)")
    if sharing == "s" then return "shared" end
    if writable == "w" then return "data" end
    if readable ~= "r" then return executable == "x" and "execute-only" or "guard" end
    if meets_any(written, mapping.start, mapping.stop) then return "relro" end
    return executable == "x" and "text" or "rodata"
end

-- The addresses from the first to the last segment, gaps between them included.
local function span_of(image, bias, page)
    local low, high
    for _, segment in ipairs(image.segments) do
        if segment.type == c.PT_LOAD then
            low = math.min(low or segment.vaddr, segment.vaddr)
            high = math.max(high or 0, segment.vaddr + segment.memsz)
        end
    end
    return { start = (low + bias) & -page, stop = (high + bias + page - 1) & -page }
end

local function new_object(inferior, mapping, page)
    local image = read_image(inferior, mapping)
    if not (image and image.native) then return nil end
    local segment, bias = segment_of(image, mapping, page)
    if not segment then return nil end
    return {
        path = mapping.path,
        name = mapping.path:match("[^/]*$"),
        build_id = image.build_id,
        entry = image.entry,
        bias = bias,
        file_size = image.size,
        text_relocations = image.text_relocations,
        segments = image.segments,
        span = span_of(image, bias, page),
        mappings = {},
    }
end

-- Only files with executable mappings are worth opening: locale archives and the like are not.
local function paths_with_text(mappings)
    local has = {}
    for _, mapping in ipairs(mappings) do
        if mapping.inode ~= 0 and mapping.perms:sub(3, 3) == "x" then has[mapping.path] = true end
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
