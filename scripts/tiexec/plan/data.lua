-- SPDX-License-Identifier: Apache-2.0
--- Plain data as text and back: how a copy of this process hands over what it has made.

local data = {}

local DEEPEST <const> = 20

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

--- Writes booleans, numbers, strings and tables of these as Lua; raises for anything else.
function data.dump(value)
    local parts = {}
    add(parts, value, 1)
    return table.concat(parts)
end

--- Reads what `dump` has written.
function data.load(text)
    return load("return " .. text, "=data", "t", {})()
end

return data
