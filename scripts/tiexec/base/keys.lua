-- SPDX-License-Identifier: Apache-2.0
--- The keys of tables.

local keys = {}

--- Gives the keys of a table in their order: all are strings, or all are numbers.
-- @tparam table keyed
-- @treturn table list
function keys.sorted(keyed)
    local list = {}
    for key in pairs(keyed) do list[#list + 1] = key end
    table.sort(list)
    return list
end

return keys
