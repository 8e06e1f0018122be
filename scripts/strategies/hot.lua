-- Hot: only the huge pages in which nearly all samples lie that `tiexec --record CMD` has taken,
-- the hottest first, and with `--max-pages` no more than so many. All else stays as it is. Without
-- a recording of the executable it acts as aggressive does. As parameters it takes `file`, the
-- recording, and `max-pages`: "hot:file=/x,max-pages=8".
local planner = require "tiexec.planner"

local PAGE <const> = 4096 -- what recordings count samples by
local ENOUGH <const> = 0.999 -- of the samples in text; what has the rest is cold

-- The recorded objects by their paths.
local function by_path(recording)
    local objects = {}
    for _, object in ipairs(recording.objects) do objects[object.path] = object end
    return objects
end

-- Whether a recorded object is this one, and not another version of it.
local function is_same(recorded, object)
    return recorded and (not recorded.build_id or not object.build_id
        or recorded.build_id == object.build_id)
end

-- Adds the samples in a mapping to the slots, the places of huge pages, that they lie in.
local function add_samples(slots, mapping, recorded, huge)
    local size = mapping.stop - mapping.start
    for page, samples in pairs(recorded.pages) do
        local distance = page * PAGE - mapping.offset
        if distance >= 0 and distance < size then
            local start = planner.align_down(mapping.start + distance, huge)
            local slot = slots[start] or { start = start, stop = start + huge, samples = 0 }
            slot.object, slot.samples = mapping.object, slot.samples + samples
            slots[start] = slot
        end
    end
end

-- Gives the slots that may be remapped and have samples, the hottest first.
local function slots_of(description, host, recording)
    local recorded, by_start, slots = by_path(recording), {}, {}
    for _, mapping in ipairs(description.mappings) do
        local object = mapping.kind == "text" and recorded[mapping.object.path]
        if object and is_same(object, mapping.object) then
            add_samples(by_start, mapping, object, host.huge_page_size)
        end
    end
    for _, slot in pairs(by_start) do
        if not planner.obstacle(description, slot.object, slot.start, slot.stop) then
            slots[#slots + 1] = slot
        end
    end
    table.sort(slots, function(a, b)
        if a.samples ~= b.samples then return a.samples > b.samples end
        return a.start < b.start
    end)
    return slots
end

-- Takes the hottest slots, until they have nearly all samples, or are as many as there may be.
local function choose(slots, most)
    local all, sum, chosen = 0, 0, {}
    for _, slot in ipairs(slots) do all = all + slot.samples end
    for i, slot in ipairs(slots) do
        if i > (most or #slots) or sum >= ENOUGH * all then break end
        chosen[i], sum = slot, sum + slot.samples
    end
    return chosen
end

-- Makes operations of slots: those that meet become one, and the one with the hottest slot comes
-- first.
local function operations_of(slots, all)
    local list, sum = {}, 0
    table.sort(slots, function(a, b) return a.start < b.start end)
    for _, slot in ipairs(slots) do
        local last = list[#list]
        sum = sum + slot.samples
        if last and last.stop == slot.start and last.object == slot.object.path then
            last.stop, last.heat = slot.stop, math.max(last.heat, slot.samples)
        else
            list[#list + 1] = { op = "remap", start = slot.start, stop = slot.stop,
                object = slot.object.path, heat = slot.samples }
        end
    end
    table.sort(list, function(a, b) return a.heat > b.heat end)
    for i, operation in ipairs(list) do
        if i == 1 then
            operation.note = planner.reason("hot", #slots, 100 * sum / all)
        end
        operation.heat = nil
    end
    return list
end

local function is_touched(keep, operations)
    for _, operation in ipairs(operations) do
        if operation.start < keep.stop and keep.start < operation.stop then return true end
    end
    return false
end

-- A rounding that leaves every text as it is.
local function leave() return nil, planner.reason("cold") end

return {
    name = "hot",
    description = "only the huge pages that samples lie in, the hottest first",
    recordings = true,
    parameters = { file = "string", ["max-pages"] = "integer" },
    copied_ends = true,
    plan = function(description, host, options)
        local recording = options.recording
        if not recording or recording.samples == 0 then
            return planner.plan_texts(description, host, planner.outward)
        end
        local most = (options.parameters or {})["max-pages"] or options.max_pages
        local slots = choose(slots_of(description, host, recording), most)
        local remaps = operations_of(slots, recording.samples)
        local plan = table.move(remaps, 1, #remaps, 1, {})
        for _, keep in ipairs(planner.plan_texts(description, host, leave)) do
            if not is_touched(keep, remaps) then plan[#plan + 1] = keep end
        end
        return plan
    end,
}
