-- SPDX-License-Identifier: Apache-2.0
--- The options `--attach PID` and `--undo PID`, for processes that run already. All threads of a
-- process are stopped together for some milliseconds, and then run on where they were.

local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local count = require "tiexec.show.count"
local debug_lines = require "tiexec.show.debug"
local exit = require "tiexec.base.exit"
local files = require "tiexec.harness.files"
local hold = require "tiexec.harness.hold"
local message = require "tiexec.base.message"
local observed = require "tiexec.harness.observed"
local protection = require "tiexec.harness.protection"
local refusal = require "tiexec.harness.refusal"
local settings = require "tiexec.plan.settings"
local stage = require "tiexec.remap.stage"
local text = require "tiexec.base.text"

local c = core.constants
local attach = {}

local ALL_SIGNALS <const> = -1

local TRIES <const> = 3 -- a process may map another file just before it is stopped
local PAUSE_MS <const> = 10 -- between two looks at a process that execs

-- Calls `work` with the inferior, all of whose threads are stopped, and with its mappings, which
-- have `details` or not, and then `tell` with the
-- inferior, which runs again, the seconds that it stood still, and the results of `work`. Returns
-- the results of `tell`; nil and a string; or "again" if the process has mapped a file that is not
-- known. As long as nothing is changed a signal may end this process; the kernel then lets the
-- inferior go. After that signals are blocked until it is let go. If SIGKILL ends this process
-- meanwhile, it ends the inferior, too: the inferior must not run on half changed.
--
-- While it is stopped no file is opened, and nothing is written: whoever reads that, or serves the
-- file, may be the process that stands still.
local function with_stopped(pid, details, work, tell)
    local inferior <close>, why, errno = hold.attach(pid)
    if not inferior then return nil, refusal.to_attach(pid, why, errno) end
    local before = core.signal_mask(ALL_SIGNALS)
    core.own_signals(true)
    local started, result = why, { true, "again" }
    files.hold(pid)
    message.hold()
    local mappings = core.mappings(pid, details, true)
    if files.is_complete(pid, mappings) then
        inferior:exit_kill(true)
        result = table.pack(xpcall(work, debug.traceback, inferior, mappings))
        inferior:exit_kill(false)
    end
    inferior:detach()
    local seconds = core.now() - started
    files.release(pid)
    message.release()
    core.own_signals(false)
    core.signal_mask(before)
    if not result[1] then return nil, message.of_error(result[2]) end
    if result[2] == "again" then return "again" end
    return tell(inferior, seconds, table.unpack(result, 2, result.n))
end

-- The mappings of a process with details. While it execs it has none for a moment.
local function mappings_of(pid)
    local mappings, why, errno
    for _ = 1, TRIES do
        mappings, why, errno = core.mappings(pid, true)
        if mappings or errno ~= c.ESRCH and errno ~= c.ENOENT then break end
        core.pause(PAUSE_MS)
    end
    return mappings, why
end

-- Whether some text of a process is on larger pages than base pages; nil and why that is not known.
local function has_huge_text(pid, host)
    local context = { pid = pid, pmd = host.pmd_size, sizes = count.sizes(host, {}) }
    local mappings, why = mappings_of(pid)
    if not mappings then return nil, why end
    for _, m in ipairs(mappings) do
        local is_text = protection.is_executable(m.perms) and m.start >= 0
        if is_text and count.of(m, m, context) > 0 then return true end
    end
    return false
end

