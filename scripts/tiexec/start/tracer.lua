-- SPDX-License-Identifier: Apache-2.0
--- The tracer's part of a start, once it has been split off and has seized the process that becomes
-- CMD. It is the first module to be loaded where the split came before Lua.

local core = require "tiexec.core"
local message = require "tiexec.base.message"

local tracer = {}

local WAIT_MS <const> = 5000 -- for the process to stop

local function is_conditional(given)
    return given.strict or given.require or given["dry-run"]
end

-- Root without CAP_SYS_PTRACE, as in most containers, may not look into another user's process; so
-- there the tracer becomes that user, too.
local function follow(inferior, name, given)
    local CAP_SYS_PTRACE <const> = core.constants.CAP_SYS_PTRACE
    if given.user and not require "tiexec.harness.refusal".has_capability(CAP_SYS_PTRACE) then
        require "tiexec.start.user".become(given)
    end
    require "tiexec.start.family".run(inferior, name, given) -- loaded while the other side execs
end

-- Lets CMD go after an internal error of the tracer, or ends CMD where that is asked for. Before
-- CMD's exec stop the end of the tracer is enough for that.
local function let_go(inferior, name, given, why)
    message.say_error(name, is_conditional(given) and "killed" or "runs on small pages", why)
    if is_conditional(given) then return pcall(inferior.kill, inferior) end
    pcall(inferior.interrupt, inferior, WAIT_MS)
    pcall(inferior.exit_kill, inferior, false)
    pcall(inferior.detach, inferior)
end

--- Follows CMD, and ends this process.
-- @tparam Inferior inferior
-- @string name of the program, for messages
-- @tparam Settings given the settings of the command line and the environment
function tracer.run(inferior, name, given)
    local ok, why = xpcall(follow, debug.traceback, inferior, name, given)
    if not ok then let_go(inferior, name, given, why) end
    os.exit(0) -- the kernel frees memory faster than Lua does
end

--- Does so in a process that was split off before Lua was started, with no setting in force.
-- @tparam table arguments list of strings with the program's name at 0, as Lua's `arg`
-- @treturn int exit status
function tracer.main(arguments)
    local inferior, why = core.take_tracee()
    if not inferior then error(why, 0) end
    local name = arguments[1] == "--" and arguments[2] or arguments[1]
    return tracer.run(inferior, name, { is_plain = true })
end

return tracer
