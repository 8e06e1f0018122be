-- SPDX-License-Identifier: Apache-2.0
--- Recordings: where the samples of an executable lie, as plain data. A recording's file is Lua
-- that returns it.

local core = require "tiexec.core"
local keys = require "tiexec.base.keys"

local recording = {}

local PAGE_BITS <const> = 12 -- of the pages that are counted: 4 KiB, whatever the host's are
local MOST_SYMBOLS <const> = 20 -- of an object, in a file

-- Where an offset in a file is in its image; nil: in none of its segments.
local function address_of(image, offset)
    for _, segment in ipairs(image.segments) do
        local first = segment.offset
        if segment.type == 1 and first <= offset and offset < first + segment.filesz then
            return offset - first + segment.vaddr
        end
    end
end

-- Counts samples by the symbols that they lie in: gives a list of `name` and `samples`, the most
-- first.
local function count_symbols(path, image, offsets)
    local symbols, by_name, list = core.symbol_table(), {}, {}
    if not image or not symbols:add(path) then return list end
    for offset, count in pairs(offsets) do
        local address = address_of(image, offset)
        local symbol = address and symbols:at(address)
        if symbol then by_name[symbol.name] = (by_name[symbol.name] or 0) + count end
    end
    for name, count in pairs(by_name) do list[#list + 1] = { name = name, samples = count } end
    table.sort(list, function(a, b)
        if a.samples ~= b.samples then return a.samples > b.samples end
        return a.name < b.name
    end)
    return table.move(list, 1, math.min(#list, MOST_SYMBOLS), 1, {})
end

local function make_object(path, found)
    local object = { path = path, samples = found.samples, pages = {} }
    for offset, count in pairs(found.offsets) do
        local page = offset >> PAGE_BITS
        object.pages[page] = (object.pages[page] or 0) + count
    end
    if next(found.offsets) then
        local image = core.image(path)
        object.build_id = image and image.build_id
        object.symbols = count_symbols(path, image, found.offsets)
    end
    return object
end

--- Makes recordings of resolved samples, one for each executable, that with the most samples first.
-- @tparam Resolver resolver
-- @tparam table about `event` and `frequency`
-- @treturn table list of Recording
function recording.make(resolver, about)
    local list = {}
    for path, found in pairs(resolver.executables) do
        local image = core.image(path)
        local one = { executable = path, build_id = image and image.build_id, event = about.event,
            frequency = about.frequency, samples = found.samples, lost = resolver.lost,
            objects = {} }
        for object_path, object in pairs(found.objects) do
            one.objects[#one.objects + 1] = make_object(object_path, object)
        end
        table.sort(one.objects, function(a, b)
            if a.samples ~= b.samples then return a.samples > b.samples end
            return a.path < b.path
        end)
        list[#list + 1] = one
    end
    table.sort(list, function(a, b)
        if a.samples ~= b.samples then return a.samples > b.samples end
        return a.executable < b.executable
    end)
    return list
end

-- ---- files --------------------------------------------------------------------------------------

local function add_object(parts, object)
    local function add(form, ...) parts[#parts + 1] = form:format(...) end
    add("    { path = %q, samples = %d,", object.path, object.samples)
    if object.build_id then add(" build_id = %q,", object.build_id) end
    add("\n      pages = {")
    for i, page in ipairs(keys.sorted(object.pages)) do
        add("%s [%d] = %d,", i % 6 == 1 and "\n       " or "", page, object.pages[page])
    end
    add(" },\n      symbols = {")
    for _, symbol in ipairs(object.symbols or {}) do
        add("\n        { name = %q, samples = %d },", symbol.name, symbol.samples)
    end
    add(" } },\n")
end

--- Writes a recording as Lua.
-- @tparam Recording one
-- @treturn string
function recording.text(one)
    local parts = {}
    local function add(form, ...) parts[#parts + 1] = form:format(...) end
    add("-- Samples of %s, by the objects and the pages of 4 KiB of their files\n",
        one.executable:gsub("%c", "?"))
    add("return {\n  executable = %q,\n", one.executable)
    if one.build_id then add("  build_id = %q,\n", one.build_id) end
    add("  event = %q, frequency = %d, samples = %d, lost = %d,\n  objects = {\n", one.event,
        one.frequency, one.samples, one.lost)
    for _, object in ipairs(one.objects) do add_object(parts, object) end
    add("  },\n}\n")
    return table.concat(parts)
end

--- Gives a recording as JSON has it: pages are a list, by their numbers.
-- @tparam Recording one
-- @treturn table
function recording.plain(one)
    local copy = {}
    for key, value in pairs(one) do copy[key] = value end
    copy.objects = {}
    for i, object in ipairs(one.objects) do
        local pages = {}
        for _, page in ipairs(keys.sorted(object.pages)) do
            pages[#pages + 1] = { page = page, samples = object.pages[page] }
        end
        copy.objects[i] = { path = object.path, build_id = object.build_id,
            samples = object.samples, pages = pages, symbols = object.symbols }
    end
    return copy
end

return recording
