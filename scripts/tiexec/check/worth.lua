-- SPDX-License-Identifier: Apache-2.0
--- Tells where hardly anything is to be gained: by what a program's text is, and by what was
-- measured of the host. The function is pure.

local text = require "tiexec.base.text"

local worth = {}

local FIRST_LEVEL <const> = 64 -- entries of an instruction TLB: CPUs have 48 to 128

--- Says why hardly anything is to be gained, or that it is less than elsewhere.
-- @tparam ProgramFacts command of a program that could be started
-- @tparam Facts found
-- @treturn[1] string a code of a fact (base/codes.lua)
-- @treturn[1] ?boolean false: it stands in the way of something
-- @treturn[1] ... the values for its words
-- @treturn[2] nil something may be gained
function worth.judge(command, found)
    local probe, reach = found.probe, FIRST_LEVEL * found.host.page_size
    if command.may_gain == false then
        if command.starts_others then return "worth-others", nil end
        if command.text > reach then return "worth-none", false end
        return "worth-reach", false, text.size(command.text), text.size(reach)
    end
    if probe and probe.verdict == "little" then return "worth-little", false end
    if probe and probe.splintered then return "worth-splintered", nil end
end

return worth
