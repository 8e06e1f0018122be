-- SPDX-License-Identifier: Apache-2.0
--- Limits a plan to a number of huge pages.

local codes = require "tiexec.base.codes"

local limit = {}

local function kept(operation, start)
    return { op = "keep", start = start, stop = operation.stop, object = operation.object,
        reason = codes.words("beyond-limit") }
end

--- Takes as many huge pages of a plan as may be, in the plan's order.
-- @tparam table operations list of Operation
-- @tparam Host host
-- @int most huge pages, of whatever size
-- @treturn table list of Operation: those beyond are kept, and the one at the limit is cut
function limit.first(operations, host, most)
    local result, left = {}, most
    for _, operation in ipairs(operations) do
        local size = operation.page_size or host.huge_page_size
        local pages = (operation.stop - operation.start) // size
        if operation.op ~= "remap" or pages <= left then
            result[#result + 1] = operation
            left = left - (operation.op == "remap" and pages or 0)
        else
            local stop = operation.start + left * size
            result[#result + 1] = kept(operation, stop)
            if left > 0 then
                local first = {}
                for key, value in pairs(operation) do first[key] = value end
                first.stop, left = stop, 0
                table.insert(result, #result, first)
            end
        end
    end
    return result
end

return limit
