-- SPDX-License-Identifier: Apache-2.0
--- The main job in one call, for scripts: `tiexec.remap` does to an inferior what `tiexec CMD` does
-- to CMD, and `tiexec --attach` to a process; `tiexec.undo` what `--undo` does. They use the same
-- functions: stages.to_entry, attach.remap, undo.run.

local attach = require "tiexec.remap.attach"
local auxv = require "tiexec.harness.auxv"
local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local files = require "tiexec.harness.files"
local json = require "tiexec.show.json"
local options = require "tiexec.script.options"
local stage = require "tiexec.remap.stage"
local stages = require "tiexec.start.stages"
local text = require "tiexec.base.text"

local c = core.constants
local remap = {}

local STOP_MS <const> = 2000 -- for all threads to stop
local ALL_SIGNALS <const> = -1

local function name_of(inferior)
    local path = core.readlink(("/proc/%d/exe"):format(inferior:pid()))
    return path and text.basename(path) or tostring(inferior:pid())
end

-- ---- what a change needs ------------------------------------------------------------------------

-- Calls `work` while no signal can interrupt this process, and the kernel would end the inferior
-- with it: the inferior must not run on half changed. What `work` raises is raised again then.
local function guarded(inferior, work)
    local before <const>, would_end <const> = core.signal_mask(ALL_SIGNALS), inferior:exit_kill()
    inferior:exit_kill(true)
    local result = table.pack(xpcall(work, debug.traceback))
    if not would_end then inferior:exit_kill(false) end
    core.signal_mask(before)
    if not result[1] then error(result[2], 0) end
    return table.unpack(result, 2, result.n)
end

