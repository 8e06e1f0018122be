-- SPDX-License-Identifier: Apache-2.0
--- The plan of a stage. First a plan is made for pages of the size that is set, or for the PMD-sized ones. On CPUs
-- whose TLB may hold a run of base pages as one entry there may be a second plan, for what the first leaves: see
-- plan/smaller.lua.

local smaller = require "tiexec.plan.smaller"
local strategy = require "tiexec.plan.strategy"

local plan = {}

local function nothing() return {} end

--- Makes the plan of a stage.
-- @tparam Description description
-- @tparam Chosen chosen prepared (see `choice.prepare`)
-- @treturn[1] table list of Operation
-- @treturn[1] table list of the refused, `{name, reason}` each
-- @treturn[1] func the second plan: given a list of ranges that are done with, it gives a list of Operation
-- @treturn[2] nil, string why there is no plan
function plan.make(description, chosen)
    local definition, host = chosen.definition, chosen.host
    if not strategy.plans_at(definition, description.stage) then return {}, {}, nothing end
    local operations, refused = strategy.make_plan(definition, description, host, { sources = chosen.names })
    if chosen["page-size"] then return operations, refused, nothing end
    return operations, refused, function(done) return smaller.plan(description, chosen, done) end
end

return plan
