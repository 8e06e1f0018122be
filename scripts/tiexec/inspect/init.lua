-- SPDX-License-Identifier: Apache-2.0
--- `--inspect` shows the text of any process, which of it is huge, and why the rest is not.

local core = require "tiexec.core"
local entry = require "tiexec.harness.entry"
local exit = require "tiexec.base.exit"
local inferiors = require "tiexec.harness.inferiors"
local message = require "tiexec.base.message"
local observed = require "tiexec.harness.observed"
local survey = require "tiexec.inspect.survey"

local c = core.constants
local inspect = {}

local STOP_MS <const> = 10000

-- Starts a program, calls `look` with its process id when it is at its entry point, and ends it
-- there. Gives the exit status of `look`, or that of a failure.
local function at_entry(argv, look)
    local inferior <close>, why, errno = inferiors.launch(argv)
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

--- Runs `--inspect`.
-- @tparam Settings options those of the command line and the environment, with `json` and `svg`
-- @int[opt] pid a running process; nil: a program is started
-- @tparam table argv the program and its arguments, if there is no process
-- @treturn int exit status: 0; 125, 126 and 127 as base/exit.lua has them
function inspect.run(options, pid, argv)
    local function look(id, name)
        local process, why = observed.open(id)
        local found
        if process then found, why = survey.make(process, name, options) end
        if not found then
            message.say("process %d: cannot be inspected: %s", id, why)
            return exit.FAILED
        end
        local ok
        ok, why = show(found, options)
        if ok then return 0 end
        message.say("--inspect: %s", why)
        return exit.FAILED
    end
    if pid then return look(pid) end
    return at_entry(argv, look)
end

return inspect
