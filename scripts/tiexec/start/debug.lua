-- SPDX-License-Identifier: Apache-2.0
--- The option `--gdb`: a program that gdb debugs from its entry point on, when its text is on huge
-- pages; or a running process.

local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local hold = require "tiexec.harness.hold"
local inferiors = require "tiexec.harness.inferiors"
local message = require "tiexec.base.message"
local refusal = require "tiexec.harness.refusal"
local server = require "tiexec.gdb.server"
local stages = require "tiexec.start.stages"
local stream = require "tiexec.gdb.stream"

local c = core.constants
local debugging = {}

local STANDARD <const>, STANDARD_ERROR <const> = "-", 2

-- Waits for gdb. Returns a stream, or nil after saying why there is none.
local function accept(where)
    local peer, why = stream.accept(where, function(place)
        message.say("gdb may connect: target remote %s", place)
    end)
    if not peer then message.say("--gdb: %s", why) end
    return peer
end

-- The exit status that a shell has for an end.
local function status_of(event)
    return event.exit_code or 128 + event.signal
end

-- Has gdb debug the process, and lets it go afterwards. Returns the exit status.
local function serve(inferior, peer, options)
    local outcome, event = server.serve(inferior, peer, options)
    peer:close()
    if outcome == "exited" then return status_of(event) end
    if outcome == "killed" then return 0 end
    if not outcome then message.say("gdb: %s", event) end
    inferior:detach()
    if options.attached or not options.waits then return outcome and 0 or exit.INCOMPLETE end
    local ended = inferior:wait()
    return ended and ended.reason:find("^exited") and status_of(ended) or exit.INCOMPLETE
end

-- Starts the program. Where gdb has the standard input and output, the program has none.
local function launch(argv, given)
    local is_taken = given.gdb == STANDARD
    return inferiors.launch { argv, user = given.user, stdin = not is_taken and 0,
        stdout = is_taken and STANDARD_ERROR or 1 }
end

local function say_not_started(name, why, errno)
    message.say("%s: not started: %s", name, refusal.to_launch(why, errno))
    if errno == c.ENOENT then return exit.NOT_FOUND end
    return (errno == c.EACCES or errno == c.ENOEXEC) and exit.CANNOT_EXECUTE or exit.FAILED
end

local function start(argv, given)
    local early <close> = given.gdb == STANDARD and accept(STANDARD) or nil
    if given.gdb == STANDARD and not early then return exit.FAILED end
    local inferior <close>, why, errno = launch(argv, given)
    if not inferior then return say_not_started(argv[1], why, errno) end
    local run, ended = stages.to_entry(inferior, argv[1], given)
    if type(ended) == "table" then return status_of(ended) end
    if not run then message.say("%s: %s", argv[1], ended) end
    local peer <close> = early or accept(given.gdb)
    if not peer then return exit.FAILED end
    return serve(inferior, peer, { waits = not early })
end

local function attach(pid, given)
    local peer <close> = accept(given.gdb)
    if not peer then return exit.FAILED end
    local inferior <close>, why, errno = hold.attach(pid)
    if not inferior then
        message.say("process %d: %s", pid, refusal.to_attach(pid, why, errno))
        return exit.FAILED
    end
    return serve(inferior, peer, { attached = true })
end

-- Calls `work`. A signal that ends this process raises an error (core.guard_end), and no more is to
-- be said of it: the process is let go, and this one ends by the signal.
local function guarded(work, ...)
    local ok, result = xpcall(work, debug.traceback, ...)
    if ok then return result end
    if not tostring(result):find("interrupted by SIG", 1, true) then
        message.say("gdb: internal error: %s", tostring(result))
    end
    return exit.FAILED
end

--- Starts a program, and has gdb debug it from its entry point on.
-- @tparam table argv list of strings: CMD and its arguments
-- @tparam Settings given the settings of the command line and the environment; `gdb` says where gdb
-- comes from
-- @treturn int exit status: that of CMD if it has ended
function debugging.run(argv, given)
    core.guard_end()
    return guarded(start, argv, given)
end

--- Has gdb debug a running process.
-- @int pid
-- @tparam Settings given as above
-- @treturn int exit status
function debugging.attach(pid, given)
    core.guard_end()
    return guarded(attach, pid, given)
end

return debugging
