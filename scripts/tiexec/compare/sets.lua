-- SPDX-License-Identifier: Apache-2.0
--- The sets of options that are compared: `--compare=default,thp,none+NAME=VALUE`. The set
-- "without" is CMD without tiexec once more: it shows what the host tells apart.

local keys = require "tiexec.base.keys"
local parameters = require "tiexec.plan.parameters"
local sources = require "tiexec.sources"
local strategy = require "tiexec.plan.strategy"

local sets = {}

local MOST <const> = 8

-- Options that say something of every run, or of how it is shown, and not how to start CMD.
local excluded <const> = { "dry-run", "verbose", "report", "debug", "user", "login" }

--- Says what is wrong with options beside `--compare`.
-- @tparam Settings given those of the command line
-- @treturn ?string nil: nothing is
function sets.misplaced(given)
    for _, name in ipairs(excluded) do
        if given[name] then return ("--compare and --%s exclude each other"):format(name) end
    end
end

-- A strategy with its parameters, as `--strategy` has them.
local function strategy_word(settings)
    local words = {}
    for _, name in ipairs(keys.sorted(settings.parameters or {})) do
        words[#words + 1] = ("%s=%s"):format(name, settings.parameters[name])
    end
    local name = settings.strategy
    return name and #words > 0 and name .. ":" .. table.concat(words, ",") or name
end

-- Writes settings as the options that they come from.
local function options_of(settings)
    local list = {}
    local function add(name, value)
        if value then list[#list + 1] = ("--%s=%s"):format(name, value) end
    end
    add("strategy", strategy_word(settings))
    add("sources", settings.sources and table.concat(settings.sources, ","))
    add("page-size", settings["page-size"] and ("%d"):format(settings["page-size"]))
    add("profile", settings.profile)
    add("recording", settings.recording)
    add("max-pages", settings["max-pages"])
    add("follow", settings.follow and table.concat(keys.sorted(settings.follow), ","))
    if settings.align == false then list[#list + 1] = "--no-align" end
    if settings["perf-map"] then list[#list + 1] = "--perf-map" end
    if settings.strict then list[#list + 1] = "--strict" end
    return list
end

-- Takes a strategy, perhaps with a parameter ("hot:max-pages=8"), into the settings. Returns
-- whether the word is one.
local function take_strategy(word, settings)
    local name, given = parameters.parse(word, ",")
    if not name or not strategy.find(name) then return false end
    settings.strategy, settings.parameters = name, given
    return true
end

-- Reads one word of a set into the set and its settings. Returns what is wrong with it, or nil.
local function read_word(word, set, settings)
    if word == "default" then return nil end
    if word == "without" then
        set.is_plain = true
    elseif word:find("^[%a_][%w_]*=") then
        set.variables[#set.variables + 1] = word
    elseif not sources.check { word } then
        settings.sources = { word }
    elseif not take_strategy(word, settings) then
        return ("--compare: '%s' is no source, no strategy and no NAME=VALUE"):format(word)
    end
end

local function read_set(name, given)
    local settings, set = {}, { name = name, variables = {} }
    for key, value in pairs(given) do settings[key] = value end
    for word in name:gmatch("[^+]+") do
        local wrong = read_word(word, set, settings)
        if wrong then return nil, wrong end
    end
    set.options = options_of(settings)
    return set
end

--- Reads the sets of options.
-- @tparam string|boolean spec what `--compare` is given; true: the options as they are
-- @tparam Settings given the settings of the command line, which all sets have
-- @treturn[1] table list of OptionSet
-- @treturn[2] nil, string what is wrong
function sets.read(spec, given)
    if spec == true then
        return { { name = "tiexec", options = options_of(given), variables = {} } }
    end
    local list, seen = {}, { plain = true, warm = true }
    for name in spec:gmatch("[^,]+") do
        if seen[name] then return nil, ("--compare: there can be no set '%s'"):format(name) end
        seen[name] = true
        local set, why = read_set(name, given)
        if not set then return nil, why end
        list[#list + 1] = set
    end
    if #list == 0 then return nil, "--compare= needs a set of options, such as thp" end
    if #list > MOST then return nil, ("--compare: %d sets at the most"):format(MOST) end
    return list
end

return sets
