-- SPDX-License-Identifier: Apache-2.0
--- The target description of an inferior, and registers in the form in which they are sent.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"

local c = core.constants
local description = {}

-- A register as GDB knows it:
-- name, size, type     GDB's; size in bytes
-- used                 how many of these are used: the others are zeros
-- number               its place in the order of all, from 0
-- whole, skip          the inferior's register that has its bytes, from `skip` on
local function new_register(line, number)
    local name, size, used, type, whole, skip =
        line:match("^(%S+) (%d+):?(%d*) (%S+) ?(%S*) ?(%d*)$")
    return { name = name, size = math.tointeger(size), type = type, number = number,
        used = math.tointeger(used) or math.tointeger(size),
        whole = whole ~= "" and whole or name, skip = math.tointeger(skip) or 0 }
end

local function write_register(register)
    local type, group = register.type:match("^([^/]*)/?(.*)$")
    return ("<reg name='%s' bitsize='%d' type='%s' regnum='%d'%s/>"):format(register.name,
        8 * register.size, type, register.number, group ~= "" and " group='" .. group .. "'" or "")
end

local Description = {}
Description.__index = Description

-- Adds those features whose registers the CPU has: `values` has some of each, by their names.
local function add_features(self, features, values, parts)
    for _, feature in ipairs(features) do
        local lines = {}
        for line in feature.registers:gmatch("[^\n]+") do
            local register = new_register(line, #self.list)
            if values[register.whole] == nil then break end
            self.list[#self.list + 1] = register
            self.by_name[register.name] = register
            lines[#lines + 1] = write_register(register)
        end
        if #lines > 0 then
            parts[#parts + 1] = ("<feature name='%s'>%s%s</feature>"):format(feature.name,
                feature.types, table.concat(lines))
        end
    end
end

--- Describes the registers of an inferior.
-- @tparam Inferior inferior stopped
-- @treturn[1] table `xml`; `list` of the registers, in order
-- @treturn[2] nil, message, errno
function description.of(inferior)
    local values, why, errno = inferior:registers("all")
    if not values then return nil, why, errno end
    local architecture, features = core.target_features()
    local self = setmetatable({ list = {}, by_name = {} }, Description)
    local parts = { "<?xml version='1.0'?><!DOCTYPE target SYSTEM 'gdb-target.dtd'><target>",
        ("<architecture>%s</architecture><osabi>GNU/Linux</osabi>"):format(architecture) }
    add_features(self, features, values, parts)
    parts[#parts + 1] = "</target>"
    self.xml = table.concat(parts, "\n")
    return self
end

-- The bytes of a value as the inferior's methods give it, in the CPU's order.
local function bytes_of(value)
    return type(value) == "string" and value or string.pack("<i8", value)
end

local function encode(register, value)
    if value == nil then return ("xx"):rep(register.size) end
    local bytes = bytes_of(value):sub(register.skip + 1, register.skip + register.size)
    return packets.hex(bytes .. ("\0"):rep(register.size - #bytes))
end

--- Gives all registers of a thread in hexadecimal.
-- @treturn[1] string
-- @treturn[2] nil, message, errno
function Description:read_all(inferior, thread)
    local values, why, errno = inferior:registers("all", thread)
    if not values then return nil, why, errno end
    local parts = {}
    for i, register in ipairs(self.list) do parts[i] = encode(register, values[register.whole]) end
    return table.concat(parts)
end

--- Gives one register.
-- @int number GDB's
-- @treturn[1] string
-- @treturn[2] nil, message, errno (EINVAL: there is no such register)
function Description:read(inferior, thread, number)
    local register = self.list[number + 1]
    if not register then return nil, "no such register", c.EINVAL end
    local value, why, errno = inferior:read_register(register.whole, thread)
    if value == nil and errno ~= c.ENODEV then return nil, why, errno end
    return encode(register, value)
end

-- Puts bytes into a register of the inferior, or a part of it.
local function put(inferior, thread, register, bytes)
    local before, why, errno = inferior:read_register(register.whole, thread)
    if before == nil then return nil, why, errno end
    local old = bytes_of(before)
    local new = old:sub(1, register.skip) .. bytes:sub(1, register.used)
    new = new .. old:sub(#new + 1)
    if new == old then return true end
    local value = type(before) == "string" and new or string.unpack("<i8", new)
    return inferior:write_register(register.whole, value, thread)
end

--- Changes one register.
-- @int number GDB's
-- @string bytes of the register's size
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno
function Description:write(inferior, thread, number, bytes)
    local register = self.list[number + 1]
    if not register or #bytes ~= register.size then return nil, "no such register", c.EINVAL end
    return put(inferior, thread, register, bytes)
end

--- Changes all registers, as `read_all` gives them; one that is not known ("xx") stays.
-- @string text in hexadecimal
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno
function Description:write_all(inferior, thread, text)
    local at, ok, why, errno = 1, true, nil, nil
    for _, register in ipairs(self.list) do
        local bytes = packets.bytes(text:sub(at, at + 2 * register.size - 1))
        at = at + 2 * register.size
        if bytes and #bytes == register.size then
            local done, reason, number = put(inferior, thread, register, bytes)
            if not done then ok, why, errno = nil, reason, number end
        end
    end
    return ok, why, errno
end

return description
