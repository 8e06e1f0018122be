-- SPDX-License-Identifier: Apache-2.0
--- Properties of mappings that are lost when other memory takes their place: locked in memory, left
-- out of core dumps or of forked processes, and so on. Those that other memory can be given are
-- given to it. Memory with any other property is to be left alone.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local properties = {}

-- VmFlags of smaps that say nothing that must be kept: rights, what the kernel has accounted for,
-- advice about huge pages and reading ahead, and what is told of anyway (BTI, by its own source).
local HARMLESS <const> = { rd = true, wr = true, ex = true, mr = true, mw = true, me = true,
    ms = true, sd = true, ac = true, nr = true, hg = true, nh = true, dw = true, ht = true,
    sr = true, rr = true, bt = true, nl = true, ar = true, de = true }

-- What the other memory is given.
local GIVEN <const> = { lo = true, dc = true, dd = true, mg = true }

-- What no other memory can be given, in words.
local KEPT <const> = { sl = "it is sealed (mseal)", um = "userfaultfd watches it",
    uw = "userfaultfd watches it", ui = "userfaultfd watches it", wf = "it is wiped on fork",
    mt = "its memory has tags, which a copy would not have" }

local function flags_of(m)
    local given, other = {}, nil
    for flag in m.vm_flags:gmatch("%S+") do
        if GIVEN[flag] then
            given[flag] = true
        elseif not HARMLESS[flag] then
            local unknown = codes.words("property", flag)
            other = other or KEPT[flag] or unknown
        end
    end
    if m.protection_key ~= 0 then other = other or codes.words("protection-key") end
    return given, other
end

local LOCK_LIMIT <const> = "Max locked memory%s+(%w+)"

-- Says why the target could not lock memory again that other memory has taken the place of. nil: it
-- could. While it is replaced nothing is locked twice.
local function why_not_lockable(target)
    if (core.status(target.pid, "Seccomp") or 0) ~= 0 then
        return codes.words("locked-seccomp")
    end
    local capabilities = core.status(target.pid, "CapEff", 16) or 0
    if capabilities >> c.CAP_IPC_LOCK & 1 == 1 then return nil end
    local limits = core.read_file(("/proc/%d/limits"):format(target.pid)) or ""
    local limit = limits:match(LOCK_LIMIT)
    if limit == "unlimited" then return nil end
    local kib = core.status(target.pid, "VmLck")
    if kib and limit and kib << 10 <= math.tointeger(tonumber(limit)) then return nil end
    return codes.words("locked-limit")
end

-- The policy for NUMA nodes of the mapping that an address lies in, as numa_maps has it.
local function policy_at(text, address)
    local policy
    for start, words in text:gmatch("(%x+) ([^ \n]+)") do
        local at = tonumber(start, 16)
        if at and at <= address and #start >= 5 then policy = words end
    end
    return policy
end

-- Says why new memory would lie on other nodes; nil: it would not. A new mapping has the policy of
-- the process, which the stack shows.
local function why_other_nodes(target, host, range)
    if host.nodes <= 1 then return nil end
    local text = core.read_file(("/proc/%d/numa_maps"):format(target.pid))
    local usual = text and text:match("%x+ (%S+) stack")
    if not usual or policy_at(text, range.start) == usual then return nil end
    return codes.words("numa-policy")
end

-- Whether a property ends within a huge page: huge pages have it as a whole, or not at all.
local function ends_within(range, stretch, huge)
    return (stretch.start > range.start and stretch.start & (huge - 1) ~= 0)
        or (stretch.stop < range.stop and stretch.stop & (huge - 1) ~= 0)
end

local function add_stretch(list, start, stop, given)
    local last = list[#list]
    local same = last and last.stop == start
    for flag in pairs(GIVEN) do same = same and last.given[flag] == given[flag] end
    if same then
        last.stop = stop
    else
        list[#list + 1] = { start = start, stop = stop, given = given }
    end
end

-- Lists the stretches of a range whose properties differ. nil, string: what forbids another memory.
local function stretches(mappings, range)
    local list = {}
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) then
            local start, stop = ranges.common(m, range)
            local given, other = flags_of(m)
            if other then return nil, other end
            add_stretch(list, start, stop, given)
        end
    end
    return list
end

local function mapped(list)
    local sum = 0
    for _, stretch in ipairs(list) do sum = sum + stretch.stop - stretch.start end
    return sum
end

-- Whether any memory of a range is locked.
local function has_locked(mappings, range)
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) and flags_of(m).lo then return true end
    end
    return false
