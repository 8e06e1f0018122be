-- SPDX-License-Identifier: Apache-2.0
--- Helpers for strategies: rounding to huge pages, and what stands in the way.
-- All are pure functions of descriptions. A range reaches from `start` to just before `stop`.
-- @module tiexec.planner

local hosts = require "tiexec.harness.hosts"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local text = require "tiexec.base.text"

local planner = {}

--- Rounds an address down, or up, to a multiple of a size, which is a power of two.
-- @function planner.align_down
-- @int address
-- @int size
planner.align_down = ranges.align_down
planner.align_up = ranges.align_up

--- A number of bytes as people write it: "4 KiB", "10.1 MiB".
-- @function planner.size_text
planner.size_text = text.size

--- How many pages a hugetlb pool (`host.pool`) can give now.
-- @function planner.free_pages
planner.free_pages = hosts.free_pages

-- Kinds of the object's own mappings that may be taken into a text: nothing was ever written there.
local may_take = { text = true, rodata = true, guard = true }

local why_not = {
    relro = "data of its own that was relocated (RELRO)",
    data = "its own writable data",
    shared = "a shared mapping",
}

-- Below this nothing is mapped, so that null pointers fault (vm.mmap_min_addr; root may map there).
local LOWEST <const> = 1 << 16

local function obstacle_in_gap(description, gap)
    local heap, stack = description.heap, description.stack
    if gap.start < LOWEST then return "the lowest addresses, where null pointers lead" end
    if heap and ranges.overlap(heap, gap) then return "the room that the heap grows into" end
    if stack and ranges.overlap(stack, gap) then return "the room that the stack grows into" end
end

-- dlclose unmaps what the dynamic linker has mapped for a library, and nothing beside it. At the entry point
-- only libraries that are never unmapped are there.
local function is_beyond(description, object, start, stop)
    local span = description.stage ~= "entry" and object ~= description.executable and object and object.span
    return span and start < stop and (start < span.start or stop > span.stop)
end

--- What forbids to make [start, stop) part of the text of `object`: anything writable or that ever
-- was, other objects, the kernel's mappings, the room into which heap and stack grow, and later than at
-- the entry point all that lies outside a library.
-- @treturn[1] nil nothing does
-- @treturn[2] string what does
function planner.obstacle(description, object, start, stop)
    local at = start
    for _, mapping in ipairs(description.mappings) do
        if mapping.start >= stop then break end
        if mapping.stop > at then
            local found = mapping.start > at and obstacle_in_gap(description, { start = at, stop = mapping.start })
            if found then return found end
            if mapping.object ~= object then
                local name = mapping.path ~= "" and mapping.path or "anonymous memory"
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
    if is_beyond(description, object, start, stop) then return "the end of the library, which dlclose unmaps" end
end

--- Conservative rounding: the whole huge pages inside a text.
-- @treturn[1] int start
-- @treturn[1] int stop
-- @treturn[2] nil, string why: there is none
function planner.inward(_, host, mapping)
    local huge = host.huge_page_size
    local start, stop = ranges.align_up(mapping.start, huge), ranges.align_down(mapping.stop, huge)
    if start < stop then return start, stop end
    return nil, ("no whole %s page lies inside"):format(text.size(huge))
end

--- Aggressive rounding: outward to whole huge pages. An end that something forbids is rounded inward.
-- @treturn[1] int start
-- @treturn[1] int stop
-- @treturn[1] string notes what was in the way, or nil
-- @treturn[2] nil, string why
function planner.outward(description, host, mapping)
    local huge = host.huge_page_size
    local notes = {}
    local start, stop = ranges.align_down(mapping.start, huge), ranges.align_up(mapping.stop, huge)
    local below = planner.obstacle(description, mapping.object, start, mapping.start)
    local above = planner.obstacle(description, mapping.object, mapping.stop, stop)
    if below then
        start = ranges.align_up(mapping.start, huge)
        notes[#notes + 1] = "below: " .. below
    end
    if above then
        stop = ranges.align_down(mapping.stop, huge)
        notes[#notes + 1] = "above: " .. above
    end
    local note = #notes > 0 and table.concat(notes, "; ") or nil
    if start < stop then return start, stop, note end
    return nil, "no whole huge page without " .. (note or "")
end

-- Why a mapping that is executable is not text that may be remapped; nil: it may.
local reasons_to_keep = {
    data = "it is writable",
    relro = "it shares a segment with writable data",
    vdso = "it is the kernel's",
    shared = "it is a shared mapping",
    anonymous = "it is not of a file (code made at run time?)",
    file = "its file is not a native ELF object",
    settled = "it was dealt with before",
}

local function reason_to_keep(mapping)
    if mapping.kind == "text" then return nil end
    return reasons_to_keep[mapping.kind] or "it is " .. mapping.kind
end

--- A huge page for less text than this gains nothing over the few small pages that the text has.
function planner.least_text(host) return math.max(host.huge_page_size // 16, 4 * host.page_size) end

local function keep(mapping, reason)
    return { op = "keep", start = mapping.start, stop = mapping.stop, reason = reason,
        object = mapping.object and mapping.object.path or mapping.path }
end

-- Adds a rounded text to a plan, joined with the range before where they meet.
local function add(plan, mapping, start, stop, note)
    local last = plan[#plan]
    local object = mapping.object.path
    if last and last.op == "remap" and last.object == object and start <= last.stop then
        last.stop = math.max(last.stop, stop)
        last.note = note or last.note
    else
        last = { op = "remap", start = start, stop = stop, object = object, note = note, texts = {} }
        plan[#plan + 1] = last
    end
    last.texts[#last.texts + 1] = mapping
end

-- Turns ranges with hardly any text back into texts that stay.
local function drop_meagre(plan, host)
    local result = {}
    for _, operation in ipairs(plan) do
        local bytes, texts = 0, operation.texts or {}
        for _, mapping in ipairs(texts) do bytes = bytes + mapping.stop - mapping.start end
        operation.texts = nil
        if operation.op == "remap" and bytes < planner.least_text(host) then
            for _, mapping in ipairs(texts) do
                result[#result + 1] = keep(mapping, ("%s of text is not worth a huge page")
                    :format(text.size(mapping.stop - mapping.start)))
            end
        else
            result[#result + 1] = operation
        end
    end
    return result
end

--- Makes a plan: every text rounded by `round` (planner.inward, planner.outward or your own with the
-- same form), ranges of one object that meet joined, and for each text that stays a reason.
-- @treturn table the plan: operations `{op = "remap", start, stop, object, note}` and
-- `{op = "keep", start, stop, object, reason}`
function planner.plan_texts(description, host, round)
    local plan = {}
    for _, mapping in ipairs(description.mappings) do
        local reason = protection.is_executable(mapping.perms) and reason_to_keep(mapping)
        if reason then
            plan[#plan + 1] = keep(mapping, reason)
        elseif mapping.kind == "text" then
            local start, stop, note = round(description, host, mapping)
            if start then
                add(plan, mapping, start, stop, note)
            else
                plan[#plan + 1] = keep(mapping, stop or "the strategy left it out")
            end
        end
    end
    return drop_meagre(plan, host)
end

return planner
