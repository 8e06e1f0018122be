-- SPDX-License-Identifier: Apache-2.0
--- Helpers for strategies: rounding texts to huge pages, and what forbids it. All functions are
-- pure: they take descriptions and change nothing. A range reaches from `start` to just before
-- `stop`.
-- @module tiexec.planner

local codes = require "tiexec.base.codes"
local hosts = require "tiexec.harness.hosts"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local text = require "tiexec.base.text"

local planner = {}

--- Rounds an address down to a multiple of a size.
-- @function planner.align_down
-- @int address
-- @int size a power of two, in bytes
-- @treturn int
-- @usage
-- print(("%#x"):format(planner.align_down(0x5ff000, 0x200000))) --> 0x400000
planner.align_down = ranges.align_down

--- Rounds an address up to a multiple of a size.
-- @function planner.align_up
-- @int address
-- @int size a power of two, in bytes
-- @treturn int
-- @usage
-- print(("%#x"):format(planner.align_up(0x5ff000, 0x200000))) --> 0x600000
planner.align_up = ranges.align_up

--- Gives the words of a reason for which tiexec has a code: REPORT.md lists them. Programs that
-- read reports find the code beside the words.
-- @function planner.reason
-- @string code
-- @param ... the values that its words have
-- @treturn string
-- @usage
-- print(planner.reason("writable")) --> it is writable
planner.reason = codes.words

--- Writes a number of bytes for people: "4 KiB", "10.1 MiB".
-- @function planner.size_text
-- @int bytes
-- @treturn string
-- @usage
-- print(planner.size_text(4096), planner.size_text(10590618)) --> 4 KiB 10.1 MiB
planner.size_text = text.size

--- Counts the pages that a hugetlb pool can give now.
-- @function planner.free_pages
-- @tparam Pool pool
-- @treturn int
-- @usage
-- local pool = { total = 8, free = 5, reserved = 2, surplus = 0, overcommit = 0 }
-- print(planner.free_pages(pool)) --> 3
planner.free_pages = hosts.free_pages

-- The kinds of an object's mappings that may become part of its text: nothing is ever written
-- there.
local may_take = { text = true, rodata = true, guard = true }

local why_not = {
    relro = "its own relocated data (RELRO)",
    data = "its own writable data",
    shared = "a shared mapping",
}

-- Nothing is mapped below this address, so that null pointers fault. The default of
-- vm.mmap_min_addr forbids it, though not to root.
local LOWEST <const> = 1 << 16

-- Says what forbids that a gap between mappings becomes part of a text. nil: nothing does.
local function obstacle_in_gap(description, gap)
    local heap, stack = description.heap, description.stack
    if gap.start < LOWEST then return "the lowest addresses, where null pointers lead" end
    if heap and ranges.overlap(heap, gap) then return "the room that the heap grows into" end
    if stack and ranges.overlap(stack, gap) then return "the room that the stack grows into" end
end

-- Tells whether a range reaches beyond an object that dlclose may unmap: dlclose unmaps only what
-- the dynamic linker has mapped for the object. It never unmaps the executable, nor the libraries
-- that are there at the entry point.
local function is_beyond(description, object, start, stop)
    local may_go = description.stage ~= "entry" and object ~= description.executable
    local span = may_go and object and object.span
    return span and start < stop and (start < span.start or stop > span.stop)
end

--- Says what forbids that a range becomes part of the text of an object. These things do: memory
-- that is or was writable, other objects, the kernel's mappings, and the room into which heap
-- and stack grow. Later than at the entry point, all that lies beyond a library does, too.
-- @tparam Description description
-- @tparam ?Object object
-- @int start
-- @int stop
-- @treturn ?string nil: nothing does
-- @usage
-- local text = description.mappings[1]
-- print(planner.obstacle(description, text.object, 0x400000, text.start) == nil) --> true
-- print(planner.obstacle(description, text.object, text.stop, 0xe00000))
-- --> its own writable data at 0xc20000
function planner.obstacle(description, object, start, stop)
    local at = start
    for _, mapping in ipairs(description.mappings) do
        if mapping.start >= stop then break end
        if mapping.stop > at then
            local found = mapping.start > at
                and obstacle_in_gap(description, { start = at, stop = mapping.start })
            if found then return found end
            if mapping.object ~= object then
                local name = mapping.path ~= "" and text.short(mapping.path) or "anonymous memory"
                return ("%s at %#x"):format(name, mapping.start)
            end
            if not may_take[mapping.kind] then
                return ("%s at %#x"):format(why_not[mapping.kind] or mapping.kind, mapping.start)
            end
            at = mapping.stop
        end
    end
    local found = at < stop and obstacle_in_gap(description, { start = at, stop = stop })
    if found then return found end
    if is_beyond(description, object, start, stop) then
        return "the end of the library, which dlclose unmaps"
    end
end

--- Conservative rounding: finds the whole huge pages inside a text.
-- @tparam Description _ is not used; it makes the form the same as that of planner.outward
-- @tparam Host host
-- @tparam Mapping mapping the text
-- @treturn[1] int start
-- @treturn[1] int stop
-- @treturn[2] nil, string why there are none
-- @usage
-- local start, stop = planner.inward(description, host, description.mappings[1])
-- print(("%#x-%#x"):format(start, stop)) --> 0x600000-0xc00000
function planner.inward(_, host, mapping)
    local huge = host.huge_page_size
    local start, stop = ranges.inward(mapping.start, mapping.stop, huge)
    if start then return start, stop end
    return nil, codes.words("no-page-inside", text.size(huge))
end

