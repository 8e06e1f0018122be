-- SPDX-License-Identifier: Apache-2.0
--- Registers of a stub's threads.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"
local target = require "tiexec.gdb.client.target"
local wire = require "tiexec.gdb.client.wire"

local c = core.constants
local registers = {} -- methods of a Remote

-- Has later packets mean a thread.
local function name_thread(remote, thread)
    thread = thread or remote.selected
    if remote.named == thread then return true end
    local ok, why, errno = wire.order(remote, "Hg" .. wire.id(remote, thread))
    if ok then remote.named = thread end
    return ok, why, errno
end

-- Gives all registers of a thread, in hexadecimal, as they were when it stopped.
local function all_of(remote, thread)
    thread = thread or remote.selected
    if remote.kept[thread] then return remote.kept[thread] end
    local ok, why, errno = name_thread(remote, thread)
    if not ok then return nil, why, errno end
    local text
    text, why, errno = wire.ask(remote, "g")
    if not text then return nil, why, errno end
    remote.kept[thread] = text
    return text
end

-- The value of a register's bytes: up to eight are an integer, more a byte string.
local function value_of(remote, register, bytes)
    if register.size > 8 then return bytes end
    return (string.unpack(remote.order .. "I" .. register.size, bytes))
end

local function find(remote, name)
    local register = target.find(remote.target, name)
    if not register then error(("unknown register '%s'"):format(tostring(name)), 3) end
    return register
end

-- Gives the bytes of a register; false: the stub does not know them.
local function bytes_of(remote, register, thread)
    local whole = register.whole or register
    local text, why, errno = all_of(remote, thread)
    if not text then return nil, why, errno end
    local at = 2 * whole.offset + 1
    local part = text:sub(at, at + 2 * whole.size - 1)
    if #part < 2 * whole.size then -- all are not those of the description
        local ok
        ok, why, errno = name_thread(remote, thread)
        if not ok then return nil, why, errno end
        part, why, errno = wire.ask(remote, ("p%x"):format(whole.number))
        if not part then return nil, why, errno end
    end
    local bytes = packets.bytes(part)
    if not bytes or #bytes ~= whole.size then return false end
    return remote.order == "<" and bytes:sub(1, register.size) or bytes:sub(-register.size)
end

--- Reads one register, as `Inferior:read_register` does. Names are those of the stub's description,
-- and pc, sp, fp.
function registers:read_register(name, thread)
    local register = find(self, name)
    local bytes, why, errno = bytes_of(self, register, thread)
    if bytes == nil then return nil, why, errno end
    if not bytes then return nil, name .. ": the stub does not know its value", c.ENODEV end
    return value_of(self, register, bytes)
end

-- The bytes of a value that is to be written.
local function pack(remote, register, value)
    if register.size > 8 then
        if type(value) == "string" and #value == register.size then return value end
        error("write_register: byte string of another size", 3)
    end
    if math.type(value) ~= "integer" then error("write_register: an integer expected", 3) end
    local bytes = string.pack(remote.order .. "i8", value)
    return remote.order == "<" and bytes:sub(1, register.size) or bytes:sub(-register.size)
end

-- Puts the bytes of a part into those of the whole.
local function complete(remote, register, bytes, thread)
    if not register.whole then return bytes end
    local whole, why, errno = bytes_of(remote, register.whole, thread)
    if not whole then return nil, why or "the stub does not know its value", errno or c.ENODEV end
    if remote.order == "<" then return bytes .. whole:sub(#bytes + 1) end
    return whole:sub(1, -#bytes - 1) .. bytes
end

-- Writes a register by way of all of them.
local function write_all(remote, register, bytes, thread)
    local text, why, errno = all_of(remote, thread)
    if not text then return nil, why, errno end
    local at = 2 * register.offset
    return wire.order(remote, "G" .. text:sub(1, at) .. packets.hex(bytes)
        .. text:sub(at + #bytes * 2 + 1))
end

--- Changes one register, as `Inferior:write_register` does.
function registers:write_register(name, value, thread)
    local register = find(self, name)
    local bytes, why, errno = complete(self, register, pack(self, register, value), thread)
    if not bytes then return nil, why, errno end
    register = register.whole or register
    local ok
    ok, why, errno = name_thread(self, thread)
    if not ok then return nil, why, errno end
    ok, why, errno = wire.order(self, ("P%x=%s"):format(register.number, packets.hex(bytes)))
    if errno == c.EOPNOTSUPP then ok, why, errno = write_all(self, register, bytes, thread) end
    self.kept = {}
    return ok, why, errno
end

-- GDB's groups of a register, as far as its type tells.
local function group_of(register)
    if register.group then return register.group end
    if register.size > 8 and register.type:find("i387") then return "float" end
    return register.size > 8 and "vector" or "general"
end

--- Reads all registers of a group, as `Inferior:registers` does.
function registers:registers(group, thread)
    group = group or "general"
    local list = {}
    for _, register in ipairs(self.target.list) do
        if group == "all" or group_of(register) == group then
            local bytes, why, errno = bytes_of(self, register, thread)
            if bytes == nil then return nil, why, errno end
            if bytes then list[register.name] = value_of(self, register, bytes) end
        end
    end
    return list
end

return registers
