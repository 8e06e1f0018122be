-- SPDX-License-Identifier: Apache-2.0
--- Why a plan leaves a range as it is, in words.

local ranges = require "tiexec.base.ranges"

local leftover = {}

--- The reasons that a plan gives for a range: those of the operations that keep a part of it, and
-- those of all operations that were refused, whose ranges need not be known.
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
        list[#list + 1] = ("%s refused: %s"):format(refused.name, refused.reason)
    end
    return list
end

return leftover
