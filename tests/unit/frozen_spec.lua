-- SPDX-License-Identifier: Apache-2.0
-- What counts as frozen, by the files of control groups in a folder that stands for /.

local frozen = require "tiexec.harness.frozen"
local support = require "tests.lib.support"

local V2 <const> = "30 23 0:28 %s /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
local V1 <const> = "37 31 0:34 %s /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer\n"

-- What `frozen.refusal` gives of process 7. `files` has the contents of files by their paths.
local function refusal(mounts, groups, files)
    local folder <close> = support.folder()
    local function write(path, text)
        os.execute(("mkdir -p '%s%s'"):format(folder.path, path:match("^(.*)/")))
        support.write_file(folder.path .. path, text)
    end
    write("/proc/self/mountinfo", mounts)
    write("/proc/7/cgroup", groups)
    for path, text in pairs(files) do write(path, text) end
    return frozen.refusal(7, frozen.groups(7, folder.path), folder.path)
end

describe("a process is frozen", function()
    local by_group <const> = "it is frozen (by its control group)"

    it("by its own group, version 2", function()
        assert.equal(by_group, refusal(V2:format("/"), "0::/a/b\n",
            { ["/sys/fs/cgroup/a/b/cgroup.events"] = "populated 1\nfrozen 1\n" }))
    end)

    it("by a group above, which is about to freeze", function()
        assert.equal(by_group, refusal(V2:format("/"), "0::/a/b/c\n", {
            ["/sys/fs/cgroup/a/cgroup.freeze"] = "1\n",
            ["/sys/fs/cgroup/a/b/c/cgroup.events"] = "populated 1\nfrozen 0\n" }))
    end)

    for _, state in ipairs { "FROZEN", "FREEZING" } do
        it("by version 1: " .. state, function()
            assert.equal(by_group, refusal(V1:format("/"), "6:freezer:/a/b\n0::/\n",
                { ["/sys/fs/cgroup/freezer/a/freezer.state"] = state .. "\n" }))
        end)
    end

    it("where a part of the hierarchy is mounted", function()
        assert.equal(by_group, refusal(V2:format("/docker/x"), "0::/docker/x/a\n",
            { ["/sys/fs/cgroup/a/cgroup.freeze"] = "1\n" }))
    end)

    it("by what it waits for, where no control group is seen", function()
        assert.equal("it is frozen", refusal("", "", { ["/proc/7/wchan"] = "do_freezer_trap" }))
    end)
end)

describe("a process is not frozen", function()
    it("by a group of another name, or one that is thawed", function()
        assert.is_nil(refusal(V2:format("/") .. V1:format("/"), "6:freezer:/a\n0::/ab\n", {
            ["/sys/fs/cgroup/a/cgroup.freeze"] = "1\n",
            ["/sys/fs/cgroup/ab/cgroup.freeze"] = "0\n",
            ["/sys/fs/cgroup/freezer/a/freezer.state"] = "THAWED\n" }))
    end)

    it("by a hierarchy that it is not in, or whose part is mounted elsewhere", function()
        assert.is_nil(refusal(V2:format("/docker/x"), "0::/other\n",
            { ["/sys/fs/cgroup/cgroup.freeze"] = "1\n", ["/sys/fs/cgroup/other/cgroup.freeze"] = "1\n" }))
    end)
end)
