-- SPDX-License-Identifier: Apache-2.0
--- `--attach PID`, `--undo PID`: what is done to processes that run already. Each is stopped for some
-- milliseconds, all its threads at once, and let go as it was.

local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local count = require "tiexec.show.count"
local exit = require "tiexec.base.exit"
local hold = require "tiexec.harness.hold"
local message = require "tiexec.base.message"
local observed = require "tiexec.harness.observed"
local protection = require "tiexec.harness.protection"
local refusal = require "tiexec.harness.refusal"
local text = require "tiexec.base.text"

local c = core.constants
local attach = {}

local ALL_SIGNALS <const> = -1

-- Calls `work` with the process stopped. Signals wait meanwhile: if this process died now, by SIGKILL, so would
-- the other, rather than run on in the midst of something.
local function with_stopped(pid, work)
    local before = core.signal_mask(ALL_SIGNALS)
    local inferior <close>, why, errno = hold.attach(pid)
    if not inferior then
        core.signal_mask(before)
        return nil, refusal.to_attach(pid, why, errno)
    end
    inferior:exit_kill(true)
    local result = table.pack(xpcall(work, debug.traceback, inferior))
    inferior:exit_kill(false)
    inferior:detach()
    core.signal_mask(before)
    if not result[1] then return nil, "internal error: " .. tostring(result[2]) end
    return table.unpack(result, 2, result.n)
end

-- Whether some text is on larger pages.
local function has_huge_text(pid, host)
    local context = { pid = pid, pmd = host.pmd_size, sizes = count.sizes(host, {}) }
    for _, m in ipairs(core.mappings(pid, true) or {}) do
        local is_text = protection.is_executable(m.perms) and m.start >= 0
        if is_text and count.of(m, m, context) > 0 then return true end
    end
    return false
end

-- A server that has disabled huge pages for its heap's sake (mariadbd) may have them for its text: they are enabled
-- until the result is closed, with all threads stopped, and what is huge by then stays so. A seccomp filter of its
-- own might kill it for that: then nothing is done.
local function enable_huge_pages(inferior)
    local pid = inferior:pid()
    local function prctl(...) return inferior:remote_syscall("prctl", ...) end
    local enabled = core.status(pid, "THP_enabled") == 0 and (core.status(pid, "Seccomp") or 0) == 0
        and prctl(c.PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1 and prctl(c.PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0
    return setmetatable({}, { __close = function()
        if enabled then prctl(c.PR_SET_THP_DISABLE, 1, 0, 0, 0) end
    end })
end

-- Remaps one stopped process. Returns whether all is as wanted, and a line for its user.
local function remap_stopped(inferior, name, options)
    local stage = require "tiexec.remap.stage"
    local _ <close> = not options["dry-run"] and enable_huge_pages(inferior) or nil
    local chosen = choice.of(inferior, name, options)
    local outcome, why = stage.run(inferior, name, chosen, { stage = "attach" })
    if not outcome then return false, why end
    if outcome.complaint then return false, outcome.complaint end
    if outcome.dry or #outcome.results > 0 then return true end
    if has_huge_text(inferior:pid(), chosen.host) then return true, "its text is on huge pages already" end
    return true, "it has no text that could be on huge pages (tiexec --inspect tells more)"
end

local function undo_stopped(inferior, _, options)
    local bytes, complaints = require "tiexec.remap.undo".run(inferior, core.host())
    if not bytes then return false, complaints end
    if complaints[1] then return false, ("%s: %s"):format(complaints[1].object, complaints[1].why) end
    if bytes == 0 then return true, "there is nothing to undo" end
    return true, options.verbose and text.size(bytes) .. " are mapped as its files have them" or nil
end

-- Does one process. Returns an exit status.
local function treat(pid, work, options)
    local target, why = observed.open(pid)
    if not target then
        message.say("process %d: %s", pid, why)
        return exit.FAILED
    end
    local name = target.executable and target.executable:match("[^/]*$") or target.name
    local ok
    ok, why = with_stopped(pid, function(inferior) return work(inferior, name, options) end)
    if why then message.say("%s (process %d): %s", name, pid, why) end
    return ok and 0 or ok == false and exit.INCOMPLETE or exit.FAILED
end

local function each(pids, work, options)
    local worst = 0
    for _, pid in ipairs(pids) do worst = math.max(worst, treat(pid, work, options)) end
    return worst
end

--- Remaps running processes, one after the other.
-- @tparam table pids
-- @tparam table options settings of the command line and the environment
-- @treturn int exit status: 0; 1 some text stays on small pages; 125 a process could not be attached to
function attach.run(pids, options)
    if options.report then
        local file, why = io.open(options.report, "w")
        if not file then
            message.say("%s", why)
            return exit.FAILED
        end
        options.report_file = file
    end
    return each(pids, remap_stopped, options)
end

--- Puts the mappings of files back in running processes.
-- @tparam table pids
-- @tparam table options `verbose`
-- @treturn int exit status: 0; 1 something had to be left; 125 a process could not be attached to
function attach.undo(pids, options)
    return each(pids, undo_stopped, options)
end

return attach