-- Says what is in the way at the ends of a text; nil: nothing is.
local function note_of(below, above)
    if below and above then return codes.words("blocked-both", below, above) end
    if below then return codes.words("blocked-below", below) end
    return above and codes.words("blocked-above", above) or nil
end

-- Says why a text has no huge page: what such a page would take in.
local function why_no_room(huge, mapping, below, above)
    local both = below and above and below .. " below it, and " .. above
    local what = (both or below or above) .. (above and " above it" or " below it")
    if mapping.stop - mapping.start < huge then
        return codes.words("no-room-small", text.size(huge), what)
    end
    return codes.words("no-room", text.size(huge), what, huge)
end

--- Aggressive rounding: rounds a text outward to whole huge pages. An end that something forbids is
-- rounded inward.
-- @tparam Description description
-- @tparam Host host
-- @tparam Mapping mapping the text
-- @treturn[1] int start
-- @treturn[1] int stop
-- @treturn[1] ?string what forbids an end; nil: nothing does
-- @treturn[2] nil, string why no huge page is left
-- @usage
-- local start, stop, note = planner.outward(description, host, description.mappings[1])
-- print(("%#x-%#x"):format(start, stop)) --> 0x400000-0xc00000
-- print(note)
-- --> its end stays on small pages: a huge page would take in its own writable data at 0xc20000
function planner.outward(description, host, mapping)
    local huge = host.huge_page_size
    local start, stop = ranges.align_down(mapping.start, huge), ranges.align_up(mapping.stop, huge)
    local below = planner.obstacle(description, mapping.object, start, mapping.start)
    local above = planner.obstacle(description, mapping.object, mapping.stop, stop)
    if below then
        start = ranges.align_up(mapping.start, huge)
    end
    if above then
        stop = ranges.align_down(mapping.stop, huge)
    end
    local note = note_of(below, above)
    if start < stop then return start, stop, note end
    return nil, why_no_room(huge, mapping, below, above)
end

-- Why executable mappings of these kinds are not remapped.
local codes_to_keep = {
    data = "writable",
    relro = "with-data",
    vdso = "kernels-own",
    shared = "shared-mapping",
    anonymous = "generated",
    file = "not-elf",
    settled = "settled",
}

-- Says why an executable mapping is not remapped. nil: it may be.
local function reason_to_keep(mapping)
    if mapping.kind == "text" then return nil end
    local code = codes_to_keep[mapping.kind]
    return code and codes.words(code) or codes.words("other-kind", mapping.kind)
end

--- Gives the least size of a text that is worth a huge page. Less text has so few small pages
-- that a huge page gains nothing.
-- @tparam Host host
-- @treturn int bytes
-- @usage
-- print(planner.size_text(planner.least_text(host))) --> 128 KiB
function planner.least_text(host)
    return math.max(host.huge_page_size // 16, 4 * host.page_size)
end

-- Makes the operation that leaves a mapping as it is.
local function keep(mapping, reason)
    return { op = "keep", start = mapping.start, stop = mapping.stop, reason = reason,
        object = mapping.object and mapping.object.path or mapping.path }
end

-- Adds a rounded text to a plan. If it meets the range of the last operation, and belongs to the
-- same object, the two become one operation.
local function add(plan, mapping, start, stop, note)
    local last = plan[#plan]
    local object = mapping.object.path
    if last and last.op == "remap" and last.object == object and start <= last.stop then
        last.stop = math.max(last.stop, stop)
        last.note = note or last.note
    else
        last = { op = "remap", start = start, stop = stop, object = object, note = note,
            texts = {} }
        plan[#plan + 1] = last
    end
    last.texts[#last.texts + 1] = mapping
end

-- Replaces operations on ranges with hardly any text: their texts are kept as they are.
local function drop_meagre(plan, host)
    local result = {}
    for _, operation in ipairs(plan) do
        local bytes, texts = 0, operation.texts or {}
        for _, mapping in ipairs(texts) do bytes = bytes + mapping.stop - mapping.start end
        operation.texts = nil
        if operation.op == "remap" and bytes < planner.least_text(host) then
            for _, mapping in ipairs(texts) do
                result[#result + 1] = keep(mapping, codes.words("too-little",
                    text.size(mapping.stop - mapping.start)))
            end
        else
            result[#result + 1] = operation
        end
    end
    return result
end

--- Makes a plan. Every text is rounded, and ranges of one object that meet are joined. A text
-- that is kept as it is has a reason.
-- @tparam Description description
-- @tparam Host host
-- @func round planner.inward, planner.outward, or a function of the same form:
-- `round(description, host, mapping)` gives start, stop and, if it likes, a note; or nil and a
-- reason
-- @treturn table list of Operation: `{op = "remap", start, stop, object, note}` and `{op =
-- "keep", start, stop, object, reason}`, where `object` is the object's path
-- @usage
-- for _, operation in ipairs(planner.plan_texts(description, host, planner.inward)) do
--     print(operation.op, ("%#x-%#x"):format(operation.start, operation.stop))
-- end
-- --> remap 0x600000-0xc00000
function planner.plan_texts(description, host, round)
    local plan = {}
    for _, mapping in ipairs(description.mappings) do
        local reason = protection.is_executable(mapping.perms) and reason_to_keep(mapping)
        if reason then
            plan[#plan + 1] = keep(mapping, reason)
        elseif mapping.kind == "text" then
            local start, stop_or_reason, note = round(description, host, mapping)
            if start then
                add(plan, mapping, start, stop_or_reason, note)
            else
                plan[#plan + 1] = keep(mapping, stop_or_reason or codes.words("left-out"))
            end
        end
    end
    return drop_meagre(plan, host)
end

return planner
