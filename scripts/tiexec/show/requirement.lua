-- SPDX-License-Identifier: Apache-2.0
--- What `--require PERCENT` asks for: that so much of the text is huge.

local codes = require "tiexec.base.codes"

local requirement = {}

--- Says that less text is huge than is required.
-- @int bytes of text
-- @int huge bytes of it that are on huge pages
-- @number percent that are required
-- @treturn ?string nil: enough is huge
function requirement.unmet(bytes, huge, percent)
    if bytes > 0 and huge * 100 >= bytes * percent then return nil end
    return codes.words("less-huge", bytes > 0 and 100 * huge / bytes or 0, percent)
end

--- Says the same of the rows of a report.
-- @tparam table rows list of ReportRow, complete
-- @number percent
-- @treturn ?string
function requirement.unmet_by(rows, percent)
    local bytes, huge = 0, 0
    for _, row in ipairs(rows) do
        local is_of_file = row.object:find("^/") or row.after.huge_bytes > 0 -- a copy of a file's
        if is_of_file then bytes, huge = bytes + row.size, huge + row.after.huge_bytes end
    end
    return requirement.unmet(bytes, huge, percent)
end

return requirement
