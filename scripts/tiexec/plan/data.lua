-- SPDX-License-Identifier: Apache-2.0
--- Turns plain data into text and back. A forked copy of this process passes its result on this
-- way.

local data = {}

local DEEPEST <const> = 20 -- levels of nested tables; a table that contains itself has no end

local function add(parts, value, depth)
    if type(value) ~= "table" then
        local ok, text = pcall(string.format, "%q", value)
        if not ok then error(("a %s is not data"):format(type(value)), 0) end
        parts[#parts + 1] = text
        return
    end
    if depth > DEEPEST then error("a table is nested too deep", 0) end
    parts[#parts + 1] = "{"
    for key, field in next, value do
        parts[#parts + 1] = "["
        add(parts, key, depth + 1)
        parts[#parts + 1] = "]="
        add(parts, field, depth + 1)
        parts[#parts + 1] = ","
    end
    parts[#parts + 1] = "}"
end

--- Writes a value as a Lua expression. Raises a string for a value that is no plain data.
-- @param value nil, a boolean, a number, a string, or a table of these
-- @treturn string
function data.dump(value)
    local parts = {}
    add(parts, value, 1)
    return table.concat(parts)
end

--- Reads what `dump` has written.
-- @string text
-- @return the value
function data.load(text)
    return load("return " .. text, "=data", "t", {})()
end

return data
