-- SPDX-License-Identifier: Apache-2.0
--- Writes JSON, for programs to read.

local version = require "tiexec.base.version"

local json = {}

--- Copies a list for `json.write`, which then writes an array even if the list is empty: [].
-- @tparam table list
-- @treturn table the copy
function json.array(list)
    return setmetatable(table.move(list, 1, #list, 1, {}), { __jsontype = "array" })
end

--- Writes a value to an open file, and leaves the file open. The version of tiexec is added.
-- @param file open for writing
-- @tparam table value
-- @bool[opt] in_one_line whether the value is to be one line of several; by default it is indented
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the value could not be written
function json.write(file, value, in_one_line)
    local ok, dkjson = pcall(require, "dkjson")
    if not ok then return nil, "JSON needs dkjson (apt-get install lua-dkjson)" end
    local with_version = { tiexec = version }
    for key, field in pairs(value) do with_version[key] = field end
    local written, why = file:write(dkjson.encode(with_version, { indent = not in_one_line }), "\n")
    local flushed, flush_why = file:flush()
    if written and flushed then return true end
    return nil, "report: " .. (why or flush_why)
end

return json
