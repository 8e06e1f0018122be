-- SPDX-License-Identifier: Apache-2.0
-- A text near address 0 must not be rounded down to it: null pointers would no longer fault.

local support = require "tests.lib.support"

describe("a program with text at the lowest address", function()
    for _, strategy in ipairs { "conservative", "aggressive" } do
        it(strategy .. ": still faults at a null pointer", function()
            local mode <close> = support.thp("madvise") -- luacheck: ignore (held)
            local plain = support.run { support.programs .. "low_text" }
            local result = support.run_tiexec { "-s", strategy, "--sources", "thp", support.programs .. "low_text" }
            assert.equal(11, plain.signal)
            assert.same({ plain.signal, plain.out }, { result.signal, result.out })
        end)
    end
end)
