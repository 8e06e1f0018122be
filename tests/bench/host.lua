-- SPDX-License-Identifier: Apache-2.0
-- The machine that `make bench` runs on, in words; and what other work takes of it.

local quiet = require "tiexec.compare.quiet"
local support = require "tests.lib.support"

local host = {}

local TICKS <const> = 100 -- a second, in /proc/self/stat (USER_HZ)

local function first(text, pattern) return (text or ""):match(pattern) end
local function said(command) return first(support.shell(command).out, "([^\n]+)") end

--- Describes the machine: list of { name, words }.
function host.describe()
    local cpus = support.read_file("/proc/cpuinfo")
    local memory = tonumber(first(support.read_file("/proc/meminfo"), "MemTotal: +(%d+)")) or 0
    local virtual = cpus:find("hypervisor", 1, true) and (said("systemd-detect-virt --vm 2>/dev/null") or "yes") or "no"
    local switch = support.read_file("/sys/kernel/mm/transparent_hugepage/enabled")
    local counters = require "tiexec.core".probe_counter()
    return {
        { "CPU", ("%s, %s of them"):format(said("lscpu | sed -n 's/^Model name: *//p'") or "unknown", said("nproc")) },
        { "virtual machine", virtual },
        { "hardware counters", counters and "yes" or "none" },
        { "memory", ("%.0f GiB"):format(memory / (1 << 20)) },
        { "kernel", said("uname -srm") },
        { "distribution", said(". /etc/os-release && echo $PRETTY_NAME") },
        { "filesystem", said("findmnt -no FSTYPE -T .") or "unknown" },
        { "transparent huge pages", first(switch, "%[(%w+)%]") or "none" },
    }
end

-- Seconds of processor time of the processes that this one has waited for, and theirs.
local function used()
    local fields, list = first(support.read_file("/proc/self/stat"), "%) (.*)"), {}
    for word in fields:gmatch("%S+") do list[#list + 1] = tonumber(word) or 0 end
    return (list[12] + list[13] + list[14] + list[15]) / TICKS -- utime, stime, cutime, cstime
end

--- Begins to look at other work.
-- @treturn func that gives the processors that other work has taken since, and how many there are
function host.watch()
    local before, own = quiet.now(), used()
    return function()
        local after = quiet.now()
        local all = math.max(after.all - before.all, 0.01)
        local others = math.max(after.busy - before.busy - (used() - own), 0)
        return others / all * after.processors, after.processors
    end
end

return host
