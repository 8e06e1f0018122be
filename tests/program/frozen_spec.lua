-- SPDX-License-Identifier: Apache-2.0
-- Frozen processes are seen before the stop: tiexec says so at once, and they are as they were once they are thawed.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

-- The kinds of freezer: where groups are made, the switch of a group, and how it is thrown.
local kinds <const> = {
    { "version 2", "-t cgroup2 none", "cgroup.freeze", "1", "0" },
    { "version 1", "-t cgroup -o freezer none", "freezer.state", "FROZEN", "THAWED" },
}

-- Mounts a hierarchy, makes a group with one below it, and puts a process into the lower one. Gives a function that
-- throws the switch of the upper one; to be closed. nil and why: that cannot be had here.
local function group_of(kind, pid)
    local _, mount, switch, on, off = table.unpack(kind)
    local folder = support.folder()
    local group = folder.path .. "/tiexec-" .. support.mark()
    local made = support.shell(("mount %s %s && mkdir -p %s/below && echo %d >%s/below/cgroup.procs && test -w %s/%s")
        :format(mount, folder.path, group, pid, group, group, switch))
    local function throw(word) support.write_file(group .. "/" .. switch, word) end
    local self = { freeze = function() throw(on) end, thaw = function() throw(off) end }
    local function close()
        support.shell(("echo %s >%s/%s; echo %d >%s/cgroup.procs"):format(off, group, switch, pid, folder.path))
        support.wait_for(function() return support.shell("rmdir " .. group .. "/below " .. group).code == 0 end, 2)
        support.shell("umount " .. folder.path)
        getmetatable(folder).__close(folder)
    end
    if made.code == 0 then return setmetatable(self, { __close = close }) end
    close()
    return nil, "no such control group can be made: " .. made.err
end

describe("a frozen process", function()
    for _, kind in ipairs(kinds) do
        for _, option in ipairs { "--attach", "--undo" } do
            it(("%s by a group above its own, %s"):format(option, kind[1]), function()
                local process <close> = support.start { support.programs .. "ample", "wait" }
                local group <close>, why = group_of(kind, process.pid)
                if not group then return pending(why) end
                group.freeze()
                local started = core.now()
                local result = support.run { "timeout", "-s", "KILL", "60", support.tiexec, option,
                    tostring(process.pid) }
                assert.is_true(core.now() - started < 5 * support.patience)
                assert.equal(125, result.code, result.err)
                assert.truthy(failure.one_line(result):find("it is frozen", 1, true), result.err)
                group.thaw()
                assert.is_true(process:is_alive())
                assert.equal(0, core.status(process.pid, "TracerPid"))
                result = support.run { "timeout", "-s", "KILL", "60", support.tiexec, "--undo", tostring(process.pid) }
                assert.equal(0, result.code, result.err)
            end)
        end
    end
end)
