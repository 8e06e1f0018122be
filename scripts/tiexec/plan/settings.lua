-- SPDX-License-Identifier: Apache-2.0
--- Settings: what may be set, and where from. The command line goes before the environment variable
-- TIEXEC, that before a profile, that before the defaults.

local core = require "tiexec.core"
local sources = require "tiexec.sources"

local settings = {}

--- What `--debug` and TIEXEC=debug= may name.
settings.debug_words = { "maps", "plan", "syscalls", "timing" }

--- What `--follow` and TIEXEC=follow= may name.
settings.follow_words = { "exec", "fork", "all", "dlopen" }

local function split(text, separator)
    local words = {}
    for word in text:gmatch("[^" .. separator .. "]+") do words[#words + 1] = word end
    return words
end

-- Lists are separated by commas on the command line, by + where a comma already separates settings.
local function words(value)
    if type(value) == "table" then return value end
    return split(tostring(value), ",+")
end

local function parse_sources(value)
    local list = words(value)
    local wrong = sources.check(list)
    if wrong then return nil, wrong end
    return list
end

-- A parser of lists whose words are among `names`; its value has the words as keys.
local function parse_set(names)
    return function(value)
        local on = {}
        for _, word in ipairs(words(value)) do
            local known = false
            for _, name in ipairs(names) do known = known or name == word end
            if not known then
                return nil, ("unknown word '%s' (there are: %s)"):format(word, table.concat(names, ", "))
            end
            on[word] = true
        end
        return on
    end
end

local parse_follow_words = parse_set(settings.follow_words)

-- A program that is kept for what it may start cannot be watched as one that has been let go.
local function parse_follow(value)
    local follow, why = parse_follow_words(value)
    if not follow then return nil, why end
    if follow.dlopen and (follow.fork or follow.all) then return nil, "dlopen goes with exec, not with fork or all" end
    return follow
end

local function parse_switch(value)
    if value == true or value == "1" or value == "yes" or value == "true" then return true end
    if value == false or value == "0" or value == "no" or value == "false" then return false end
    return nil, ("'%s' is neither 1 nor 0"):format(tostring(value))
end

local function parse_string(value)
    if type(value) == "string" and value ~= "" then return value end
    return nil, "it needs a value"
end

local units <const> = { [""] = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30 }

-- "2M", "64K", "2097152": bytes.
local function parse_size(value)
    local digits, unit = tostring(value):upper():match("^(%d+)([KMG]?)$")
    local bytes = digits and #digits < 12 and math.tointeger(tonumber(digits)) * units[unit] or 0
    if bytes > core.page_size() and bytes & (bytes - 1) == 0 then return bytes end
    return nil, ("'%s' is not the size of a page, such as 2M or 64K"):format(tostring(value))
end

--- The settings by name. `profile`: whether a profile may set it.
local parsers = {
    strategy = { parse = parse_string, profile = true },
    sources = { parse = parse_sources, profile = true },
    ["page-size"] = { parse = parse_size, profile = true },
    align = { parse = parse_switch, profile = true },
    strict = { parse = parse_switch, profile = true },
    verbose = { parse = parse_switch, profile = true },
    ["perf-map"] = { parse = parse_switch, profile = true },
    profile = { parse = parse_string },
    report = { parse = parse_string },
    debug = { parse = parse_set(settings.debug_words), profile = true },
    follow = { parse = parse_follow, profile = true },
    ["dry-run"] = { parse = parse_switch },
}

--- Parses one setting.
-- @treturn[1] its value
-- @treturn[2] nil, string why not
function settings.parse(name, value)
    local parser = parsers[name]
    if not parser then return nil, ("unknown setting '%s'"):format(name) end
    local parsed, why = parser.parse(value)
    if parsed == nil then return nil, ("%s: %s"):format(name, why) end
    return parsed
end

--- Whether a profile may set `name`.
function settings.in_profile(name)
    return parsers[name] and parsers[name].profile or false
end

--- Reads the environment variable, a comma list such as "strategy=conservative,debug=plan+maps,strict".
-- @string[opt] text
-- @treturn table settings
-- @treturn table list of complaints; what they are about is left out
function settings.from_environment(text)
    local result, complaints = {}, {}
    for _, item in ipairs(split(text or "", ",")) do
        local name, value = item:match("^([^=]*)=(.*)$")
        local parsed, why = settings.parse(name or item, value or true)
        if parsed == nil then
            complaints[#complaints + 1] = "TIEXEC: " .. why
        else
            result[name or item] = parsed
        end
    end
    return result, complaints
end

--- Puts layers of settings over one another, the first one on top.
function settings.merge(...)
    local merged = {}
    for _, layer in ipairs { ... } do
        for name, value in pairs(layer) do
            if merged[name] == nil then merged[name] = value end
        end
    end
    return merged
end

--- Parses the command line's options with getopt_long.
-- @tparam table argv list, the program's name first
-- @tparam table options list of `{name, short, argument}`
-- @treturn[1] table settings, and actions such as help by their name
-- @treturn[1] table the operands
-- @treturn[2] nil, string what is wrong
function settings.from_arguments(argv, options)
    local given, first = core.getopt(argv, options)
    if not given then return nil, first end
    local result = {}
    for _, pair in ipairs(given) do
        local name, value = pair[1], pair[2]
        if name == "no-align" then name, value = "align", false end
        if parsers[name] then
            local why
            value, why = settings.parse(name, value)
            if value == nil then return nil, why end
        end
        result[name] = value
    end
    return result, table.move(argv, first, #argv, 1, {})
end

return settings
