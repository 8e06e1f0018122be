-- SPDX-License-Identifier: Apache-2.0
--- Room in memory: whether a process may have what is about to be mapped.

local core = require "tiexec.core"

local room = {}

--- Tells whether a process may have some more mappings (vm.max_map_count).
-- @tparam Target target
-- @int count how many
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it may not
function room.for_mappings(target, count)
    local limit = tonumber(core.read_file("/proc/sys/vm/max_map_count") or "")
    local mappings, why = target.mappings()
    if not mappings then return nil, why end
    if not limit or #mappings + count <= limit then return true end
    return nil, "the process has nearly as many mappings as it may (vm.max_map_count)"
end

return room
