-- SPDX-License-Identifier: Apache-2.0
-- A kernel with Yama in which only ancestors may trace, as Ubuntu has it: the tracer, which is none, is allowed to.

local core = require "tiexec.core"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"

local SWITCH <const> = "/proc/sys/kernel/yama/ptrace_scope"
local NOBODY <const> = { "setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--inh-caps=-all" }

describe("where only ancestors may trace, a user's program", function()
    local before = support.is_root and support.read_file(SWITCH)
    local here, remove = reachable.folder()
    local mode
    setup(function()
        mode = support.thp("madvise")
        if before then support.write_file(SWITCH, "1") end
    end)
    teardown(function()
        if before then support.write_file(SWITCH, before) end
        if mode then getmetatable(mode).__close() end
        remove()
    end)

    -- Without options the tracer is split off before the C library starts, else after that.
    for name, options in pairs { ["by default"] = {}, ["with options"] = { "--sources", "thp", "--follow=none" } } do
        it("has huge text " .. name, function()
            if not before then return pending "this kernel has no Yama, or this is not root" end
            local words = support.concat({ here .. "build/tiexec" }, options, { here .. "build/tests/ample", "wait" })
            local process <close> = support.start(support.concat(NOBODY, words))
            assert.truthy(support.wait_for(function()
                return support.has_become(process.pid, "ample") and core.status(process.pid, "TracerPid") == 0
            end))
            assert.equal(65534, core.status(process.pid, "Uid"))
            assert.is_true(support.huge_text(process.pid) > 0)
        end)
    end
end)
