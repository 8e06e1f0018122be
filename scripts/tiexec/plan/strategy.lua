-- SPDX-License-Identifier: Apache-2.0
--- Strategies: finds, loads, checks and runs them.

local codes = require "tiexec.base.codes"
local hosts = require "tiexec.harness.hosts"
local paths = require "tiexec.plan.paths"
local sources = require "tiexec.sources"

local strategy = {}

-- Most programs have one of tiexec's own strategies, which runs in this process.
local function sandbox() return require "tiexec.plan.sandbox" end

strategy.default = "aggressive"

-- The fields that a strategy may have, with their types.
local fields = { name = "string", description = "string", plan = "function", stages = "table",
    parameters = "table", sources = "table", recache = "string", align = "boolean",
    copied_ends = "boolean", recordings = "boolean" }
local stages = { entry = true, dlopen = true, attach = true }
local all_stages <const> = { "entry", "dlopen", "attach" }
local recache_words = { never = true, ["if-unmapped"] = true }

-- What is wrong with what a strategy declares, or nil.
local function check(definition)
    for key, value in next, definition do
        if not fields[key] then return ("unknown key '%s'"):format(tostring(key)) end
        if type(value) ~= fields[key] then
            return ("%s is a %s, not a %s"):format(key, type(value), fields[key])
        end
    end
    for _, stage in ipairs(definition.stages or {}) do
        if not stages[stage] then
            return ("unknown stage '%s' (there are: attach, dlopen, entry)"):format(tostring(stage))
        end
    end
    if definition.recache and not recache_words[definition.recache] then
        return "recache is neither 'never' nor 'if-unmapped'"
    end
    local wrong = definition.parameters
        and require "tiexec.plan.parameters".check(definition.parameters)
    if wrong then return wrong end
    return definition.sources and sources.check(definition.sources)
end

local kept = {} -- whether a strategy whose text is kept is tiexec's own, by its path

-- Whether the program has a strategy in it, as a module of that name. The name stands for the
-- strategy's path then.
local function is_built_in(module) return package.preload[module] ~= nil end

local function is_own(path)
    if kept[path] ~= nil then return kept[path] end
    return is_built_in(path) or paths.own(path) ~= nil
end

-- Runs a strategy's file. Raises a string if the file is no strategy.
local function read(path)
    if is_built_in(path) then return (require(path)) end -- the definition alone
    local definition = sandbox().run_file(path, is_own(path))
    local wrong = check(definition)
    if not wrong and not definition.plan then wrong = "it has no function 'plan'" end
    if wrong then error(path .. ": " .. wrong, 0) end
    return definition
end

-- Calls a function that runs the strategy at a path. Returns its result, or nil and a string.
-- tiexec's own strategies are trusted; for all others the function is called in a forked copy of
-- this process.
local function guarded(path, f)
    if not is_own(path) then
        local result, why = sandbox().call(f)
        if result == nil and why then why = sandbox().with_path(path, why) end
        return result, why
    end
    local ok, result = pcall(f)
    if ok then return result end
    return nil, result
end

