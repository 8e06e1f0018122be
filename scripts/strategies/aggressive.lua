-- Aggressive: every text is rounded outward to whole huge pages. The gaps and the read-only
-- mappings of the same object there become part of the text. An end where something writable or
-- of another object is in the way is rounded inward.
local planner = require "tiexec.planner"

return {
    name = "aggressive",
    description = "round every text outward to whole huge pages",
    parameters = {},
    -- An end that cannot be the file's is copied to a huge page: one for all processes with
    -- `shared`, one for each with `thp`. Objects that have such ends are mostly small, so that an
    -- end is a large part of their text.
    copied_ends = true,
    plan = function(inferior, host)
        return planner.plan_texts(inferior, host, planner.outward)
    end,
}