-- Enables transparent huge pages in a process that has disabled them, as mariadbd does for its
-- heap, until the result is closed. All threads are stopped meanwhile, and pages that are huge by
-- then stay so.
local function enable_huge_pages(inferior)
    local pid = inferior:pid()
    local function prctl(...) return inferior:remote_syscall("prctl", ...) end
    local enabled = core.status(pid, "THP_enabled") == 0
        and prctl(c.PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1
        and prctl(c.PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0
    return setmetatable({}, { __close = function()
        if enabled then prctl(c.PR_SET_THP_DISABLE, 1, 0, 0, 0) end
    end })
end

-- Whether nothing is left to complain of after a stage, and a line for the user, or nil.
local function summary_of(outcome, pid)
    if outcome.unmet then return false, outcome.unmet end
    if outcome.complaint then return false, outcome.complaint end
    if outcome.dry or #outcome.results > 0 then return true end
    local is_huge, unknown = has_huge_text(pid, outcome.host)
    if is_huge then return true, "its text is on huge pages already" end
    if unknown then return false, "whether its text is huge cannot be told: " .. unknown end
    return true, "it has no text that could be on huge pages (tiexec --inspect tells more)"
end

--- Remaps the text of a process that runs already, all threads of which are stopped.
-- @tparam Inferior inferior
-- @string name of the program, for messages
-- @tparam Chosen chosen
-- @tparam[opt] table mappings the list of its mappings, joined, where that was read already
-- @treturn[1] Outcome
-- @treturn[2] nil, string why nothing could be done at all
function attach.remap(inferior, name, chosen, mappings)
    local _ <close> = not chosen["dry-run"] and enable_huge_pages(inferior) or nil
    return stage.run(inferior, name, chosen,
        { stage = "attach", is_new = chosen.is_in_question, mappings = mappings })
end

-- Remaps the text of a process. Returns the results of `with_stopped`: whether nothing is left to
-- complain of, a line for the user, or nil, and the outcome, if there is one. `held` is called with
-- the inferior before anything is done to it.
local function remap(process, name, given, held)
    local chosen = choice.of(process, name, given)
    if chosen.wrong then return false, chosen.wrong end
    local _ <close> = stage.prepare_for_stop(process, name, chosen, { stage = "attach" })
    return with_stopped(process:pid(), false, function(inferior, mappings)
        if held then held(inferior) end
        return attach.remap(inferior, name, chosen, mappings)
    end, function(inferior, seconds, outcome, why)
        if chosen.debug.timing then debug_lines.stopped(seconds) end
        if not outcome then return false, why end
        stage.tell(inferior, outcome, chosen)
        local done, line = summary_of(outcome, process:pid())
        return done, line, outcome
    end)
end

-- Puts the files' own mappings back in a process. Returns the same as `remap`.
local function undo(process, _, given)
    local undoing, host = require "tiexec.remap.undo", core.host()
    require "tiexec.harness.watchers".end_for(process:pid()) -- it would do all of it again
    local prepared, unknown = undoing.prepare(process, host)
    if not prepared then return false, unknown end
    return with_stopped(process:pid(), true, function(inferior, mappings)
        return undoing.run(inferior, host, prepared, mappings)
    end, function(_, seconds, undone, why)
        if given.debug and given.debug.timing then debug_lines.stopped(seconds) end
        if not undone then return false, why end
        local bytes, complaints = undoing.result(process, host, prepared, undone)
        if not bytes then return false, complaints end
        local first = complaints[1]
        if first then return false, ("%s: %s"):format(first.object, first.why) end
        if bytes == 0 then return true, "there is nothing to undo" end
        local line = text.size(bytes) .. " are mapped as its files have them"
        return true, given.verbose and line or nil
    end)
end

-- Does `work` on one process. Returns its results.
local function try(process, name, work, given, held)
    for _ = 1, TRIES do
        files.prepare(process:pid())
        local ok, why, outcome = work(process, name, given, held)
        files.forget(process:pid())
        if ok ~= "again" then return ok, why, outcome end
    end
    return nil, "it maps other files all the time"
end

-- Does `work` on one process, and says what came of it. Returns an exit status.
local function run_one(pid, work, given)
    local process, why = observed.open(pid)
    if not process then
        message.say("process %d: %s", pid, why)
        return exit.FAILED
    end
    local name = process.executable and text.basename(process.executable) or process.name
    local ok
    ok, why = try(process, name, work, given)
    if why then message.say("%s (process %d): %s", name, pid, why) end
    return ok and 0 or ok == false and exit.INCOMPLETE or exit.FAILED
end

-- Does `work` on one process after the other. Returns the highest exit status.
local function run_all(pids, work, given)
    local highest = 0
    for _, pid in ipairs(pids) do highest = math.max(highest, run_one(pid, work, given)) end
    return highest
end

--- Remaps the text of running processes, one after the other.
-- @tparam table pids list of process ids
-- @tparam Settings given the settings of the command line and the environment
-- @treturn int exit status: 0, or `exit.INCOMPLETE` if some text stays on small pages, or
-- `exit.FAILED` if a process could not be attached to
function attach.run(pids, given)
    local ok, why = settings.open_report(given)
    if not ok then
        message.say("%s", why)
        return exit.FAILED
    end
    return run_all(pids, remap, given)
end

--- Remaps the text of one running process, for a caller that says itself what has come of it.
-- @tparam Observed process
-- @string name of its program, for messages
-- @tparam Settings given the settings of the command line and the environment
-- @func held called with the inferior before anything is done to it
-- @treturn[1] boolean whether nothing is left to complain of
-- @treturn[1] ?string what there is to say
-- @treturn[1] ?Outcome
-- @treturn[2] nil, string why the process could not be attached to
function attach.remap_running(process, name, given, held)
    return try(process, name, remap, given, held)
end

--- Puts the files' own mappings back in running processes, one after the other.
-- @tparam table pids list of process ids
-- @tparam Settings given `verbose`
-- @treturn int exit status: 0, or `exit.INCOMPLETE` if something had to be left, or `exit.FAILED`
-- if a process could not be attached to
function attach.undo(pids, given)
    return run_all(pids, undo, given)
end

return attach
