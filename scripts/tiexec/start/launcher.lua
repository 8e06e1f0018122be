-- SPDX-License-Identifier: Apache-2.0
--- The launcher: finds out whether CMD can be traced, splits off the tracer, and becomes CMD.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"
local privilege = require "tiexec.start.privilege"
local refusal = require "tiexec.harness.refusal"
local seccomp = require "tiexec.harness.seccomp"
local settings = require "tiexec.plan.settings"
local status = require "tiexec.harness.status"
local user = require "tiexec.start.user"

local c = core.constants
local launcher = {}

local WAIT_MS <const> = 5000 -- for the tracer to seize this process
local TRIAL_MS <const> = 2000
local STDOUT <const> = 1

-- A 64-bit tracer cannot make a 32-bit process exit, as `--strict` may demand later. So such
-- programs are found out before the start.
local function is_32_bit(path)
    return core.read_file(path, 5) == "\127ELF\1"
end

-- Why a child of process 1 cannot be traced, or nil. Process 1 cannot become CMD once it has turned
-- into an init, so this is tried out before.
local function reason_against_init()
    local ok, why = core.trial(function()
        local inferiors = require "tiexec.harness.inferiors"
        local inferior, refused, errno = inferiors.launch { "/proc/self/exe" }
        if not inferior then error(refusal.to_launch(refused, errno), 0) end
        inferior:kill()
    end, TRIAL_MS)
    return not ok and why or nil
end

-- Why CMD must be started without a tracer, or nil.
local function reason_against(path, given)
    local pid = core.getpid()
    local own = status.read(pid)
    local traced = refusal.by_tracer(pid, own)
    if traced then return traced end
    local self_link = core.readlink("/proc/self")
    if not self_link or tonumber(self_link) ~= pid then
        return codes.words("no-proc")
    end
    if core.huge_page_size() == 0 and not given["page-size"] then
        return codes.words("huge-pages-unseen")
    end
    local lost = privilege.lost(path)
    if lost then
        return codes.words("set-id", lost)
    end
    if is_32_bit(path) then return codes.words("32-bit") end
    return seccomp.forbids_tracing(own) or pid == 1 and reason_against_init()
end

-- Takes standard output away: what CMD's constructors write is no part of the plan.
local function be_silent()
    core.syscall("close", STDOUT) -- the next file has the lowest number that is free
    return io.open("/dev/null", "w")
end

-- Has this process become CMD. With `--user` it loses its rights first; the tracer, which has been
-- split off by then, keeps them. Returns the exit status if CMD cannot be executed.
local function become(path, argv, given)
    local ok, refused = user.become(given)
    if not ok then
        message.say("%s", refused)
        return exit.FAILED
    end
    local nothing = given.plan_file and be_silent() -- open until the exec
    local _, why, errno = core.exec(path, argv)
    if nothing then nothing:close() end
    if errno == c.ENOEXEC then why = path .. ": not a program that this host can run" end
    message.say("%s", why)
    return errno == c.ENOENT and exit.NOT_FOUND or exit.CANNOT_EXECUTE
end

-- Whether CMD must not run where nothing can be done for it.
local function is_conditional(given)
    return given.strict or given.require or given["dry-run"]
end

-- Has this process become CMD without a tracer, and says in one line why. With `--strict` and
-- `--dry-run` CMD is not started.
local function become_untraced(path, argv, given, why)
    if given.report_file then
        require "tiexec.show.report".write_failure(given.report_file, argv[1], why)
    end
    if is_conditional(given) then
        message.say("%s: not started: %s", argv[1], why)
        return exit.FAILED
    end
    if not given.quiet then message.say("%s: runs on small pages: %s", argv[1], why) end
    return become(path, argv, given)
end

-- What this process is, once it is not to become CMD any more: "tracer" or "init".
local role

-- Why there is no tracer, in words.
local function reason_of(message_of_kernel, errno)
    if errno == c.EAGAIN then return codes.words("process-limit") end
    return refusal.to_launch(message_of_kernel, errno)
end

-- Splits off the tracer, and has this process become CMD.
local function start(path, argv, given)
    local side, inferior, errno = core.split(WAIT_MS, given.plan_file or given.report_file)
    if side == "tracer" then
        role = "tracer"
        if given.plan_file then given.report_file = nil end -- nothing is done to report
        require "tiexec.start.tracer".run(inferior, argv[1], given)
    end
    if not side then
        local message_of_kernel = inferior -- there is no inferior
        return become_untraced(path, argv, given, reason_of(message_of_kernel, errno))
    end
    return become(path, argv, given)
end

-- Starts CMD from process 1 of a pid namespace. The orphans of the namespace, the tracer among
-- them, become children of process 1. CMD would not expect them; so this process stays as an
-- init, and CMD is its child.
local function start_under_init(path, argv, given)
    local in_child, result = core.stay_as_init()
    if in_child then return start(path, argv, given) end
    role = in_child == false and "init" or nil
    if in_child == false then return result end -- an exit status
    return become_untraced(path, argv, given, result) -- here it is a message
end

local function run(argv, given)
    core.hold_signals() -- what this process brings upon itself is not CMD's; `exec` puts them back
    local path, why, errno = user.find(argv[1], given)
    if not path then
        message.say("%s", why)
        if not errno then return exit.FAILED end
        return errno == c.ENOENT and exit.NOT_FOUND or exit.CANNOT_EXECUTE
    end
    if core.is_target() then return become(path, argv, given) end -- what has failed fails again
    -- Only in this process are /dev/stdout and /dev/fd/N the caller's.
    local ok
    ok, why = settings.open_report(given)
    if given["dry-run"] then
        given.plan_file = core.append_file("-")
        given.plan_width = require "tiexec.base.terminal".width(STDOUT)
    end
    if ok then why = reason_against(path, given) end
    if why then return become_untraced(path, argv, given, why) end
    return (core.getpid() == 1 and start_under_init or start)(path, argv, given)
end

-- Goes on after an internal error, such as a lack of memory: has this process become CMD, unless
-- CMD is another process. Nothing here may raise.
local function run_after_error(argv, given, why)
    local can_start = not role and not is_conditional(given)
    message.say_error(argv[1], can_start and "runs on small pages" or role or "not started", why)
    if not can_start or not pcall(user.become, given) then return exit.FAILED end
    local path = core.find(argv[1])
    local _, _, errno = core.exec(path or argv[1], argv)
    return errno == c.ENOENT and exit.NOT_FOUND or exit.CANNOT_EXECUTE
end

--- Starts CMD. Returns only if CMD could not be started or, in an init, when CMD has ended.
-- @tparam table argv list of strings: CMD and its arguments
-- @tparam Settings given the settings of the command line and the environment
-- @treturn int exit status
function launcher.run(argv, given)
    local ok, result = xpcall(run, debug.traceback, argv, given)
    if ok then return result end
    return run_after_error(argv, given, result)
end

return launcher
