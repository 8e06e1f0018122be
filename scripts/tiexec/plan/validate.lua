-- SPDX-License-Identifier: Apache-2.0
--- Checks plans. A plan is what a strategy returns: a list of operations. It is checked before
-- anything is changed in the inferior.

local codes = require "tiexec.base.codes"
local planner = require "tiexec.planner"
local ranges = require "tiexec.base.ranges"
local sources = require "tiexec.sources"
local text = require "tiexec.base.text"

local validate = {}

local MOST <const> = 10000 -- operations: each is compared with all mappings

-- The keys that an operation may have, with their types.
local keys = {
    remap = { op = "string", start = "integer", stop = "integer", object = "string",
        note = "string", sources = "table", page_size = "integer" },
    keep = { op = "string", start = "integer", stop = "integer", object = "string",
        reason = "string" },
}

-- How messages name an operation.
local function name_of(operation, index)
    if math.type(operation.start) == "integer" and math.type(operation.stop) == "integer" then
        return ("operation %d, %#x-%#x"):format(index, operation.start, operation.stop)
    end
    return "operation " .. index
end

-- What is wrong with an operation by itself, or nil.
local function check_form(operation)
    local known = keys[operation.op]
    if not known then return ("unknown op '%s' (there are: keep, remap)"):format(operation.op) end
    for key, value in pairs(operation) do
        local want = known[key]
        if not want then return ("unknown key '%s'"):format(key) end
        local is = math.type(value) == "integer" and "integer" or type(value)
        if is ~= want then return ("%s is a %s, not a %s"):format(key, is, want) end
    end
    if not operation.start or not operation.stop then return "start and stop are needed" end
    if operation.start < 0 or operation.start >= operation.stop then
        return "start must be below stop"
    end
    local size = operation.page_size
    if size and (size < 1 or size & (size - 1) ~= 0) then
        return "page_size is not a power of two"
    end
    return operation.sources and sources.check(operation.sources)
end

-- The first object that has text in a range, or nil.
local function object_of(description, range)
    for _, mapping in ipairs(description.mappings) do
        if mapping.kind == "text" and ranges.overlap(mapping, range) then return mapping.object end
    end
end

-- What is wrong with the range of a remap, or nil. Notes the object whose text the range has.
local function check_range(description, host, operation, accepted)
    local huge = operation.page_size or host.huge_page_size
    if huge <= host.page_size then
        return ("page_size is in bytes, and more than %s"):format(text.size(host.page_size))
    end
    if (operation.start | operation.stop) & (huge - 1) ~= 0 then
        return codes.words("not-aligned", text.size(huge))
    end
    local object = object_of(description, operation)
    if not object then return codes.words("no-object-text") end
    local obstacle = planner.obstacle(description, object, operation.start, operation.stop)
    if obstacle then return codes.words("takes-in", obstacle) end
    for _, other in ipairs(accepted) do
        if other.op == "remap" and ranges.overlap(operation, other) then
            return codes.words("overlaps", other.start, other.stop)
        end
    end
    operation.object = object.path
end

-- Why something is not a list of tables, or nil.
local function check_list(operations)
    if type(operations) ~= "table" then
        return ("plan returned a %s, not a list of operations"):format(type(operations))
    end
    if #operations > MOST then return ("the plan has more than %d operations"):format(MOST) end
    local count = 0
    for index in pairs(operations) do
        count = count + 1
        if math.type(index) ~= "integer" or index < 1 or index > #operations then
            return ("the plan has a key '%s': it must be a list"):format(index)
        end
    end
    if count ~= #operations then return "the plan has a hole: it must be a list" end
    for index, operation in ipairs(operations) do
        if type(operation) ~= "table" then
            return ("operation %d is a %s, not a table"):format(index, type(operation))
        end
    end
end

--- Checks every operation of a plan against a description of the inferior and one of the host.
-- Operations after a refused one may still be accepted.
-- @param operations what the strategy returned, of any type
-- @tparam Description description
-- @tparam Host host
-- @treturn[1] table list of Operation: the accepted ones, in their order; each remap has `object`
-- @treturn[1] table list of Refused: the other operations
-- @treturn[2] nil, string why it is not a plan at all
function validate.check(operations, description, host)
    local wrong = check_list(operations)
    if wrong then return nil, wrong end
    local accepted, refused = {}, {}
    for index, operation in ipairs(operations) do
        local reason = check_form(operation)
        if not reason and operation.op == "remap" then
            reason = check_range(description, host, operation, accepted)
        end
        if reason then
            refused[#refused + 1] = { name = name_of(operation, index), reason = reason }
        else
            accepted[#accepted + 1] = operation
        end
    end
    return accepted, refused
end

return validate
