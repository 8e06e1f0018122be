-- SPDX-License-Identifier: Apache-2.0
--- The plan of a stage. The first plan is made for pages of the size that is set, or else of the
-- PMD's size. For the text that this plan leaves there may be a second plan: see
-- plan/smaller.lua.

local hosts = require "tiexec.harness.hosts"
local strategy = require "tiexec.plan.strategy"

local plan = {}

local function nothing() return {} end

--- Makes the plan of a stage.
-- @tparam Description description
-- @tparam Chosen chosen prepared by `choice.prepare`
-- @treturn[1] table list of Operation: the accepted operations
-- @treturn[1] table list of Refused: the other operations
-- @treturn[1] func makes the second plan: takes a list of the ranges that are done with, and
-- returns a list of Operation
-- @treturn[2] nil, string why there is no plan
function plan.make(description, chosen)
    local definition, host = chosen.definition, chosen.host
    if not strategy.plans_at(definition, description.stage) then return {}, {}, nothing end
    local options = { sources = chosen.names, parameters = chosen.parameters,
        recording = chosen.recorded, max_pages = chosen["max-pages"] }
    local operations, refused = strategy.make_plan(definition, description, host, options)
    if chosen["page-size"] or not hosts.has_smaller(host) then
        return operations, refused, nothing
    end
    return operations, refused, function(done)
        return require "tiexec.plan.smaller".plan(description, chosen, done)
    end
end

return plan
