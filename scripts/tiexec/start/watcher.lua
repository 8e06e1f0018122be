-- SPDX-License-Identifier: Apache-2.0
--- The watcher of a program that has nothing to gain itself, or has gained it by the steps of an
-- earlier start, but may become, start or load what gains. It was split off before Lua was started,
-- with no setting in force. The program has been exec'd, and is not traced.

local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local kin = require "tiexec.watch.kin"
local message = require "tiexec.base.message"
local settings = require "tiexec.plan.settings"

local watcher = {}

local TURN_MS <const>, PATIENCE_S <const> = 50, 5 -- for the kernel to open the first event

-- Whether a process is the one that has made this one, and not a later one of the same id.
local function is_older(pid)
    local its, own = kin.birth_of(pid), kin.birth_of(core.getpid())
    return its and own and tonumber(its) <= tonumber(own)
end

local function begin(pid, name)
    local chosen = choice.of({ pid = function() return pid end }, name, {})
    choice.prepare(chosen)
    if chosen.wrong or not is_older(pid) then return nil end
    return require "tiexec.watch".begin(pid, chosen, {}, {}, settings.default_follow.auto)
end

-- Waits until a watch stands. Returns false and why it does not.
local function await(watch)
    local deadline, stands, refused = core.now() + PATIENCE_S, false, nil
    while not stands and not refused and core.now() < deadline do
        stands, refused = watch:stands(TURN_MS)
    end
    if not stands then watch:close() end
    return stands, refused or "the kernel opens no perf event"
end

-- CMD was told of as watched, so it is told, too, that it is not. One that has huge text itself was
-- not told of.
local function run(pid, name, served)
    local watch, refused = begin(pid, name)
    local stands = false
    if watch then stands, refused = await(watch) end
    if stands then
        if served then watch:take_served(pid, served) else watch:take(pid) end
        watch:run()
    elseif refused and not served then
        message.say("%s: what it starts, and what that loads, is not seen: %s", name, refused)
    end
end

--- Watches until the program's family has ended, or for some seconds once somebody has gained.
-- @tparam table arguments list of strings with the program's name at 0, as Lua's `arg`
-- @treturn int exit status
function watcher.main(arguments)
    local pid, served = core.watched()
    core.lend_messages(pid) -- if it has the same standard error still
    local name = arguments[1] == "--" and arguments[2] or arguments[1]
    local ok, why = xpcall(run, debug.traceback, pid, name, served)
    if not ok then message.say("%s: %s", name, message.of_error(why)) end
    os.exit(0) -- the kernel frees memory faster than Lua does
end

return watcher
