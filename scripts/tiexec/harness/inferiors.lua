-- SPDX-License-Identifier: Apache-2.0
--- Inferiors: the ways to get one, and the methods that are written in Lua. A program that has
-- required this module has inferiors with all their methods.

local core = require "tiexec.core"
local objects = require "tiexec.harness.objects"
local seccomp = require "tiexec.harness.seccomp"

local c = core.constants
local Inferior = {}
local base -- the methods written in C that those below replace

--- Lists the mappings, in order of address.
-- @bool[opt] details add the numbers of /proc/PID/smaps, which take longer to read
-- @treturn[1] table list of Mapping
-- @treturn[2] nil, message, errno
function Inferior:mappings(details)
    return core.mappings(self:pid(), details)
end

--- Gives the auxiliary vector, as the kernel has it.
-- @treturn[1] table values by their names: `auxv().AT_ENTRY`
-- @treturn[2] nil, message, errno
function Inferior:auxv()
    return core.auxv(self:pid())
end

--- Lists the ELF objects that are mapped with text, in order of address.
-- @treturn[1] table list of Object
-- @treturn[2] nil, message, errno
function Inferior:objects()
    local mappings, message, errno = self:mappings()
    if not mappings then return nil, message, errno end
    return objects.of(self, mappings)
end

local Loan = {}
Loan.__index = Loan

function Loan:__close() self.inferior:write_memory(self.address, self.before) end

--- Puts bytes below the stack of the selected thread, where a system call can read them. The bytes
-- that were there are put back when the loan is closed.
-- @string bytes
-- @treturn[1] table `address` of the bytes; to be closed: `local loan <close> = inferior:lend(s)`
-- @treturn[2] nil, message, errno
function Inferior:lend(bytes)
    local BELOW <const> = 1024 -- more than a leaf function may use below its stack pointer
    local sp, message, errno = self:read_register("sp")
    if not sp then return nil, message, errno end
    local address = (sp - BELOW - #bytes) & -16
    local before
    before, message, errno = self:read_memory(address, #bytes)
    if not before then return nil, message, errno end
    local ok
    ok, message, errno = self:write_memory(address, bytes)
    if not ok then return nil, message, errno end
    return setmetatable({ inferior = self, address = address, before = before }, Loan)
end

--- Makes the inferior open a file for reading.
-- @string path as the inferior sees it
-- @treturn[1] int file descriptor of the inferior
-- @treturn[2] nil, message, errno
function Inferior:remote_open(path)
    local name <close>, message, errno = self:lend(path .. "\0")
    if not name then return nil, message, errno end
    return self:remote_syscall("openat", c.AT_FDCWD, name.address, c.O_RDONLY | c.O_CLOEXEC, 0)
end

local Scratch = {}
Scratch.__index = Scratch

--- Leaves the memory to the inferior: closing does not unmap it any more.
function Scratch:release()
    self.held = false
end

function Scratch:__close()
    if self.held then self.inferior:remote_syscall("munmap", self.address, self.size) end
    self.held = false
end
Scratch.close = Scratch.__close

--- Maps fresh memory in the inferior, readable and writable.
-- @int size bytes
-- @treturn[1] table `address`, `size`; unmapped when closed: `local s <close> =
-- inferior:scratch(n)`
-- @treturn[2] nil, message, errno
function Inferior:scratch(size)
    local address, message, errno = self:remote_syscall("mmap", 0, size,
        c.PROT_READ | c.PROT_WRITE, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    if not address then return nil, message, errno end
    return setmetatable({ inferior = self, address = address, size = size, held = true }, Scratch)
end

-- ---- past a seccomp filter ----------------------------------------------------------------------

--- Makes the selected thread, which must be stopped, execute a system call. It does not if seccomp
-- might kill the thread for that (see `seccomp.refusal`).
-- @string name as in syscalls(2); an unknown one raises
-- @param ... up to six integers; those that are left out are 0
-- @treturn[1] int what the call has returned
-- @treturn[2] nil, message, errno: the call has failed, or could not be run (ESRCH: the thread has
-- ended or is not stopped; EPERM, too, if seccomp forbids it)
function Inferior:remote_syscall(name, ...)
    local refused = seccomp.refusal(self)
    if refused then return nil, refused, c.EPERM end
    return base.remote_syscall(self, name, ...)
end

-- Whenever an inferior may have run, or another thread of it is selected, what was known of its
-- filters is forgotten.
for _, name in ipairs { "wait", "interrupt", "select" } do
    Inferior[name] = function(self, ...)
        seccomp.forget(self)
        return base[name](self, ...)
    end
end

function Inferior:adopt(...)
    local child, why, errno = base.adopt(self, ...)
    if child and seccomp.is_heir(self) then seccomp.note_heir(child) end
    return child, why, errno
end

base = core.extend_inferior(Inferior)

local function launch(...)
    local inferior, why, errno = core.launch(...)
    if inferior then seccomp.note_heir(inferior) end
    return inferior, why, errno
end

local function wait_any(list, ...)
    for _, inferior in pairs(list) do seccomp.forget(inferior) end
    return core.wait_any(list, ...)
end

return {
    launch = launch,
    attach = core.attach,
    wait_any = wait_any,
}
