-- SPDX-License-Identifier: Apache-2.0
--- `--inspect`: the text of any process, which of it is huge, and why the rest is not.

local core = require "tiexec.core"
local message = require "tiexec.base.message"
local subject = require "tiexec.harness.observed"
local survey = require "tiexec.inspect.survey"
require "tiexec.harness.inferior"

local c = core.constants
local inspect = {}

local FAILED <const>, CANNOT_EXECUTE <const>, NOT_FOUND <const> = 125, 126, 127
local STOP_MS <const> = 10000

-- Runs a program up to its entry point, where its libraries are mapped, and nothing of it has run but
-- their constructors.
local function run_to_entry(inferior)
    local pc, _, errno = inferior:read_register("pc")
    if errno == c.ENOEXEC then return nil, "it is a 32-bit program" end
    local entry = (inferior:auxv() or {}).AT_ENTRY
    if not entry then return nil, "its entry point is not known" end
    if pc == entry then return true end
    local breakpoint <close>, why = inferior:breakpoint(entry, "any")
    if not breakpoint then return nil, why end
    while true do
        local ok
        ok, why = inferior:cont()
        if not ok then return nil, why end
        local event
        event, why = inferior:wait(STOP_MS)
        if not event then return nil, why end
        if event.reason:find("^exited") then return nil, "it ended before its entry point" end
        if event.reason == "breakpoint-hit" and event.address == entry then return true end
    end
end

-- Calls `look` with the process id of a program at its entry point; then that is ended.
local function at_entry(argv, look)
    local inferior <close>, why, errno = core.launch(argv)
    if not inferior then
        message.say("%s", why)
        return errno == c.ENOENT and NOT_FOUND or errno == c.EACCES and CANNOT_EXECUTE or FAILED
    end
    local ok
    ok, why = run_to_entry(inferior)
    if not ok then
        message.say("%s: cannot be inspected: %s", argv[1], why)
        inferior:kill()
        return FAILED
    end
    local status = look(inferior:pid(), argv[1])
    inferior:kill()
    return status
end

-- Writes what was asked for: a picture into a file, JSON or a table to standard output.
local function show(found, options)
    if options.svg then
        local ok, why = require "tiexec.inspect.picture".write(found, options.svg)
        if not ok then return nil, why end
    end
    if options.json then return require "tiexec.show.report".write_json(io.stdout, survey.plain(found)) end
    if options.svg then return true end
    return require "tiexec.inspect.table".show(found, options)
end

--- Runs `--inspect`.
-- @tparam table options settings of the command line and the environment
-- @int[opt] pid a process that is running
-- @tparam table argv else a program and its arguments
-- @treturn int exit status: 0; 125 it cannot be looked at
function inspect.run(options, pid, argv)
    local function look(id, name)
        local target, why = subject.open(id)
        local found
        if target then found, why = survey.make(target, name, options) end
        if not found then
            message.say("process %d: cannot be inspected: %s", id, why)
            return FAILED
        end
        local ok
        ok, why = show(found, options)
        if ok then return 0 end
        message.say("--inspect: %s", why)
        return FAILED
    end
    if pid then return look(pid) end
    return at_entry(argv, look)
end

return inspect
