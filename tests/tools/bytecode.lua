-- SPDX-License-Identifier: Apache-2.0
-- lua5.4 bytecode.lua FILE >OUTPUT: compiles a module for the program, without the names of local
-- variables and upvalues.
--
-- The names are a third of what the program loads at each start, and serve debuggers alone. Line
-- numbers stay, for messages about internal errors. luac5.4 can strip both or none.

local file = assert(io.open(arg[1], "rb"))
local source = file:read("a")
file:close()
local text = string.dump(assert(load(source, "@" .. arg[1], "t")))

local HEADER <const> = "\27Lua\x54\0\x19\x93\r\n\x1a\n\4\8\8"
    .. string.pack("<i8d", 0x5678, 370.5) -- lundump.h
assert(text:sub(1, #HEADER) == HEADER, "this Lua writes bytecode of another form")

local at = #HEADER + 2 -- after the number of the main function's upvalues
local parts, begun = {}, 1

local function integer()
    local value = 0
    repeat
        local byte = text:byte(at)
        at, value = at + 1, value << 7 | byte & 0x7f
    until byte & 0x80 ~= 0
    return value
end

local function skip(bytes) at = at + bytes end

-- Skips a string. Its size is one more than its length; 0 stands for none.
local function skip_string() skip(math.max(integer() - 1, 0)) end

local function skip_each(f) for _ = 1, integer() do f() end end

-- What follows the type of a constant. Of nil, false and true nothing does.
local constants = { [0x03] = function() skip(8) end, [0x13] = function() skip(8) end,
    [0x04] = skip_string, [0x14] = skip_string, [0x00] = skip, [0x01] = skip, [0x11] = skip }

local function skip_constant()
    local kind = text:byte(at)
    skip(1)
    constants[kind](0)
end

-- Passes on what comes before this place, and then nothing up to where `f` leads, but for a list
-- without elements.
local function omit(f)
    parts[#parts + 1] = text:sub(begun, at - 1) .. "\x80"
    skip_each(f)
    begun = at
end

local function walk()
    skip_string() -- the source
    integer() -- its first line and its last one
    integer()
    skip(3) -- numbers of parameters and registers
    skip(4 * integer()) -- instructions
    skip_each(skip_constant)
    skip(3 * integer()) -- upvalues
    skip_each(walk)
    skip(integer()) -- line numbers
    skip_each(function() integer() integer() end)
    omit(function() skip_string() integer() integer() end) -- local variables
    omit(skip_string) -- names of upvalues
end

walk()
assert(at == #text + 1, "this Lua writes bytecode of another form")
local stripped = table.concat(parts)
assert(load(stripped, "stripped", "b"))
io.stdout:write(stripped)
