-- SPDX-License-Identifier: Apache-2.0
--- The option `--script -i`: a prompt, with a program that is started for it, or a process that is
-- attached to, at hand as `inferior`.

local core = require "tiexec.core"
local entry = require "tiexec.harness.entry"
local exit = require "tiexec.base.exit"
local inferiors = require "tiexec.harness.inferiors"
local message = require "tiexec.base.message"
local prompt = require "tiexec.script.prompt"
local refusal = require "tiexec.harness.refusal"
local show = require "tiexec.script.show"
local version = require "tiexec.base.version"

local c = core.constants
local interactive = {}

local ENTRY_MS <const> = 10000 -- for each event on the way to the entry point

local function say(format, ...) io.stdout:write(format:format(...), "\n") end

-- Lets a process go as gdb does at its end: what it has started it kills.
local function finish(inferior, is_own)
    local ok, reason = pcall(inferior.stop_reason, inferior)
    if not ok or not reason then return end -- closed, let go, or ended
    local what = show.value(inferior)
    if is_own then
        inferior:kill()
        say("%s is killed (inferior:detach() lets it go on)", what)
    else
        inferior:detach()
        say("%s goes on", what)
    end
end

-- Runs the prompt with an inferior. Returns the exit status.
local function with(inferior, is_own, words)
    say("tiexec %s, %s: inferior is %s, %s", version, _VERSION, show.value(inferior), words)
    prompt.run(inferior)
    finish(inferior, is_own)
    return 0
end

local function launch(argv)
    local inferior <close>, why, errno = inferiors.launch(argv)
    if not inferior then
        message.say("%s: not started: %s", argv[1], refusal.to_launch(why, errno))
        if errno == c.ENOENT then return exit.NOT_FOUND end
        return (errno == c.EACCES or errno == c.ENOEXEC) and exit.CANNOT_EXECUTE or exit.FAILED
    end
    local _, reached, refused = core.interruptible(entry.run, inferior, ENTRY_MS)
    if reached == true then return with(inferior, true, "at its entry point") end
    inferior:interrupt(ENTRY_MS)
    return with(inferior, true, "not at its entry point: " .. tostring(refused or reached))
end

local function attach(pid)
    local inferior <close>, why, errno = inferiors.attach(pid)
    if not inferior then
        message.say("process %d: %s", pid, refusal.to_attach(pid, why, errno))
        return exit.FAILED
    end
    return with(inferior, false, "stopped; ^D lets it go on")
end

local function start(argv, pid)
    if pid then return attach(pid) end
    if #argv > 0 then return launch(argv) end
    say("tiexec %s, %s: inferior = tiexec.launch {\"CMD\"}, or tiexec.attach(PID); ^D ends",
        version, _VERSION)
    prompt.run()
    return 0
end

--- Runs the prompt. At its end a program that was started for it is killed, and a process that was
-- attached to goes on. Where a signal ends this process both go on, as from any script.
-- @tparam table argv list of strings: CMD and its arguments, or nothing
-- @int[opt] pid of the process to attach to
-- @treturn int exit status
function interactive.run(argv, pid)
    core.guard_end()
    local ok, result = xpcall(start, debug.traceback, argv, pid)
    if ok then return result end
    if not tostring(result):find("interrupted by SIG", 1, true) then error(result, 0) end
    return exit.FAILED
end

return interactive
