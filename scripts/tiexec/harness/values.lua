-- SPDX-License-Identifier: Apache-2.0
--- Values in an inferior's memory: integers, floating-point numbers, pointers, arrays of them, and
-- strings. They are in the byte order of the CPU, and need not be aligned.

local core = require "tiexec.core"

local c = core.constants
local values = {} -- methods of inferiors

local STRING_LIMIT <const> = 1 << 20
local PIECE <const> = 4096 -- no CPU has smaller pages: a piece that ends with one can be read
local ARRAY_LIMIT <const> = 1 << 20 -- values

-- By the names of methods: the format of string.pack, and the least and the largest value.
local types = {
    u8 = { "B", 0, 0xff }, i8 = { "b", -0x80, 0x7f },
    u16 = { "<I2", 0, 0xffff }, i16 = { "<i2", -0x8000, 0x7fff },
    u32 = { "<I4", 0, 0xffffffff }, i32 = { "<i4", -0x80000000, 0x7fffffff },
    u64 = { "<j" }, i64 = { "<j" }, pointer = { "<j" },
    float = { "<f" }, double = { "<d" },
}

local function unpack_all(format, bytes, size, count)
    local list = {}
    for i = 1, count do list[i] = string.unpack(format, bytes, (i - 1) * size + 1) end
    return list
end

local function is_count(count)
    return math.type(count) == "integer" and count >= 0 and count <= ARRAY_LIMIT
end

--- Reads a value, or an array of them. There is a method for each of u8, i8, u16, i16, u32, i32,
-- u64, i64, pointer, float and double. u64 and pointer give a Lua integer: the same 64 bits.
-- @function Inferior:read_TYPE
-- @int address
-- @int[opt] count gives a list of so many values; more than a million raise
-- @treturn[1] int|number|table
-- @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped)
-- @usage
-- local data = inferior:symbol("primes")
-- print(inferior:read_i32(data)) --> 2
-- print(table.concat(inferior:read_i32(data, 4), " ")) --> 2 3 5 7
-- print(inferior:read_double(inferior:symbol("ratio"))) --> 1.5
local function reader(name, format)
    local size = string.packsize(format)
    return function(self, address, count)
        if count ~= nil and not is_count(count) then
            error(("read_%s: a count of 0 to %d expected"):format(name, ARRAY_LIMIT), 2)
        end
        local bytes, message, errno = self:read_memory(address, size * (count or 1))
        if not bytes then return nil, message, errno end
        if count then return unpack_all(format, bytes, size, count) end
        return (string.unpack(format, bytes))
    end
end

-- Gives a value's bytes. Raises for what the type cannot hold.
local function pack(name, format_and_range, value)
    local format, low, high = table.unpack(format_and_range)
    if name == "float" or name == "double" then
        if math.type(value) then return string.pack(format, value) end
        error(("write_%s: a number expected, got %s"):format(name, tostring(value)), 3)
    end
    if math.type(value) ~= "integer" then
        error(("write_%s: an integer expected, got %s"):format(name, tostring(value)), 3)
    end
    if low and (value < low or value > high) then
        error(("write_%s: %d is not from %d to %d"):format(name, value, low, high), 3)
    end
    return string.pack(format, value)
end

--- Writes a value, or an array of them, as `read_TYPE` reads it.
-- @function Inferior:write_TYPE
-- @int address
-- @tparam int|number|table value one, or a list; what the type cannot hold raises
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped)
-- @usage
-- local data = inferior:symbol("primes")
-- inferior:write_i32(data + 4, { 11, 13 })
-- print(table.concat(inferior:read_i32(data, 4), " ")) --> 2 11 13 7
-- print(pcall(inferior.write_u8, inferior, data, 256)) --> false write_u8: 256 is not from 0 to 255
local function writer(name, format_and_range)
    return function(self, address, value)
        if type(value) ~= "table" then
            return self:write_memory(address, pack(name, format_and_range, value))
        end
        local bytes = {}
        for i, one in ipairs(value) do bytes[i] = pack(name, format_and_range, one) end
        return self:write_memory(address, table.concat(bytes))
    end
end

for name, format_and_range in pairs(types) do
    values["read_" .. name] = reader(name, format_and_range[1])
    values["write_" .. name] = writer(name, format_and_range)
end

--- Reads a string that ends with a NUL, as C has them.
-- @int address
-- @int[opt] limit bytes that it may have, a MiB when absent
-- @treturn[1] string without the NUL
-- @treturn[2] nil, message, errno (EFAULT, EIO: it reaches to where nothing is mapped; EOVERFLOW:
-- there is no NUL within the limit)
-- @usage
-- print(inferior:read_string(inferior:symbol("greeting"))) --> hello
-- print(inferior:read_string(inferior:symbol("greeting"), 3))
-- --> nil read_string: no NUL within 3 bytes 75
function values:read_string(address, limit)
    limit = limit or STRING_LIMIT
    if math.type(limit) ~= "integer" or limit < 0 then
        error("read_string: a limit is an integer that is not negative", 2)
    end
    local pieces, got = {}, 0
    while got <= limit do
        local size = math.min(PIECE - (address + got) % PIECE, limit + 1 - got)
        local bytes, message, errno = self:read_memory(address + got, size)
        if not bytes then return nil, message, errno end
        local nul = bytes:find("\0", 1, true)
        pieces[#pieces + 1] = nul and bytes:sub(1, nul - 1) or bytes
        if nul then return table.concat(pieces) end
        got = got + size
    end
    return nil, ("read_string: no NUL within %d bytes"):format(limit), c.EOVERFLOW
end

--- Writes a string, and a NUL after it.
-- @int address
-- @string text one with a NUL in it raises
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped)
-- @usage
-- inferior:write_string(inferior:symbol("greeting"), "good day")
-- print(inferior:read_string(inferior:symbol("greeting"))) --> good day
function values:write_string(address, text)
    if type(text) ~= "string" or text:find("\0", 1, true) then
        error("write_string: a string without a NUL expected", 2)
    end
    return self:write_memory(address, text .. "\0")
end

return { methods = values }