end

--- Leaves the gaps out of a range that is locked in memory: what fills them would be locked, too.
-- @tparam Range range
-- @tparam table mappings list of Mapping, with details
-- @int huge the size of a huge page, in bytes
-- @treturn ?Range whole huge pages without gaps, the first such; nil: there are none
function properties.without_gaps(range, mappings, huge)
    if not has_locked(mappings, range) then return range end
    local run
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) then
            local start, stop = ranges.common(m, range)
            if not run or run.stop < start then
                if run and ranges.inward(run.start, run.stop, huge) then break end
                run = { start = start, stop = stop }
            end
            run.stop = stop
        end
    end
    local start, stop = ranges.inward(run.start, run.stop, huge)
    return start and { start = start, stop = stop } or nil
end

--- Finds the properties of a range that other memory must be given.
-- @tparam Target target
-- @tparam Range range
-- @tparam Host host
-- @tparam table mappings list of Mapping, with details
-- @treturn[1] table list of `start`, `stop` and `given`, a set of VmFlags
-- @treturn[2] nil, string why the range must be left as it is
function properties.of(target, range, host, mappings)
    local list, why = stretches(mappings, range)
    if not list then return nil, why end
    for _, stretch in ipairs(list) do
        local given = stretch.given
        if given.lo and mapped(list) < range.stop - range.start then
            return nil, codes.words("locked-fill")
        end
        if next(given) and #list > 1 and ends_within(range, stretch, host.huge_page_size) then
            return nil, codes.words("partly-locked")
        end
        why = why or given.lo and why_not_lockable(target)
    end
    why = why or why_other_nodes(target, host, range)
    if why then return nil, why end
    return list
end

local ADVICE <const> = { dc = c.MADV_DONTFORK, dd = c.MADV_DONTDUMP, mg = c.MADV_UNMERGEABLE }

--- Finds the properties that a file's own mapping must be given where it is put back.
-- @tparam Target target
-- @tparam Range range
-- @tparam Host host
-- @tparam table mappings list of Mapping, with details
-- @treturn[1] table as above
-- @treturn[2] nil, string why the range must be left as it is
function properties.to_put_back(target, range, host, mappings)
    local list, why = stretches(mappings, range)
    for _, stretch in ipairs(list or {}) do
        stretch.given.dd, stretch.given.mg = nil, nil -- a copy's own, mostly
        why = why or stretch.given.lo and why_not_lockable(target)
    end
    why = why or why_other_nodes(target, host, range)
    if why then return nil, why end
    return list
end

--- Gives memory the properties of what it has taken the place of. What may be merged by KSM is not
-- any more: KSM would split its huge pages.
-- @tparam Target target
-- @tparam table list what `properties.of` gave
-- @treturn[1] boolean true
-- @treturn[2] nil, string what it could not be given
function properties.give(target, list)
    local failure
    for _, stretch in ipairs(list) do
        local size = stretch.stop - stretch.start
        for flag, advice in pairs(ADVICE) do
            if stretch.given[flag] then target.call("madvise", stretch.start, size, advice) end
        end
        if stretch.given.lo then
            local ok, why = target.call("mlock", stretch.start, size)
            if not ok then failure = failure or "it is not locked in memory any more: " .. why end
        end
    end
    return failure == nil or nil, failure
end

--- Gives mappings their properties again after a failure, since a way back maps files afresh.
-- @tparam Target target
-- @tparam Range range that was to be replaced
-- @tparam table mappings list of Mapping, with details, as they were before
-- @treturn[1] boolean true
-- @treturn[2] nil, string what they could not be given
function properties.give_again(target, range, mappings)
    local list = {}
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) then
            local given = flags_of(m)
            given.mg = nil -- nothing that the kernel merges was made
            local stretch = { start = m.start, stop = m.stop, given = given }
            if next(given) then list[#list + 1] = stretch end
        end
    end
    return properties.give(target, list)
end

return properties
