-- SPDX-License-Identifier: Apache-2.0
--- Says why a plan leaves a range as it is.

local codes = require "tiexec.base.codes"
local ranges = require "tiexec.base.ranges"

local leftover = {}

--- Gives the reasons that a plan has for a range: those of the operations that keep a part of the
-- range, and those of all refused operations. A refused operation may have no range to compare.
-- @tparam table planned what has a plan, such as an Outcome or a Survey: `operations`, `refused`
-- @tparam Range range
-- @treturn table list of strings, maybe empty
function leftover.reasons(planned, range)
    local list = {}
    for _, operation in ipairs(planned.operations) do
        if operation.op == "keep" and ranges.overlap(operation, range) then
            list[#list + 1] = operation.reason
        end
    end
    for _, refused in ipairs(planned.refused) do
        list[#list + 1] = codes.words("refused", refused.name, refused.reason)
    end
    return list
end

return leftover
