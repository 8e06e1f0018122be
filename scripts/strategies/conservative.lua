-- Conservative: only the whole huge pages inside a text are remapped. Nothing else becomes text.
-- The head and the tail of each text stay on small pages.
local planner = require "tiexec.planner"

return {
    name = "conservative",
    description = "only the whole huge pages inside each text",
    parameters = {},
    plan = function(inferior, host)
        return planner.plan_texts(inferior, host, planner.inward)
    end,
}