-- Looks for a file in a folder, which it appends to those that were tried.
local function look_in(folder, file, tried)
    local path = folder .. "/" .. file
    if paths.exists(path) then return path end
    tried[#tried + 1] = folder
end

--- Finds a strategy. A name with a slash is a path. "mine.lua" is a file of the current folder if
-- there is one of that name. Any other name, with or without ".lua", is looked for among the user's
-- strategies, the host's and tiexec's own.
-- @string name
-- @treturn[1] string the file's path, which need not exist if the name is a path; or the name of
-- the module that the program has in it
-- @treturn[2] nil, string where it was looked for
function strategy.find(name)
    local bare = name:gsub("%.lua$", "")
    local is_file_name = bare ~= name
    if name:find("/", 1, true) or is_file_name and paths.exists(name) then return name end
    local file, tried = bare .. ".lua", {}
    for _, folder in ipairs(paths.folders("strategies")) do
        local path = look_in(folder, file, tried)
        if path then return path end
    end
    local module = "tiexec.strategies." .. bare
    if is_built_in(module) then return module end
    local own = paths.own_strategies()
    local path = own and look_in(own, file, tried)
    if path then return path end
    if is_file_name then table.insert(tried, 1, "the current folder") end
    return nil, codes.words("no-strategy", name, table.concat(tried, ", "))
end

-- The definition of a strategy that a script has made: a table as a file returns it, or a function
-- `plan` alone.
local function of_script(given)
    local definition = { name = "of the script" }
    for key, value in pairs(type(given) == "table" and given or { plan = given }) do
        definition[key] = value
    end
    local wrong = check(definition)
    if not wrong and not definition.plan then wrong = "it has no function 'plan'" end
    if wrong then return nil, ("strategy %s: %s"):format(definition.name, wrong) end
    definition.stages = definition.stages or all_stages
    return definition
end

local loaded = {} -- definitions by the names that they were asked for by

--- Loads a strategy. A strategy without errors is loaded once.
-- @tparam string|table|func name a name or a path; or the strategy itself, as a script has it
-- @treturn[1] StrategyDefinition `name`, `path`, `stages` and, if the strategy declares them,
-- `description`, `parameters`, `sources`, `align`, `recache`, `copied_ends` and `recordings`
-- @treturn[2] nil, string why it cannot be loaded
function strategy.load(name)
    if type(name) ~= "string" then return of_script(name) end
    if loaded[name] then return loaded[name] end
    local path, why = strategy.find(name)
    if not path then return nil, why end
    path = not is_built_in(path) and paths.own(path) or path
    local definition
    definition, why = guarded(path, function()
        local declared = {}
        for key, value in next, read(path) do
            if key ~= "plan" then declared[key] = value end
        end
        return declared
    end)
    -- A copy of this process has checked the file's own tables; here they are plain data.
    why = definition and check(definition) or why
    if not definition or why then return nil, sandbox().with_path(path, why) end
    definition.path = path
    definition.name = definition.name or name
    definition.stages = definition.stages or all_stages
    loaded[name] = definition
    return definition
end

--- Reads the file of a strategy, so that plans can be made when no file may be opened.
-- @tparam StrategyDefinition definition
function strategy.keep(definition)
    local path = definition.path
    if not path or is_built_in(path) then return end
    local own = paths.own(path) ~= nil
    sandbox().keep(path, own)
    kept[path] = own
end

--- Completes the parameters of a strategy by what it declares.
-- @tparam StrategyDefinition definition
-- @tparam ?table given strings, numbers and booleans by keys
-- @treturn[1] table which may be empty
-- @treturn[2] nil, string what is wrong with them
function strategy.complete(definition, given)
    if not given and not definition.parameters then return {} end
    local parameters = require "tiexec.plan.parameters"
    local result, why = parameters.complete(definition.parameters, given or {})
    return result, not result and ("strategy %s: %s"):format(definition.name, why) or nil
end

--- Whether a strategy makes plans at a stage.
-- @tparam StrategyDefinition definition
-- @string stage
function strategy.plans_at(definition, stage)
    for _, name in ipairs(definition.stages) do
        if name == stage then return true end
    end
    return false
end

-- A copy of a value, with all tables that it leads to, each once.
local function copy_of(value, copies)
    if type(value) ~= "table" then return value end
    local copy = copies[value]
    if copy then return copy end
    copy = {}
    copies[value] = copy
    for key, field in pairs(value) do copy[copy_of(key, copies)] = copy_of(field, copies) end
    return copy
end

-- Has a script's own strategy make a plan, of copies: what it changes in them is its own affair.
local function call_script(definition, ...)
    local arguments = copy_of({ ... }, {})
    local ok, result = pcall(definition.plan, table.unpack(arguments))
    if ok then return { result } end
    return nil, ("%s: %s"):format(definition.name, tostring(result))
end

--- Has a strategy make a plan, and checks the plan.
-- @tparam StrategyDefinition definition
-- @tparam Description description
-- @tparam Host host
-- @tparam table options `sources`: names of the sources, in order of preference; `parameters`: what
-- `strategy.complete` has given; `recording` and `max_pages`, if there are any
-- @treturn[1] table list of Operation: the accepted operations
-- @treturn[1] table list of Refused: the other operations
-- @treturn[2] nil, string why there is no plan
function strategy.make_plan(definition, description, host, options)
    local path = definition.path
    local operations, why
    if not path or not is_own(path) then hosts.complete(host) end -- it is to see plain data
    if path then
        operations, why = guarded(path, function()
            return { read(path).plan(description, host, options) }
        end)
    else
        operations, why = call_script(definition, description, host, options)
    end
    if not operations then return nil, "strategy " .. why end
    local accepted, refused = require "tiexec.plan.validate".check(operations[1], description, host)
    if not accepted then
        return nil, ("strategy %s: %s"):format(path or definition.name, refused)
    end
    return accepted, refused
end

return strategy
