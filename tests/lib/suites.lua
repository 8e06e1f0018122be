-- SPDX-License-Identifier: Apache-2.0
-- Other people's test suites: what a run of one prints, how runs are compared, and what is known of
-- differences. For tests/tools/suites.

local support = require "tests.lib.support"

local suites = {}

--- The ways in which programs are started or disturbed, by name: `title` for tables, `options` of tiexec (nil: it
-- does not start them), `beside`, whether processes are attached to meanwhile. `plain` is what the others are
-- compared with.
suites.ways = {
    plain = { title = "plain" },
    start = { title = "`tiexec`", options = "" },
    all = { title = "`--follow=all`", options = "--follow=all" },
    dlopen = { title = "`--follow=dlopen`", options = "--follow=dlopen" },
    attach = { title = "attach and undo", beside = true },
}

--- The names of the ways that a suite is run in, but for plain. A JVM is a library that is loaded later.
function suites.ways_of(name)
    return name == "jvm" and { "start", "all", "dlopen", "attach" } or { "start", "all", "attach" }
end

suites.RUNS = 3 -- of a unit, before a difference counts as one that is always there

--- What a run printed, lines `pass NAME`, `fail NAME` or `skip NAME`: name → outcome. A name that is there again gets a
-- number.
function suites.parse(text)
    local outcomes, seen = {}, {}
    for outcome, name in text:gmatch("(%a+) ([^\n]+)\n") do
        if outcome == "pass" or outcome == "fail" or outcome == "skip" then
            seen[name] = (seen[name] or 0) + 1
            outcomes[seen[name] > 1 and ("%s (%d)"):format(name, seen[name]) or name] = outcome
        end
    end
    return outcomes
end

--- Outcomes that are the same in all of a list of runs: name → outcome; and the count of the others.
function suites.stable(runs)
    local same, unstable, names = {}, 0, {}
    for _, outcomes in ipairs(runs) do
        for name in pairs(outcomes) do names[name] = true end
    end
    for name in pairs(names) do
        local outcome = runs[1][name]
        for i = 2, #runs do
            if runs[i][name] ~= outcome then outcome = nil end
        end
        same[name] = outcome
        if not outcome then unstable = unstable + 1 end
    end
    return same, unstable
end

--- What is otherwise in runs than in the stable outcomes of plain ones: name → { `expected`, `got`, an outcome or
-- "missing" in the first run that differs, `times`, in how many it does }. A test that only these runs have counts if
-- it fails.
function suites.differences(stable, runs)
    local found = {}
    local function note(name, expected, got)
        local known = found[name] or { expected = expected, got = got, times = 0 }
        known.times = known.times + 1
        found[name] = known
    end
    for _, outcomes in ipairs(runs) do
        for name, expected in pairs(stable) do
            local got = outcomes[name] or "missing"
            if got ~= expected then note(name, expected, got) end
        end
        for name, got in pairs(outcomes) do
            if name:find("^%(tiexec") and got == "fail" then note(name, "pass", got) end
        end
    end
    return found
end

local function pattern_of(glob)
    return "^" .. glob:gsub("%p", function(c) return c == "*" and ".*" or "%" .. c end) .. "$"
end

--- Reads the list of differences that are known: lines SUITE | WAYS | TEST | REASON; in TEST a * stands for any text.
function suites.known(path)
    local list, number = {}, 0
    for line in io.lines(path) do
        number = number + 1
        if line:find("%S") and not line:find("^#") then
            local suite, ways, test, reason = line:match("^(%S+)%s+|%s+(.-)%s+|%s+(.-)%s+|%s+(%S.*)$")
            if not suite then error(("%s:%d: not of the form SUITE | WAYS | TEST | REASON"):format(path, number), 0) end
            list[#list + 1] = { suite = suite, ways = " " .. ways .. " ", test = pattern_of(test), reason = reason }
        end
    end
    return list
end

--- The reason that a list gives for a difference, or nil.
function suites.reason(known, suite, way, test)
    for _, entry in ipairs(known) do
        if entry.suite == suite and entry.ways:find(" " .. way .. " ", 1, true) and test:find(entry.test) then
            return entry.reason
        end
    end
end

--- The file in which a run's outcomes are kept; its log and the rest lie beside it.
function suites.path(folder, unit, way, n)
    return ("%s/%s.%s.%d"):format(folder, unit:gsub("[^%w_.:-]", "_"), way, n)
end

--- The outcomes of all runs of a unit in one way, as a list.
function suites.runs(folder, unit, way)
    local runs = {}
    for n = 1, suites.RUNS do
        local text = support.read_file(suites.path(folder, unit, way, n))
        if not text then break end
        runs[n] = suites.parse(text)
    end
    return runs
end

return suites
