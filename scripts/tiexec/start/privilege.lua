-- SPDX-License-Identifier: Apache-2.0
--- Privileged programs: set-user-ID, set-group-ID and those with file capabilities. execve(2)
-- gives no privileges to a program whose tracer lacks CAP_SYS_PTRACE.

local auxv = require "tiexec.harness.auxv"
local core = require "tiexec.core"
local refusal = require "tiexec.harness.refusal"

local c = core.constants
local privilege = {}

local WORD <const> = 8

--- Which privileges a program does not get because this process traces it.
-- @string path of the program
-- @treturn ?string "setuid", "setgid" or "capabilities"; nil if it loses none
function privilege.lost(path)
    local kind = core.privilege_of(path)
    return kind and not refusal.has_capability(c.CAP_SYS_PTRACE) and kind or nil
end

-- The path that execve was given, as this process can open it. The path lies on the inferior's
-- stack at an address. Returns nil if it cannot be read.
local function given_path(inferior, address)
    local _, top = auxv.stack(inferior)
    local stop = top and inferior:search_memory(address, top - address, "\0")
    local path = stop and inferior:read_memory(address, stop - address)
    if not path then return nil end
    local folder = path:sub(1, 1) == "/" and "root" or "cwd/"
    return ("/proc/%d/%s%s"):format(inferior:pid(), folder, path)
end

-- Whether execve was given a script. Then the stack has the arguments of the script's interpreter,
-- and not those that execve was given.
local function is_script(inferior, path)
    local named, exe = core.stat(path), core.stat(("/proc/%d/exe"):format(inferior:pid()))
    return not named or not exe or named.inode ~= exe.inode or named.device ~= exe.device
end

-- Has the inferior repeat its execve when it runs on, with the arguments that are on the new
-- program's stack. Returns nil if that is not possible. Its seccomp filters have just allowed the
-- same call.
local function repeat_exec(inferior)
    local sp, name = inferior:read_register("sp"), (inferior:auxv() or {}).AT_EXECFN
    local count = sp and inferior:read_memory(sp, WORD)
    local path = name and given_path(inferior, name)
    if not count or not path or is_script(inferior, path) then return nil end
    local argv = sp + WORD
    local environment = argv + (string.unpack("j", count) + 1) * WORD
    return inferior:prepare_syscall("execve", name, argv, environment)
end

--- Restores the privileges that a program has lost because it was exec'd under this tracer: the
-- program will exec itself again as soon as it is let go.
-- @tparam Inferior inferior at its exec stop
-- @treturn[1] boolean true: the inferior must be let go at once
-- @treturn[2] nil the program has lost nothing
-- @treturn[3] nil, string what it has lost, which cannot be restored
function privilege.restore(inferior)
    local kind = privilege.lost(("/proc/%d/exe"):format(inferior:pid()))
    if not kind or core.status(inferior:pid(), "NoNewPrivs") == 1 then return nil end
    if repeat_exec(inferior) then return true end
    return nil, ("it is a %s program, which has lost its rights under a tracer"):format(kind)
end

return privilege
