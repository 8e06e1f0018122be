-- SPDX-License-Identifier: Apache-2.0
--- A running process whose text is put on huge pages and back, by this program as a child, and what
-- can be read of it meanwhile.

local core = require "tiexec.core"
local count = require "tiexec.show.count"
local protection = require "tiexec.harness.protection"

local switching = {}

local PROGRAM <const> = "/proc/self/exe"

--- Counts the text of a process that is on huge pages.
-- @int pid
-- @treturn[1] int bytes
-- @treturn[2] nil, string why that cannot be told
function switching.huge_text(pid)
    local mappings, why = core.mappings(pid, true)
    if not mappings then return nil, why end
    local sum = 0
    for _, mapping in ipairs(mappings) do
        if protection.is_executable(mapping.perms) then sum = sum + count.huge_bytes(mapping) end
    end
    return sum
end

--- Puts the text of a process on huge pages, or back on the files' own.
-- @int pid
-- @string state "huge" or "small"
-- @tparam table options those of tiexec for "huge"
-- @treturn[1] string what tiexec has said, or ""
-- @treturn[2] nil, string why that failed
function switching.switch(pid, state, options)
    local argv = { "tiexec" }
    if state == "huge" then table.move(options, 1, #options, 2, argv) end
    argv[#argv + 1] = state == "huge" and "--attach" or "--undo"
    argv[#argv + 1] = ("%d"):format(pid)
    local run, why = core.measure { path = PROGRAM, argv = argv, variables = {}, stand_ins = {} }
    if not run then return nil, why end
    local said = run.error:match("^tiexec: ([^\n]*)") or ""
    if run.status > 1 then return nil, said ~= "" and said or "tiexec has failed" end
    return said
end

-- The number that a command prints; or nil and why there is none.
local function read_metric(command)
    local file <close> = io.popen(command, "r")
    local words = file and file:read("a") or ""
    local number = tonumber(words:match("[-+]?%d[%d.eE+-]*") or "")
    if number then return number end
    return nil, ("--metric: '%s' has printed no number"):format(command)
end


--- Reads what a process has used until now.
-- @int pid
-- @string[opt] metric a command that prints a number
-- @treturn[1] table `at` (seconds), `cpu` (seconds), `faults`, `metric`
-- @treturn[2] nil, string why it cannot be read
function switching.read(pid, metric)
    local number, why
    if metric then
        number, why = read_metric(metric)
        if not number then return nil, why end
    end
    local cpu, gone = core.processor_time(pid)
    if not cpu then return nil, gone end
    local stat = core.read_file(("/proc/%d/stat"):format(pid)) or ""
    local minor, major = stat:match("%) %a %S+ %S+ %S+ %S+ %S+ %S+ (%d+) %d+ (%d+)")
    return { at = core.now(), cpu = cpu, metric = number,
        faults = (tonumber(minor) or 0) + (tonumber(major) or 0) }
end

return switching
