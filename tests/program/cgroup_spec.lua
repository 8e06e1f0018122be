-- SPDX-License-Identifier: Apache-2.0
-- Under a hugetlb cgroup limit, which strikes by SIGBUS when memory is touched: CMD is right, one line tells.

local core = require "tiexec.core"
local failure = require "failure"
local support = require "support"

local test = failure.tests(it, pending)
local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)
local group = folder.path .. "/unified/tiexec-test"

-- A pool, and a group that may have none of it.
local function limited()
    local size = ("%dMB"):format(core.host().huge_page_size >> 20)
    local made = support.shell(([[mkdir -p %s && mount -t cgroup2 none %s && cd %s &&
        grep -qw hugetlb cgroup.controllers && echo +hugetlb > cgroup.subtree_control &&
        mkdir -p %s && echo 0 > %s/hugetlb.%s.max]]):format(folder.path .. "/unified", folder.path .. "/unified",
        folder.path .. "/unified", group, group, size))
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
