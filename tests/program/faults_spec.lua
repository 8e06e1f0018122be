-- SPDX-License-Identifier: Apache-2.0
-- One system call of tiexec fails, or a signal comes at it. The program is right afterwards, or gone before
-- its first instruction; one that is attached to lives. `make faults` strikes every call; here it is every
-- nth, another one for each way and fault, and the same in each run.

local faults = require "tests.lib.faults"
local support = require "tests.lib.support"

local SAMPLES <const> = support.patience > 1 and 1 or 3 -- of each way and fault

-- A number that depends on the names alone.
local function seed_of(way, fault)
    local seed = 0
    for byte in (way .. fault):gmatch(".") do seed = (seed * 31 + byte:byte()) % 65521 end
    return seed
end

local function jobs_of(ways)
    local counts, jobs = faults.count(ways), {}
    for _, way in ipairs(ways) do
        for _, fault in ipairs(faults.kinds) do
            local step = counts[way.name] // SAMPLES + 1
            jobs[#jobs + 1] = { way = way, fault = fault, step = step, last = counts[way.name],
                first = seed_of(way.name, fault) % step + 1 }
        end
    end
    return jobs
end

describe("at some system calls of tiexec", function()
    it("a failure or a signal leaves the program right, or gone before it has begun", function()
        local ways, _, mode <close> = faults.prepare()
        local bad, counts = {}, { right = 0, gone = 0 }
        faults.run(support.some(jobs_of(ways), 5), function(job, result)
            if result.verdict == "broken" then
                bad[#bad + 1] = ("%s  # at %s: %s%s"):format(faults.repeat_by(job, result.n), result.call,
                    result.fate, result.why)
            end
            counts[result.fate] = (counts[result.fate] or 0) + 1
        end)
        io.stdout:write(("[%d right, %d gone]\n"):format(counts.right, counts.gone))
        assert.same({}, bad)
        assert.is_true(counts.right + counts.gone > 100 // support.patience)
    end)
end)
