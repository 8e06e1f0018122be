-- SPDX-License-Identifier: Apache-2.0
--- The inferior: the ways to get one, and those of its methods that are made of others.
-- Whoever has required this module has inferiors with all their methods.

local core = require "tiexec.core"
local objects = require "tiexec.harness.objects"

local c = core.constants
local Inferior = {}

--- The mappings, in order of address; with smaps' figures when `details`.
function Inferior:mappings(details)
    return core.mappings(self:pid(), details)
end

--- The auxiliary vector: `auxv().AT_ENTRY`.
function Inferior:auxv()
    return core.auxv(self:pid())
end

--- The ELF objects that are mapped, with their text, in order of address. See `tiexec.harness.objects`.
function Inferior:objects()
    local mappings, message, errno = self:mappings()
    if not mappings then return nil, message, errno end
    return objects.of(self, mappings)
end

local Loan = {}
Loan.__index = Loan

function Loan:__close() self.inferior:write_memory(self.address, self.before) end

--- Puts bytes below the stack of the selected thread, for a system call to read: beyond what a leaf function may
-- use there. What was there comes back when the loan is closed.
-- @string bytes
-- @treturn[1] table `address`; to-be-closed
-- @treturn[2] nil, message, errno
function Inferior:lend(bytes)
    local BELOW <const> = 1024
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

--- Opens a file in the inferior, for reading.
-- @string path
-- @treturn[1] int file descriptor of the inferior
-- @treturn[2] nil, message, errno
function Inferior:remote_open(path)
    local name <close>, message, errno = self:lend(path .. "\0")
    if not name then return nil, message, errno end
    return self:remote_syscall("openat", c.AT_FDCWD, name.address, c.O_RDONLY | c.O_CLOEXEC, 0)
end

local Scratch = {}
Scratch.__index = Scratch

--- Leaves the memory to the inferior for good.
function Scratch:release()
    self.held = false
end

function Scratch:__close()
    if self.held then self.inferior:remote_syscall("munmap", self.address, self.size) end
    self.held = false
end
Scratch.close = Scratch.__close

--- Maps `size` bytes of fresh memory, readable and writable, in the inferior.
-- @int size
-- @treturn[1] table `address`, `size`; unmapped when closed: `local s <close> = inferior:scratch(n)`
-- @treturn[2] nil, message, errno
function Inferior:scratch(size)
    local address, message, errno = self:remote_syscall("mmap", 0, size,
        c.PROT_READ | c.PROT_WRITE, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    if not address then return nil, message, errno end
    return setmetatable({ inferior = self, address = address, size = size, held = true }, Scratch)
end

core.extend_inferior(Inferior)

return {
    launch = core.launch,
    attach = core.attach,
    wait_any = core.wait_any,
}
