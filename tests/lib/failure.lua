-- SPDX-License-Identifier: Apache-2.0
-- For the specs of failures. Whatever fails, CMD runs as it does without tiexec, and one line says what failed and
-- what to do.

local support = require "tests.lib.support"

local failure = {}

local concat = support.concat

-- AddressSanitizer warns in lines of its own where it cannot read /proc.
local function without_warnings(err)
    return (err:gsub("==%d+==WARNING: [^\n]*\n", ""):gsub("False positive error[^\n]*\nFor details see [^\n]*\n", ""))
end

--- Asserts that standard error is one line of tiexec's, and returns it.
function failure.one_line(result)
    local line, rest = without_warnings(result.err):match("^(tiexec: [^\n]+)\n(.*)$")
    assert(line and rest == "", "not one line of tiexec's:\n" .. result.err)
    assert(not line:find("internal error") and not line:find("traceback"), line)
    return line
end

--- Asserts that two runs gave the same output and ended in the same way.
function failure.same_end(plain, result)
    assert(plain.out == result.out and plain.code == result.code and plain.signal == result.signal,
        ("by itself:\n%s(%s %s)\nwith tiexec:\n%s(%s %s)\n%s"):format(plain.out, plain.code, plain.signal,
            result.out, result.code, result.signal, result.err))
end

--- Asserts that CMD did not start: no output, and exit status 125.
function failure.not_started(result)
    assert(result.out == "" and result.code == 125,
        ("started? output '%s', code %s, signal %s\n%s"):format(result.out, result.code, result.signal, result.err))
end

-- Runs words behind those of the case's `prefix`, within limits of time.
local function run(case, words)
    -- TERM does not end what is stopped; the limit of CPU time ends a tracer that nobody waits for
    local cpu, all = ("--cpu=%d"):format(15 * support.patience), ("%d"):format(60 * support.patience)
    return support.run(concat({ "prlimit", cpu, "timeout", "-s", "KILL", all }, case.prefix or {}, words))
end

local function by_tiexec(case, options)
    return run(case, concat({ support.tiexec }, options or {}, case.options or {}, case.command))
end

--- Runs `command` by itself and by tiexec with `options`, both behind the words of `prefix`.
function failure.both(case, options)
    return run(case, case.command), by_tiexec(case, options)
end

--- Arranges the host not at all. Gives a to-be-closed value, as its like do.
function failure.as_it_is()
    return setmetatable({}, { __close = function() end })
end

--- Arranges a host whose pool has no huge pages.
function failure.empty_pool()
    return support.pool(0), "the hugetlb pool cannot be set: not root?"
end

--- Gives a function that adds two tests of one failure, without and with --strict: it takes a name and a
-- table: `command`, `options`, `prefix` (words before), `line` (a pattern, or several, in the one line), `host`
-- (a function that arranges the host; gives a to-be-closed value, or nil, why it cannot), `not_sanitized` (why it
-- cannot be tried with sanitizers), `is_others` (what fails may be about other programs, which --strict does not mind).
-- @func it busted's, which only spec files have
-- @int[opt=1] every where things take long only every nth of the failures is tried
function failure.tests(it, every)
    local count = 0

    local function check(case, try)
        return function()
            if case.not_sanitized and support.sanitized then return support.pending(case.not_sanitized) end
            local host <close>, why = (case.host or failure.as_it_is)()
            if not host then return support.pending(why) end
            local line = failure.one_line(try())
            for _, pattern in ipairs(type(case.line) == "table" and case.line or { case.line }) do
                assert(line:find(pattern), ("no '%s' in: %s"):format(pattern, line))
            end
        end
    end
    return function(name, case)
        count = count + 1
        if support.patience > 1 and (count - 1) % (every or 1) > 0 then return end
        it(name .. ": CMD runs, one line tells why", check(case, function()
            local plain, result = failure.both(case)
            failure.same_end(plain, result)
            return result
        end))
        if case.is_others then
            return it(name .. ", --strict: CMD runs, since it is not about CMD", check(case, function()
                local plain, result = failure.both(case, { "--strict" })
                failure.same_end(plain, result)
                return result
            end))
        end
        it(name .. ", --strict: CMD does not start", check(case, function()
            local result = by_tiexec(case, { "--strict" })
            failure.not_started(result)
            return result
        end))
    end
end

return failure
