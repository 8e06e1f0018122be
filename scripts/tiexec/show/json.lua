-- SPDX-License-Identifier: Apache-2.0
--- JSON for programs.

local version = require "tiexec.base.version"

local json = {}

--- Marks a list as an array, so that an empty one is written as [].
function json.array(list)
    return setmetatable(list, { __jsontype = "array" })
end

--- Writes a value to an open file, and leaves the file open. The version of tiexec is added to it.
-- @param file open for writing
-- @tparam table value
-- @bool[opt] in_one_line whether the value is one line among those of other stages and processes; else it is indented
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not
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
