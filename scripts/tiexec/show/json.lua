-- SPDX-License-Identifier: Apache-2.0
--- Writes JSON, for programs to read.

local keys = require "tiexec.base.keys"
local version = require "tiexec.base.version"

local json = {}

local SCHEMA <const> = 1 -- of all that is written here: it grows when a key gets another meaning

--- Copies a list for `json.write`, which then writes an array even if the list is empty: [].
-- @tparam table list
-- @treturn table the copy
function json.array(list)
    return setmetatable(table.move(list, 1, #list, 1, {}), { __jsontype = "array" })
end

--- Has `json.write` write an object even if the table is empty: {}.
-- @tparam table fields
-- @treturn table the same
function json.object(fields) return setmetatable(fields, { __jsontype = "object" }) end

-- Adds the keys of a table, and of those in it, to a set.
local function add_keys(set, value)
    for key, field in pairs(value) do
        if type(key) == "string" then set[key] = true end
        if type(field) == "table" then add_keys(set, field) end
    end
end

-- The keys of all tables in a value, in the order of the alphabet: in that they are written.
local function sorted_keys(value)
    local set = {}
    add_keys(set, value)
    return keys.sorted(set)
end

--- Adds the version of tiexec, and that of what the keys mean.
-- @tparam table value
-- @treturn table a copy
function json.complete(value)
    local whole = { tiexec = version, schema = SCHEMA }
    for key, field in pairs(value) do whole[key] = field end
    return whole
end

--- Writes a value to an open file by one write, completed as above, and leaves the file open.
-- @param file open for writing
-- @tparam table value
-- @bool[opt] in_one_line whether the value is to be one line of several; by default it is indented
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the value could not be written
function json.write(file, value, in_one_line)
    local ok, dkjson = pcall(require, "dkjson")
    if not ok then return nil, "JSON needs dkjson (apt-get install lua-dkjson)" end
    local whole = json.complete(value)
    local text = dkjson.encode(whole, { indent = not in_one_line, keyorder = sorted_keys(whole) })
    local written, why = file:write(text .. "\n")
    local flushed, flush_why = file:flush()
    if written and flushed then return true end
    return nil, "report: " .. (why or flush_why)
end

return json
