-- SPDX-License-Identifier: Apache-2.0
--- Whether the kernel tells this process of what others do. This is known before a watch is begun,
-- and needs no stopped process.

local core = require "tiexec.core"
local refusal = require "tiexec.harness.refusal"

local c = core.constants
local permission = {}

local CAP_SYS_ADMIN <const>, CAP_PERFMON <const> = 21, 38

-- Every thread and process of a watched family is given an event for each CPU: 1.4 KiB, and 3 µs or
-- more at its birth.
local MOST_CPUS <const> = 64

-- How many CPUs are online, by the kernel's list: "0-3,8".
local function cpus_online()
    local list, count = core.read_file("/sys/devices/system/cpu/online") or "", 0
    for part in list:gmatch("[%d-]+") do
        local first, last = part:match("^(%d+)-(%d+)$")
        count = count + (first and last - first + 1 or 1)
    end
    return math.tointeger(count)
end

--- Says why the kernel will refuse to tell of processes, as far as that is seen beforehand, or why
-- it would take too long.
-- @int[opt] most CPUs that a host may have
-- @treturn ?string nil: no reason is seen
function permission.refusal(most)
    local cpus = cpus_online()
    if cpus > (most or MOST_CPUS) then
        return ("each new thread would cost too much on a host with %d CPUs"):format(cpus)
    end
    local paranoid = tonumber(core.read_file("/proc/sys/kernel/perf_event_paranoid") or "")
    if not paranoid then return "this kernel has no perf events" end
    local _, why, errno = core.syscall("perf_event_open", 0, 0, -1, -1, 0)
    if errno ~= c.EFAULT and errno ~= c.EINVAL then return why end -- a seccomp filter's answer
    if paranoid > 2 and not refusal.has_capability(CAP_SYS_ADMIN)
        and not refusal.has_capability(CAP_PERFMON) then
        return ("perf events are not for this user (sysctl kernel.perf_event_paranoid=2 lifts "
            .. "that; it is %d)"):format(paranoid)
    end
end

return permission
