-- SPDX-License-Identifier: Apache-2.0
-- Memory that is not there: 100 MiB of text in a control group that may have 64 MiB. The program runs, on small pages
-- or on what fits, and the kernel ends nothing for want of memory.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local LIMIT <const> = 64 << 20
local program <const> = support.programs .. "bigtext"

-- The folder of a hierarchy that limits memory, with the names of its files; of either version.
local function hierarchy()
    local mounts = support.read_file("/proc/self/mounts")
    for point, type, options in mounts:gmatch("%S+ (%S+) (cgroup2?) (%S+)") do
        if type == "cgroup" and options:find("memory", 1, true) then
            return point, "memory.limit_in_bytes", "memory.oom_control"
        end
        local controllers = support.read_file(point .. "/cgroup.subtree_control") or ""
        if controllers:find("memory", 1, true) then return point, "memory.max", "memory.events" end
    end
end

local group, events, cache, mode, why
setup(function()
    local point, limit, file = hierarchy()
    group, why = point and point .. "/tiexec-memory-test", "no control group can limit memory here"
    local made = group and support.shell(("mkdir %s && echo %d >%s/%s"):format(group, LIMIT, group, limit))
    if not made or made.code ~= 0 then group = nil end
    events = group and group .. "/" .. file
    cache, mode = support.folder("/dev/shm"), support.thp("madvise")
end)
teardown(function()
    if group then support.wait_for(function() return support.shell("rmdir " .. group).code == 0 end) end
    getmetatable(cache).__close(cache)
    if mode then getmetatable(mode).__close() end
end)

local function inside(words)
    return support.concat({ "env", "TIEXEC_CACHE=" .. cache.path, "sh", "-c",
        ('echo $$ >%s/cgroup.procs; exec "$@"'):format(group), "sh" }, words)
end

local function killed() return (support.read_file(events) or ""):match("oom_kill (%d+)") end

local function has_begun(process)
    local function is_it() return support.has_become(process.pid, "bigtext") end
    return support.wait_for(is_it) and process:is_alive()
end

for _, sources in ipairs { "file,shared,thp", "shared", "thp" } do
    it("a start by " .. sources .. " makes no copy that does not fit", function()
        if not group then return pending(why) end
        local before = killed()
        local result = support.run(inside { "timeout", "-k", "3", "60", support.tiexec, "--sources", sources, program })
        assert.equal(0, result.code)
        if sources ~= "file,shared,thp" then assert.matches("leaves no room", result.err, 1, true) end
        assert.equal(before, killed())
    end)

    for _, where in ipairs { "within", "without" } do
        it(("attaching by %s from %s makes none"):format(sources, where), function()
            if not group then return pending(why) end
            local before = killed()
            local process <close> = support.start(inside { program, "wait" })
            assert(has_begun(process))
            local words = { "env", "TIEXEC_CACHE=" .. cache.path, "timeout", "-k", "3", "60", support.tiexec,
                "--sources", sources, "--attach", ("%d"):format(process.pid) }
            local result = support.run(where == "within" and inside(words) or words)
            assert.is_true(result.code == 0 or result.code == 1, result.err)
            assert.is_true(process:is_alive())
            assert.equal(before, killed())
        end)
    end
end

it("--check tells what is left, as a start finds it", function()
    if not group then return pending(why) end
    local result = support.run(inside { support.tiexec, "--check" })
    assert.matches("64 MiB %([%d.]+ [KM]iB left%): private copies count", result.out)
    assert.is_nil(core.stat(group .. "/none"))
end)
