-- Aggressive: every text rounded outward to whole huge pages, taking in gaps and read-only neighbours
-- of the same object. An end where something writable or foreign is in the way is rounded inward.
local planner = require "tiexec.planner"

return {
    name = "aggressive",
    description = "round every text outward to whole huge pages",
    -- an end is a huge page: by `shared` one for all processes, by `thp` one for each. Objects that need it
    -- have few, so that it is a large part of their text
    copied_ends = true,
    plan = function(inferior, host)
        return planner.plan_texts(inferior, host, planner.outward)
    end,
}
