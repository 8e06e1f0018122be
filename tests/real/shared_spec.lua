-- SPDX-License-Identifier: Apache-2.0
-- The source `shared` serves a large library of a real program.

local core = require "tiexec.core"
local shared = require "tests.lib.shared"
local support = require "tests.lib.support"

describe("shared", function()
    it("takes large libraries, and rustc says the same", function()
        if not core.stat("/usr/bin/rustc") then return pending("rustc is not installed") end
        local here <close> = shared.place()
        local plain = support.run { "/usr/bin/rustc", "-Vv" }
        assert.same(plain.out, shared.run(here, { "/usr/bin/rustc", "-Vv" }).out)
        local fifo = here.path .. "/fifo"
        support.run { "mkfifo", fifo }
        local process <close> = shared.start(here, { "/usr/bin/rustc", "-" }, "shared", "<>" .. fifo)
        local driver
        for _, m in ipairs(support.smaps(process.pid)) do
            if m.perms == "r-xp" and m.path:find("librustc_driver") and m.ShmemPmdMapped > 0 then driver = m end
        end
        assert.same(driver.stop - driver.start, driver.ShmemPmdMapped)
        assert.is_true(driver.ShmemPmdMapped > 16 << 20)
    end)
end)
