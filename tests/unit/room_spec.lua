-- SPDX-License-Identifier: Apache-2.0
-- Room in memory, as files below a folder tell it: for both versions of control groups, and for the host.

local cgroups = require "tiexec.harness.cgroups"
local room = require "tiexec.harness.room"
local support = require "tests.lib.support"

local MIB <const> = 1 << 20

local function root(files)
    local folder = support.folder()
    for path, text in pairs(files) do
        support.shell(("mkdir -p $(dirname %s%s)"):format(folder.path, path))
        support.write_file(folder.path .. path, text)
    end
    return folder
end

local second <const> = {
    ["/proc/self/mountinfo"] = "30 20 0:26 / /cg rw - cgroup2 cgroup2 rw\n",
    ["/proc/self/cgroup"] = "0::/a/b\n",
    ["/cg/a/b/memory.max"] = "max\n",
    ["/cg/a/memory.max"] = ("%d\n"):format(64 * MIB),
    ["/cg/a/memory.current"] = ("%d\n"):format(50 * MIB),
    ["/cg/a/memory.stat"] = ("anon 1\ninactive_file %d\n"):format(6 * MIB),
}
local first <const> = {
    ["/proc/self/mountinfo"] = "30 20 0:26 / /cg rw - cgroup cgroup rw,memory\n",
    ["/proc/7/cgroup"] = "4:memory:/x\n",
    ["/cg/x/memory.limit_in_bytes"] = ("%d\n"):format(64 * MIB),
    ["/cg/x/memory.usage_in_bytes"] = ("%d\n"):format(60 * MIB),
    ["/cg/x/memory.stat"] = ("inactive_file 1\ntotal_inactive_file %d\n"):format(10 * MIB),
    ["/cg/memory.limit_in_bytes"] = "9223372036854771712\n",
}

describe("the room of a control group", function()
    it("is its limit less its usage, with what can be taken from files, in each group above", function()
        local folder <close> = root(second)
        assert.same({ 20 * MIB, "/cg/a" }, { cgroups.room(folder.path) })
    end)

    it("is the same in version 1, and for another process", function()
        local folder <close> = root(first)
        assert.same({ 14 * MIB, "/cg/x" }, { cgroups.room(folder.path, 7) })
    end)

    it("is not limited where no group has a limit", function()
        local folder <close> = root { ["/proc/self/cgroup"] = "0::/\n" }
        assert.is_nil(cgroups.room(folder.path))
        assert.is_true(room.for_copy(1 << 40, nil, folder.path))
    end)
end)

describe("a copy", function()
    it("must leave something to the program", function()
        local folder <close> = root(second)
        assert.is_true(room.for_copy(8 * MIB, nil, folder.path))
        local ok, why = room.for_copy(18 * MIB, nil, folder.path)
        assert.is_nil(ok)
        assert.matches("the memory limit of /cg/a leaves no room: a copy takes 18 MiB, and 20 MiB are left",
            why, 1, true)
    end)

    it("is not made where the host is short of memory", function()
        local folder <close> = root { ["/proc/meminfo"] = "MemFree: 1 kB\nMemAvailable: 20480 kB\n" }
        assert.is_true(room.for_copy(8 * MIB, nil, folder.path))
        assert.matches("memory is short", select(2, room.for_copy(18 * MIB, nil, folder.path)), 1, true)
    end)
end)

describe("more mappings", function()
    it("are refused where the process has as many as it may", function()
        local list = {}
        local limit = tonumber(support.read_file("/proc/sys/vm/max_map_count"))
        for i = 1, limit - 3 do list[i] = {} end
        local target = { mappings = function() return list, #list end }
        assert.is_true(room.for_mappings(target, 3))
        assert.matches("max_map_count", select(2, room.for_mappings(target, 4)), 1, true)
    end)
end)
