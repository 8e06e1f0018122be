-- SPDX-License-Identifier: Apache-2.0
--- Programs that give rights (set-id, file capabilities): under a tracer that lacks CAP_SYS_PTRACE they do not.

local auxv = require "tiexec.harness.auxv"
local core = require "tiexec.core"
local refusal = require "tiexec.harness.refusal"

local c = core.constants
local privilege = {}

--- What rights a program would give, and does not to one that this process traces: "setuid", "setgid",
-- "capabilities"; or nil.
-- @string path
function privilege.lost(path)
    local kind = core.privilege_of(path)
    return kind and not refusal.has_capability(c.CAP_SYS_PTRACE) and kind or nil
end

-- The path that execve was given, which lies on the stack, as seen from here; nil: it cannot be read.
local function given_path(inferior, address)
    local _, top = auxv.stack(inferior)
    local stop = top and inferior:search_memory(address, top - address, "\0")
    local path = stop and inferior:read_memory(address, stop - address)
    if not path then return nil end
    return ("/proc/%d/%s%s"):format(inferior:pid(), path:sub(1, 1) == "/" and "root" or "cwd/", path)
end

-- A script's stack has the arguments of its interpreter: those are not what execve was given.
local function is_script(inferior, path)
    local given, exe = core.stat(path), core.stat(("/proc/%d/exe"):format(inferior:pid()))
    return not given or not exe or given.inode ~= exe.inode or given.device ~= exe.device
end

-- Has execve done again, with the arguments that are on the new program's stack.
local function exec_anew(inferior)
    local WORD <const> = 8
    local sp, name = inferior:read_register("sp"), (inferior:auxv() or {}).AT_EXECFN
    local count = sp and inferior:read_memory(sp, WORD)
    local path = name and given_path(inferior, name)
    if not count or not path or is_script(inferior, path) then return nil end
    local argv = sp + WORD
    return inferior:prepare_syscall("execve", name, argv, argv + (string.unpack("j", count) + 1) * WORD)
end

--- A program that has been exec'd under this tracer and would have got rights by it: when it is let go, it execs
-- itself anew and has them.
-- @param inferior at its exec stop
-- @treturn[1] boolean true: it is to be let go, at once
-- @treturn[2] nil: it has lost nothing
-- @treturn[3] nil, string: it has, and that cannot be mended
function privilege.restore(inferior)
    local kind = privilege.lost(("/proc/%d/exe"):format(inferior:pid()))
    if not kind or core.status(inferior:pid(), "NoNewPrivs") == 1 then return nil end
    if exec_anew(inferior) then return true end
    return nil, ("it is a %s program, which has lost its rights under a tracer"):format(kind)
end

return privilege
