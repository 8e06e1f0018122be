-- SPDX-License-Identifier: Apache-2.0
-- A hugetlb cgroup limit strikes by SIGBUS when memory is touched. CMD is right all the same, and one line tells why
-- it is on small pages.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local test = failure.tests(it)
local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)
local group = folder.path .. "/unified/tiexec-test"

-- A pool, and a group that may have so many pages of it, or none.
local function limited(pages)
    local size = ("%dMB"):format(core.host().huge_page_size >> 20)
    local made = support.shell(([[mkdir -p %s && mount -t cgroup2 none %s && cd %s &&
        grep -qw hugetlb cgroup.controllers && echo +hugetlb > cgroup.subtree_control &&
        mkdir -p %s && echo %d > %s/hugetlb.%s.max]]):format(folder.path .. "/unified", folder.path .. "/unified",
        folder.path .. "/unified", group, (pages or 0) * core.host().huge_page_size, group, size))
    local function clean()
        support.shell(("rmdir %s; umount %s/unified"):format(group, folder.path))
    end
    local pool = made.code == 0 and support.pool(8)
    if not pool then
        clean()
        return nil, "no hugetlb cgroup (version 2) can be made, or no pool: " .. made.err
    end
    return setmetatable({}, { __close = function()
        getmetatable(pool).__close()
        clean()
    end })
end

local HUGE <const> = core.host().huge_page_size
local inside <const> = { "sh", "-c", ('echo $$ > %s/cgroup.procs; exec "$@"'):format(group), "sh" }
local as_first = table.move({ "unshare", "--pid", "--fork", "--kill-child", "--mount-proc" }, 1, 5, #inside + 1,
    { table.unpack(inside) })

describe("a hugetlb cgroup limit of 0", function()
    for _, name in ipairs { "ample", "ample_static" } do
        for where, prefix in pairs { [""] = inside, [", as process 1"] = as_first } do
            test(name .. where, {
                command = { support.programs .. name, "x" }, options = { "--sources", "hugetlb" }, host = limited,
                prefix = prefix, line = "hugetlb: ",
            })
        end
    end
end)

describe("a hugetlb cgroup limit that is enough", function()
    it("for the text: all of its whole huge pages are of the pool", function()
        local host <close>, why = limited(3)
        if not host then return pending(why) end
        local words = table.move({ support.tiexec, "--sources", "hugetlb", "--strict", support.programs .. "ample",
            "wait" }, 1, 6, #inside + 1, { table.unpack(inside) })
        local process <close> = support.start(words)
        assert(support.wait_for(function()
            local exe = core.readlink(("/proc/%d/exe"):format(process.pid)) or ""
            return exe:find("/ample$") and core.status(process.pid, "TracerPid") == 0
        end))
        local bytes, by = support.huge_text(process.pid)
        assert.truthy(by:find("_Hugetlb", 1, true))
        assert.is_true(bytes >= 2 * HUGE and bytes <= 3 * HUGE)
    end)
end)
