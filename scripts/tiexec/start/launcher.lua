-- SPDX-License-Identifier: Apache-2.0
--- The program's side: checks what can be known before, splits off the tracer, and becomes CMD.

local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"
local privilege = require "tiexec.start.privilege"
local refusal = require "tiexec.harness.refusal"
local seccomp = require "tiexec.harness.seccomp"
local user = require "tiexec.start.user"

local c = core.constants
local launcher = {}

local WAIT_MS <const> = 5000
local TRIAL_MS <const> = 2000

-- A 32-bit process cannot be made to exit_group(2) by a 64-bit tracer: so it is told before, for --strict.
local function is_32_bit(path)
    return core.read_file(path, 5) == "\127ELF\1"
end

-- Process 1 stays, as an init; so it is better to know beforehand that there will be no tracer.
local function forbidden_as_init()
    local ok, why = core.trial(function()
        local inferior, refused, errno = require "tiexec.harness.inferiors".launch { "/proc/self/exe" }
        if not inferior then error(refusal.to_launch(refused, errno), 0) end
        inferior:kill()
    end, TRIAL_MS)
    return not ok and why or nil
end

-- Why CMD must be started without a tracer, or nil.
local function reason_against(path)
    local traced = refusal.by_tracer(core.getpid())
    if traced then return traced end
    if tonumber(core.readlink("/proc/self")) ~= core.getpid() then
        return "/proc is not mounted, or is that of another pid namespace (mount -t proc proc /proc)"
    end
    local lost = privilege.lost(path)
    if lost then return ("it is a %s program, which would lose its rights under a tracer"):format(lost) end
    if is_32_bit(path) then return "it is a 32-bit program" end
    return seccomp.forbids_tracing() or core.getpid() == 1 and forbidden_as_init()
end

-- With --user the tracer, which has split off before, keeps its rights; the target loses them here.
local function become(path, argv, options)
    local ok, refused = user.become(options)
    if not ok then
        message.say("%s", refused)
        return exit.FAILED
    end
    local _, why, errno = core.exec(path, argv)
    if errno == c.ENOEXEC then why = path .. ": not a program that this host can run" end
    message.say("%s", why)
    return errno == c.ENOENT and exit.NOT_FOUND or exit.CANNOT_EXECUTE
end

-- Fail open: CMD runs as it is, with one line that says why.
local function plainly(path, argv, options, why)
    if options.report_file then
        require "tiexec.show.report".write_failure(options.report_file, argv[1], why)
    end
    if options.strict then
        message.say("%s: not started: %s", argv[1], why)
        return exit.FAILED
    end
    message.say("%s: runs on small pages: %s", argv[1], why)
    return become(path, argv, options)
end

-- Opened here, so that /dev/stdout and /dev/fd/N are the caller's, and a bad name is told at once.
local function open_report(options)
    if not options.report then return true end
    local file, why = io.open(options.report, "w")
    if not file then return nil, why end
    options.report_file = file
    return true
end

-- Splits off the tracer, and becomes CMD.
local function start(path, argv, options)
    local side, inferior, errno = core.split(WAIT_MS, options.report_file)
    if side == "tracer" then
        -- Root without that capability, as in most containers, may not look into another user's process.
        if options.user and not refusal.has_capability(c.CAP_SYS_PTRACE) then user.become(options) end
        require "tiexec.start.family".run(inferior, argv[1], options) -- loaded while the target execs
        os.exit(0) -- the kernel frees memory faster than Lua does
    end
    if not side then return plainly(path, argv, options, refusal.to_launch(inferior, errno)) end
    if options.report_file then options.report_file:close() end
    return become(path, argv, options)
end

-- Orphans of a pid namespace come to its process 1. It would have to be CMD, which knows nothing of the
-- tracer: so this process stays, and CMD is its child.
local function start_under_init(path, argv, options)
    local in_child, status = core.stay_as_init()
    if in_child then return start(path, argv, options) end
    if in_child == false then return status end
    return plainly(path, argv, options, status)
end

--- Starts CMD. Returns only when it could not be started, or in the tracer when that has done its work.
-- @tparam table argv CMD and its arguments
-- @tparam table options settings of the command line and the environment
-- @treturn int the exit status
function launcher.run(argv, options)
    local path, why, errno = user.find(argv[1], options)
    if not path then
        message.say("%s", why)
        if not errno then return exit.FAILED end
        return errno == c.ENOENT and exit.NOT_FOUND or exit.CANNOT_EXECUTE
    end
    local ok
    ok, why = open_report(options)
    if not ok then return plainly(path, argv, options, why) end
    why = reason_against(path)
    if why then return plainly(path, argv, options, why) end
    return (core.getpid() == 1 and start_under_init or start)(path, argv, options)
end

return launcher
