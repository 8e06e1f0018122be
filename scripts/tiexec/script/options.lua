-- SPDX-License-Identifier: Apache-2.0
--- The options of `tiexec.remap`: makes settings of them, as a command line's are made of words.

local core = require "tiexec.core"
local settings = require "tiexec.plan.settings"

local options = {}

-- What is wrong in a script raises, where the script has called.
local LEVEL <const> = 5

local function wrong(format, ...) error("remap: " .. format:format(...), LEVEL) end

-- The types that an option may have.
local kinds = {
    strategy = { string = true, table = true, ["function"] = true }, parameters = { table = true },
    sources = { string = true, table = true }, page_size = { string = true, number = true },
    objects = { string = true, table = true }, max_pages = { number = true },
    align = { boolean = true }, perf_map = { boolean = true },
    profile = { string = true, boolean = true },
}

local names = { page_size = "page-size", perf_map = "perf-map" }

local function check(given)
    if type(given) ~= "table" then wrong("options: a table expected, got a %s", type(given)) end
    for key, value in pairs(given) do
        if not kinds[key] then wrong("unknown option '%s'", tostring(key)) end
        if not kinds[key][type(value)] then wrong("%s cannot be a %s", key, type(value)) end
    end
    local most = given.max_pages
    if most and (math.type(most) ~= "integer" or most < 0) then
        wrong("max_pages: a count expected")
    end
    if given.profile == true then wrong("profile cannot be true") end
end

-- Parses an option as the setting of its name. Returns what was given with it, too.
local function parse(result, key, value)
    local name = names[key] or key
    local parsed, more = settings.parse(name, value)
    if parsed == nil then wrong("%s", more) end
    result[name] = parsed
    return more
end

-- The patterns of `objects`, by themselves and in a list; objects of `inferior:objects()` count as
-- their paths.
local function patterns_of(given)
    local list = {}
    for _, item in ipairs((type(given) == "string" or given.path) and { given } or given) do
        local pattern = type(item) == "table" and item.path or item
        if type(pattern) ~= "string" then wrong("objects: names, paths and patterns expected") end
        list[#list + 1] = pattern
    end
    return list
end

-- A function that tells whether one of the patterns matches an object's path or name, and notes in
-- `met` those that have matched one.
local function matcher(patterns, met)
    return function(object)
        local found = false
        for _, pattern in ipairs(object and patterns or {}) do
            if pattern == object.path or core.fnmatch(pattern, object.path)
                or core.fnmatch(pattern, object.name) then
                found, met[pattern] = true, true
            end
        end
        return found
    end
end

--- Makes settings of what a script has given. What is misused raises.
-- @tparam ?table given
-- @func say is called like `message.say` for what is to be told beside the results
-- @treturn Settings with `is_in_question`, `max_pages`, `say` and `wants_report` besides
-- @treturn table `patterns`, a list, and `met`, those of them that have matched, by themselves
function options.settings(given, say)
    given = given or {}
    check(given)
    -- These no profile may turn on: a script asks for what it wants.
    local result = { debug = {}, follow = {}, verbose = false, strict = false, ["dry-run"] = false,
        ["perf-map"] = false, say = say, wants_report = true, max_pages = given.max_pages }
    for _, key in ipairs { "sources", "page_size", "align", "perf_map", "parameters" } do
        if given[key] ~= nil then parse(result, key, given[key]) end
    end
    result.profile = given.profile
    if type(given.strategy) == "string" then
        local more = parse(result, "strategy", given.strategy)
        result.parameters = settings.merge(given.parameters or {}, more or {})
    else
        result.strategy = given.strategy
    end
    local patterns, met = given.objects and patterns_of(given.objects) or {}, {}
    if given.objects then result.is_in_question = matcher(patterns, met) end
    return result, { patterns = patterns, met = met }
end

return options
