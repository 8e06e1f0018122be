-- SPDX-License-Identifier: Apache-2.0
--- Tells whether a host was busy or slowed down while something was measured.

local core = require "tiexec.core"

local quiet = {}

-- What may be used by others, or be missing, without a word: parts of the time of all processors.
local OTHERS <const>, STOLEN <const> = 0.1, 0.02

local TICKS <const> = 100 -- a second, in /proc/stat (USER_HZ)

local function read(path) return core.read_file(path) or "" end

-- Adds up how often the processors have been slowed down as they were too hot.
local function read_throttling()
    local sum = 0
    local folder <const> = "/sys/devices/system/cpu"
    for _, name in ipairs(core.list_folder(folder) or {}) do
        if name:find("^cpu%d+$") then
            local path = ("%s/%s/thermal_throttle/core_throttle_count"):format(folder, name)
            sum = sum + (tonumber(read(path)) or 0)
        end
    end
    return sum
end

-- How often a control group's limit has held back this process (of version 2).
local function read_limit()
    local group = read("/proc/self/cgroup"):match("0::(/[^\n]*)")
    local stat = group and read("/sys/fs/cgroup" .. group .. "/cpu.stat") or ""
    return tonumber(stat:match("nr_throttled (%d+)")) or 0
end

--- Reads what is compared later.
-- @treturn table
function quiet.now()
    local stat = read("/proc/stat")
    local fields, processors = {}, 0
    for number in (stat:match("^cpu ([^\n]*)") or ""):gmatch("%d+") do
        fields[#fields + 1] = tonumber(number)
    end
    for _ in stat:gmatch("\ncpu%d+") do processors = processors + 1 end
    local sum, idle = 0, (fields[4] or 0) + (fields[5] or 0)
    for i = 1, 8 do sum = sum + (fields[i] or 0) end -- guests count as user time already
    return { busy = (sum - idle - (fields[8] or 0)) / TICKS, stolen = (fields[8] or 0) / TICKS,
        all = sum / TICKS, processors = processors, throttling = read_throttling(),
        limit = read_limit() }
end

--- Says what was not quiet.
-- @tparam table before what `quiet.now` gave
-- @tparam table after the same, later
-- @number used seconds of processor time that the measured runs have used
-- @treturn table list of strings
function quiet.complaints(before, after, used)
    local list = {}
    local all = math.max(after.all - before.all, 0.01)
    local others = math.max(after.busy - before.busy - used, 0)
    local stolen = after.stolen - before.stolen
    if others / all > OTHERS then
        list[#list + 1] = ("the host was busy: other work took %.1f of %d processors"):format(
            others / all * after.processors, after.processors)
    end
    if stolen / all > STOLEN then
        list[#list + 1] = ("the host below took %.0f %% of the processors' time"):format(
            100 * stolen / all)
    end
    if after.throttling > before.throttling then
        list[#list + 1] = "processors were slowed down, as they were too hot"
    end
    if after.limit > before.limit then
        list[#list + 1] = "the control group's limit of processor time was reached"
    end
    return list
end

return quiet