-- Takes the software breakpoints out of the text, and puts them back when it is closed: there is
-- other memory by then.
local function lift_breakpoints(inferior)
    local lifted = {}
    for _, point in ipairs(inferior:breakpoints()) do
        if point.enabled and not point:is_hardware() and point:enable(false) then
            lifted[#lifted + 1] = point
        end
    end
    return setmetatable({}, { __close = function()
        for _, point in ipairs(lifted) do point:enable(true) end
    end })
end

-- Calls `work` on a process that has long been running, all of whose threads are stopped.
local function on_running(inferior, work)
    local pid <const> = inferior:pid()
    files.prepare(pid)
    files.hold(pid)
    local _ <close> = setmetatable({}, { __close = function()
        files.release(pid)
        files.forget(pid)
    end })
    local lifted <close> = lift_breakpoints(inferior) -- luacheck: ignore
    return guarded(inferior, work)
end

-- ---- remap --------------------------------------------------------------------------------------

-- Whether anything would stop the program on its way to the entry point, or be told of.
local function is_watched(inferior)
    local catching = package.loaded["tiexec.harness.catching"]
    return #inferior:breakpoints() > 0 or catching and catching.how(inferior) ~= nil
end

-- The stage that an inferior is at: "exec", "entry", or any other moment. A static program is at
-- its exec and at its entry point at once: it is not moved where breakpoints stand in it.
local function moment_of(inferior)
    local entry = auxv.value(auxv.read(inferior), auxv.AT_ENTRY)
    local is_there = entry and inferior:read_register("pc") == entry
    local is_at_exec = inferior:stop_reason() == "exec"
    if is_at_exec and not (is_there and is_watched(inferior)) then return "exec" end
    return is_there and "entry" or "later", entry
end

-- Does what a start does, from the exec to the entry point.
local function at_exec(inferior, given)
    if is_watched(inferior) then
        return nil, "it has breakpoints or catches system calls, which would be passed over on the "
            .. "way to its entry point", c.EBUSY
    end
    inferior:wait(0) -- an exec that `interrupt` has come upon is told now, and not on the way
    local run, why = stages.to_entry(inferior, name_of(inferior), given)
    if type(why) == "table" then return nil, "it ended before its entry point", c.ESRCH, why end
    if not run then return nil, why, c.ESRCH end
    if not run.outcome then return nil, run.failure or run.complaint, c.EOPNOTSUPP end
    return run.outcome, run.complaint
end

-- Does the same at the entry point, and later.
local function at_stop(inferior, moment, entry, given)
    local name = name_of(inferior)
    local chosen = choice.of(inferior, name, given)
    if chosen.wrong then return nil, chosen.wrong, c.EINVAL end
    local outcome, why = on_running(inferior, function()
        if moment == "later" then return attach.remap(inferior, name, chosen) end
        return stage.run(inferior, name, chosen,
            { stage = "entry", entry = entry, is_new = chosen.is_in_question })
    end)
    if not outcome then return nil, why, c.EOPNOTSUPP end
    stage.tell(inferior, outcome, chosen)
    return outcome, outcome.complaint
end

-- The complaint that there is, or one of patterns without an object.
local function complaint_of(complaint, asked, said)
    for _, pattern in ipairs(asked.patterns) do
        if not asked.met[pattern] then
            return complaint or ("no object is '%s'"):format(pattern)
        end
    end
    return complaint or said[1]
end

local function check_inferior(inferior, name)
    if type(inferior) == "userdata" then return inferior:pid() end -- raises for all others
    error(("%s: an inferior of launch or attach expected"):format(name), 3)
end

--- Puts the text of an inferior on huge pages. One that has just been launched, or has just exec'd,
-- is taken to its entry point for that, and its executable may be moved, as `tiexec CMD` does. One
-- that is at its entry point or anywhere later is remapped as it is, as by `tiexec --attach`.
-- Threads that run are stopped, and all are stopped afterwards. Breakpoints are as they were.
-- @function tiexec.remap
-- @tparam Inferior inferior
-- @tparam[opt] table given `strategy`: a name or a path, with parameters after a colon, or a table
-- as a strategy's file returns it, or its function `plan`; `parameters`: of the strategy, a table;
-- `sources`: a list, or names with commas; `objects`: the name, the path or a pattern (fnmatch) of
-- the only object in question, or a list of these; `max_pages`: how many huge pages at most, in the
-- plan's order; `page_size`: bytes, or such as "64K"; `align = false`: the executable is not moved;
-- `perf_map = true`: as --perf-map; `profile`: a file, or false: none. What is absent is as the
-- executable's profile says, or by default. Unknown ones raise
-- @treturn[1] table what `--report` writes: `mappings` with `before`, `after`, `source` and `why`
-- of each, `refused`, `totals`, `stage`, `strategy`, `sources`, …
-- @treturn[1] ?string what has gone wrong, if some text stays on small pages that should not
-- @treturn[2] nil, message, errno (EINVAL: the strategy or its parameters; EOPNOTSUPP: nothing
-- could be done; ESRCH: it has ended; EBUSY: breakpoints are set, and it is not at its entry point
-- yet), and the event of its end, if it has ended on the way
-- @usage
-- local report = assert(tiexec.remap(inferior, { sources = { "thp" } }))
-- print(report.stage, report.strategy) --> attach	aggressive
-- print(report.totals.huge_bytes) --> 0
function remap.remap(inferior, given)
    check_inferior(inferior, "remap")
    local said = {}
    local chosen, asked = options.settings(given, function(format, ...)
        said[#said + 1] = format:format(...)
    end)
    local ok, why, errno = inferior:interrupt(STOP_MS)
    if not ok then return nil, why, errno end
    local moment, entry = moment_of(inferior)
    local outcome, complaint, event
    if moment == "exec" then
        outcome, complaint, errno, event = at_exec(inferior, chosen)
    else
        outcome, complaint, errno = at_stop(inferior, moment, entry, chosen)
    end
    if not outcome then return nil, complaint, errno, event end
    return json.complete(outcome.report:plain()), complaint_of(complaint, asked, said)
end

-- ---- undo ---------------------------------------------------------------------------------------

--- Puts the files' own mappings back, as `tiexec --undo` does. All threads are stopped afterwards.
-- @function tiexec.undo
-- @tparam Inferior inferior
-- @treturn[1] int bytes that were put back
-- @treturn[1] table what had to be left: list of `object`, a path, and `why`
-- @treturn[2] nil, message, errno
-- @usage
-- print(tiexec.undo(inferior)) --> 0	table: …
function remap.undo(inferior)
    check_inferior(inferior, "undo")
    local ok, why, errno = inferior:interrupt(STOP_MS)
    if not ok then return nil, why, errno end
    local undo, host = require "tiexec.remap.undo", core.host()
    local bytes, left = on_running(inferior, function()
        local prepared, unknown = undo.prepare(inferior, host)
        if not prepared then return nil, unknown end
        local undone, refused = undo.run(inferior, host, prepared)
        if not undone then return nil, refused end
        return undo.result(inferior, host, prepared, undone)
    end)
    if not bytes then return nil, left, c.EOPNOTSUPP end
    return bytes, left
end

return remap
