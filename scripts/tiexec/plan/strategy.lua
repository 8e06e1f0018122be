-- SPDX-License-Identifier: Apache-2.0
--- Strategies: finding, loading, checking and running them.

local paths = require "tiexec.plan.paths"
local sandbox = require "tiexec.plan.sandbox"
local sources = require "tiexec.sources"
local validate = require "tiexec.plan.validate"

local strategy = {}

strategy.default = "aggressive"

local fields = { name = "string", description = "string", plan = "function", stages = "table",
    sources = "table", recache = "string", align = "boolean", copied_ends = "boolean" }
local stages = { entry = true, dlopen = true, attach = true }

local function check(definition)
    for key, value in next, definition do
        if not fields[key] then return ("unknown key '%s'"):format(tostring(key)) end
        if type(value) ~= fields[key] then
            return ("%s is a %s, not a %s"):format(key, type(value), fields[key])
        end
    end
    if not definition.plan then return "it has no function 'plan'" end
    for _, stage in ipairs(definition.stages or {}) do
        if not stages[stage] then
            return ("unknown stage '%s' (there are: attach, dlopen, entry)"):format(tostring(stage))
        end
    end
    if definition.recache and definition.recache ~= "never" and definition.recache ~= "if-unmapped" then
        return "recache is neither 'never' nor 'if-unmapped'"
    end
    return definition.sources and sources.check(definition.sources)
end

-- Runs a strategy's file. Raises a string when it is no strategy.
local function read(path)
    local definition = sandbox.run_file(path)
    local wrong = check(definition)
    if wrong then error(path .. ": " .. wrong, 0) end
    return definition
end

-- tiexec's own strategies are trusted; all others run in a copy of this process.
local function guarded(path, f)
    if not paths.is_own(path) then
        local result, why = sandbox.call(f)
        if result == nil and why and not why:find(path, 1, true) then why = path .. ": " .. why end
        return result, why
    end
    local ok, result = pcall(f)
    if ok then return result end
    return nil, result
end

--- Finds the file of a strategy. A name with a slash is a path, and "mine.lua" is a file of the current folder if
-- there is one of that name. Any other name is looked for among the user's strategies, the host's and tiexec's
-- own, with or without ".lua".
-- @string name
-- @treturn[1] string path
-- @treturn[2] nil, string why
function strategy.find(name)
    local is_file_name = name:find("%.lua$") ~= nil
    if name:find("/", 1, true) or is_file_name and paths.exists(name) then return name end
    local tried = {}
    for _, folder in ipairs(paths.folders("strategies")) do
        local path = ("%s/%s%s"):format(folder, name, is_file_name and "" or ".lua")
        if paths.exists(path) then return path end
        tried[#tried + 1] = folder
    end
    if is_file_name then table.insert(tried, 1, "the current folder") end
    return nil, ("no strategy '%s' in %s"):format(name, table.concat(tried, ", "))
end

local loaded = {} -- by name

--- Loads a strategy; once, if nothing is wrong with it.
-- @string name a name or a path
-- @treturn[1] table its declarative fields: `name`, `path`, `stages`, maybe `description`, `sources`,
-- `align`, `recache`, `copied_ends`
-- @treturn[2] nil, string why
function strategy.load(name)
    if loaded[name] then return loaded[name] end
    local path, why = strategy.find(name)
    if not path then return nil, why end
    local definition
    definition, why = guarded(path, function()
        local declared = {}
        for key, value in next, read(path) do
            if key ~= "plan" then declared[key] = value end
        end
        return declared
    end)
    if not definition then return nil, why end
    definition.path = path
    definition.name = definition.name or name
    definition.stages = definition.stages or { "entry", "dlopen", "attach" }
    loaded[name] = definition
    return definition
end

--- Whether a strategy has something to say at a stage.
function strategy.plans_at(definition, stage)
    for _, name in ipairs(definition.stages) do
        if name == stage then return true end
    end
    return false
end

--- Makes a plan and checks it.
-- @tparam table definition what `load` gave
-- @treturn[1] table accepted operations
-- @treturn[1] table refused operations, `{name, reason}` each
-- @treturn[2] nil, string why
function strategy.make_plan(definition, description, host, options)
    local operations, why = guarded(definition.path, function()
        return { read(definition.path).plan(description, host, options) }
    end)
    if not operations then return nil, "strategy " .. why end
    local accepted, refused = validate.check(operations[1], description, host)
    if not accepted then return nil, ("strategy %s: %s"):format(definition.path, refused) end
    return accepted, refused
end

return strategy
