-- SPDX-License-Identifier: Apache-2.0
-- For the specs of random plans: plans that must be refused, for programs stopped at their entry.

local elf = require "tests.lib.elf"
local validate = require "tiexec.plan.validate"

local garbage_plans = {}

local HUGE <const> = elf.huge

-- Operations that are wrong in themselves, made from one that is right.
local spoilers <const> = {
    function(op, random) op.start = op.start + random(HUGE - 1) end,
    function(op, random) op.stop = op.stop - elf.page * random(HUGE // elf.page - 1) end,
    function(op) op.start, op.stop = op.stop, op.start end,
    function(op) op.stop = op.start end,
    function(op) op.start = op.start + 0.0 end,
    function(op) op.start = -op.start end,
    function(op) op.stop = math.mininteger end,
    function(op) op.stop = math.maxinteger & -HUGE end,
    function(op) op.start = 0 end,
    function(op) op.stop = nil end,
    function(op) op.start = tostring(op.start) end,
    function(op) op.op = "remove" end,
    function(op) op.op = nil end,
    function(op) op.permissions = "rwx" end,
    function(op) op[1] = true end,
    function(op) op.sources = {} end,
    function(op) op.sources = { "thp", "file:/tmp/x" } end,
    function(op, random) -- far from everything
        op.start = (1 << 47) + random(1 << 16) * HUGE
        op.stop = op.start + HUGE
    end,
}

-- Operations that reach what they must not: any written range, and any kernel mapping.
local function trespasses(maps, objects)
    local list = {}
    local function add(range)
        list[#list + 1] = { op = "remap", start = range.start & -HUGE, stop = (range.stop + HUGE - 1) & -HUGE }
    end
    for _, object in ipairs(objects) do
        for _, range in ipairs(object.written) do add(range) end
    end
    for _, mapping in ipairs(maps) do
        if mapping.path:sub(1, 1) == "[" or mapping.perms:find("w") then add(mapping) end
    end
    return list
end

local function is_refused(operations, view, host)
    local accepted, refused = validate.check(operations, view, host)
    return #accepted == #operations - 1 and #refused == 1 and #refused[1].reason > 0
end

--- Tries plans that must be refused. Gives those that were not.
-- @int pid
-- @param view, host descriptions of the process and the host
-- @tparam table good operations that are right
-- @func random
function garbage_plans.try(pid, view, host, good, random)
    local wrong = {}
    for i, spoil in ipairs(spoilers) do
        for _, operation in ipairs(good) do
            local bad = { op = "remap", start = operation.start, stop = operation.stop }
            spoil(bad, random)
            if not is_refused({ bad }, view, host) then wrong[#wrong + 1] = "spoiler " .. i end
        end
    end
    for _, operation in ipairs(good) do -- the same again
        local again = { op = "remap", start = operation.start, stop = operation.stop }
        if not is_refused({ operation, again }, view, host) then wrong[#wrong + 1] = "an overlap" end
    end
    for _, bad in ipairs(trespasses(elf.maps(pid), elf.loaded(pid))) do
        if not is_refused({ bad }, view, host) then
            wrong[#wrong + 1] = ("%#x-%#x"):format(bad.start, bad.stop)
        end
    end
    return wrong
end

--- Tries ranges of whole huge pages about the texts. Gives what is wrong with those that are accepted,
-- and how many are.
function garbage_plans.try_ranges(pid, view, host, random, count)
    local maps, objects = elf.maps(pid), elf.loaded(pid)
    local wrong, good = {}, 0
    for _ = 1, count do
        local object = objects[random(#objects)]
        local text = object.texts[random(#object.texts)]
        local pages = (text.stop - text.start) // HUGE + 2
        local start = (text.start & -HUGE) + random(-1, pages) * HUGE
        local bad = { op = "remap", start = start, stop = start + random(pages) * HUGE }
        if #validate.check({ bad }, view, host) == 1 then
            good = good + 1
            wrong[#wrong + 1] = elf.written_in(objects, bad.start, bad.stop)
            local path
            for _, mapping in ipairs(maps) do
                if mapping.start < bad.stop and bad.start < mapping.stop then
                    path = path or mapping.path
                    if mapping.perms:find("w") or mapping.path ~= path or path:sub(1, 1) ~= "/" then
                        wrong[#wrong + 1] = ("%#x-%#x has %s"):format(bad.start, bad.stop, mapping.path)
                    end
                end
            end
        end
    end
    return wrong, good
end

return garbage_plans
