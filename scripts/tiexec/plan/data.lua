-- SPDX-License-Identifier: Apache-2.0
--- Turns plain data into text and back. A forked copy of this process passes its result on this
-- way. What runs in the copy is not trusted: its text is read as data, and never as Lua.
--
-- The text of a value: `n` nil, `t` true, `f` false; `i12;` an integer; `d` and eight bytes, a
-- float; `s3:abc` a string; `{`, keys and fields one after the other, `}` a table.

local data = {}

local DEEPEST <const> = 20 -- levels of nested tables; a table that contains itself has no end

-- Strings are written with functions that were taken before any strategy could replace them.
local format, pack, unpack, find, sub = string.format, string.pack, string.unpack, string.find,
    string.sub

local writers = {
    ["nil"] = function() return "n" end,
    boolean = function(value) return value and "t" or "f" end,
    number = function(value)
        if math.type(value) == "integer" then return format("i%d;", value) end
        return "d" .. pack("<d", value)
    end,
    string = function(value) return format("s%d:", #value) .. value end,
}

local function add(parts, value, depth)
    local kind = type(value)
    if kind ~= "table" then
        local write = writers[kind]
        if not write then error(format("a %s is not data", kind), 0) end
        parts[#parts + 1] = write(value)
        return
    end
    if depth > DEEPEST then error("a table is nested too deep", 0) end
    parts[#parts + 1] = "{"
    for key, field in next, value do
        add(parts, key, depth + 1)
        add(parts, field, depth + 1)
    end
    parts[#parts + 1] = "}"
end

--- Writes a value as text. Raises a string for a value that is no plain data.
-- @param value nil, a boolean, a number, a string, or a table of these
-- @treturn string
function data.dump(value)
    local parts = {}
    add(parts, value, 1)
    return table.concat(parts)
end

local function wrong() error("its result cannot be read", 0) end

local readers -- by the first letter: each gives a value, and where the text goes on

local function read(text, at, depth)
    local reader = readers[sub(text, at, at)] or wrong
    return reader(text, at + 1, depth)
end

local function read_table(text, at, depth)
    local result = {}
    if depth > DEEPEST then wrong() end
    while sub(text, at, at) ~= "}" do
        local key, field
        key, at = read(text, at, depth + 1)
        field, at = read(text, at, depth + 1)
        if key == nil or key ~= key then wrong() end -- not a number is no key
        result[key] = field
    end
    return result, at + 1
end

readers = {
    n = function(_, at) return nil, at end,
    t = function(_, at) return true, at end,
    f = function(_, at) return false, at end,
    i = function(text, at)
        local _, stop, digits = find(text, "^(%-?%d+);", at)
        local value = digits and #digits <= 20 and math.tointeger(tonumber(digits))
        if not value then wrong() end
        return value, stop + 1
    end,
    d = function(text, at)
        if at + 7 > #text then wrong() end
        return unpack("<d", text, at)
    end,
    s = function(text, at)
        local _, stop, digits = find(text, "^(%d+):", at)
        local size = digits and #digits <= 12 and math.tointeger(tonumber(digits))
        if not size or stop + size > #text then wrong() end
        return sub(text, stop + 1, stop + size), stop + size + 1
    end,
    ["{"] = read_table,
}

--- Reads what `dump` has written. Raises a string for any other text.
-- @string text
-- @return the value
function data.load(text)
    local value, stop = read(text, 1, 1)
    if stop ~= #text + 1 then wrong() end
    return value
end

return data
