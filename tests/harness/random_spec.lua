-- SPDX-License-Identifier: Apache-2.0
-- Random sequences of calls, by fixed seeds: the programs end as if nobody had been there. `make random` has more.

local runs = require "tests.lib.random_runs"
local support = require "tests.lib.support"

describe("random calls of the harness", function()
    for first = 1, 12, 4 do
        it(("by the seeds %d to %d harm no program, and leave nothing behind"):format(first, first + 3), function()
            for seed = first, first + support.rounds(4) - 1 do
                local fault, log, said = runs.one(seed, 150)
                assert.is_nil(fault, ("seed %d: %s\n%s\n%s"):format(seed, fault, said, log))
            end
        end)
    end
end)
