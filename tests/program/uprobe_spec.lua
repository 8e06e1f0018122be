-- SPDX-License-Identifier: Apache-2.0
-- uprobes, which the kernel keeps by file and offset, fire in a program that tiexec started.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local TRACING <const> = "/sys/kernel/tracing/"
local program = core.readlink("/proc/self/cwd") .. "/" .. support.programs .. "moved"

-- A uprobe on the program's function `one`, named after this process; removed when closed. `hits` counts.
-- nil, why where there can be none.
local function probe()
    if not support.is_root then return nil, "uprobes need root" end
    if not support.read_file(TRACING .. "trace") then
        os.execute("mount -t tracefs none " .. TRACING .. " 2>/dev/null")
    end
    if not support.read_file(TRACING .. "uprobe_events") then return nil, "this kernel has no uprobe events" end
    local offset = support.shell("nm " .. program).out:match("(%x+) T one\n")
    local name = "tiexec" .. core.getpid()
    local event = TRACING .. "events/" .. name .. "/one/"
    local function edit(line) -- appended by the shell: C's append mode seeks, which this file refuses
        return os.execute(("echo '%s' >> %suprobe_events"):format(line, TRACING))
    end
    if not edit(("p:%s/one %s:0x%s"):format(name, program, offset)) then return nil, "uprobes are refused" end
    support.write_file(event .. "enable", "1")
    local self = {}
    function self.hits()
        local profile = support.read_file(TRACING .. "uprobe_profile")
        return tonumber(profile:match("one%s+(%d+)"))
    end
    return setmetatable(self, { __close = function()
        support.write_file(event .. "enable", "0")
        edit(("-:%s/one"):format(name))
    end })
end

describe("a uprobe", function()
    for _, sources in ipairs { "file", "thp", "file,thp" } do
        for _, align in ipairs { "--no-align", "moved" } do
            it(("that is there before the program fires: --sources %s, %s"):format(sources, align), function()
                local uprobe <close>, why = probe()
                if not uprobe then return pending(why) end
                local words = { "--sources", sources, program }
                if align == "--no-align" then table.insert(words, 1, align) end
                local result = support.run_tiexec(words)
                assert.matches("^right", result.out)
                assert.equal(0, result.code)
                assert.equal(1, uprobe.hits())
            end)
        end
    end

    it("that is set later fires in a text that is huge by `file`", function()
        local process <close> = support.start_tiexec { "--sources", "file", program, "again" }
        local huge, by = support.huge_text(process.pid)
        if huge == 0 then return pending("this filesystem has no large folios") end
        assert.equal("FilePmdMapped", by)
        local uprobe <close>, why = probe()
        if not uprobe then return pending(why) end
        os.execute("kill -USR1 " .. process.pid)
        assert.is_true(support.wait_for(function() return uprobe.hits() == 1 end))
        assert.is_true(process:is_alive())
    end)
end)
