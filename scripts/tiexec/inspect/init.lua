-- SPDX-License-Identifier: Apache-2.0
--- `--inspect` shows the text of any process, which of it is huge, and why the rest is not.

local core = require "tiexec.core"
local entry = require "tiexec.harness.entry"
local exit = require "tiexec.base.exit"
local inferiors = require "tiexec.harness.inferiors"
local message = require "tiexec.base.message"
local observed = require "tiexec.harness.observed"
local requirement = require "tiexec.show.requirement"
local survey = require "tiexec.inspect.survey"

local c = core.constants
local inspect = {}

local STOP_MS <const> = 10000

-- Starts a program without input and output, which its constructors may use; calls `look` with its
-- process id when it is at its entry point, and ends it there. Gives the exit status of `look`, or
-- that of a failure.
local function at_entry(argv, look)
    local inferior <close>, why, errno = inferiors.launch { argv, stdin = false, stdout = false }
    if not inferior then
        message.say("%s", why)
        return errno == c.ENOENT and exit.NOT_FOUND or errno == c.EACCES and exit.CANNOT_EXECUTE
            or exit.FAILED
    end
    local ok
    ok, why = entry.run(inferior, STOP_MS)
    if not ok then
        message.say("%s: cannot be inspected: %s", argv[1], why)
        inferior:kill()
        return exit.FAILED
    end
    local status = look(inferior:pid(), argv[1])
    inferior:kill()
    return status
end

-- Writes what the options ask for: a picture into a file, JSON or a table to standard output.
local function show(found, options)
    if options.svg then
        local ok, why = require "tiexec.inspect.svg".write(found, options.svg)
        if not ok then return nil, why end
    end
    if options.json then return require "tiexec.show.json".write(io.stdout, found:plain()) end
    if options.svg then return true end
    return require "tiexec.inspect.table".show(found, options)
end

local function failed(id, why)
    message.say("process %d: cannot be inspected: %s", id, why)
    return exit.FAILED
end

-- Shows one process. Gives the exit status.
local function look(id, name, options)
    local process, why = observed.open(id)
    local found
    if process then found, why = survey.make(process, name, options) end
    if not found then return failed(id, why) end
    local ok
    ok, why = show(found, options)
    if not ok then
        message.say("--inspect: %s", why)
        return exit.FAILED
    end
    local totals = found.totals
    local unmet = options.require
        and requirement.unmet(totals.bytes, totals.huge_bytes, options.require)
    if not unmet then return 0 end
    message.say("%s (process %d): %s", found.name, id, unmet)
    return exit.INCOMPLETE
end

-- Shows several processes, or one as several are shown. Gives the exit status.
local function look_at_all(pids, options)
    local enough, why = require "tiexec.inspect.overview".show(pids, options)
    if enough ~= nil then return enough and 0 or exit.INCOMPLETE end
    message.say("--inspect: %s", why)
    return exit.FAILED
end

--- Runs `--inspect` for processes.
-- @tparam Settings options those of the command line and the environment, with `json`, `svg`,
-- `format` and `require`
-- @tparam table pids list of process ids: one is shown in detail, several by a line each
-- @treturn int exit status: 0; 1: less text is huge than is required; 125, as base/exit.lua has it
function inspect.run(options, pids)
    if #pids == 1 and options.format ~= "prometheus" then return look(pids[1], nil, options) end
    return look_at_all(pids, options)
end

--- Runs `--inspect -- CMD`.
-- @tparam Settings options as above
-- @tparam table argv the program and its arguments
-- @treturn int exit status: 0; 125, 126 and 127 as base/exit.lua has them
function inspect.command(options, argv)
    return at_entry(argv, function(id, name)
        if options.format == "prometheus" then return look_at_all({ id }, options) end
        return look(id, name, options)
    end)
end

return inspect
