-- SPDX-License-Identifier: Apache-2.0
--- Settings: which there are, and how their values are parsed. The command line takes precedence
-- over the environment variable TIEXEC, TIEXEC over a profile, a profile over tiexec.conf, and that
-- over the defaults.

local core = require "tiexec.core"
local conf = require "tiexec.base.conf"
local keys = require "tiexec.base.keys"
local sources = require "tiexec.sources"

local settings = {}

local debug_words <const> = { "maps", "plan", "syscalls", "timing" }
local follow_words <const> = { "auto", "none", "exec", "fork", "all", "trace", "dlopen" }
local AUTO_SECONDS <const> = 10

--- What is followed where nobody has said it.
settings.default_follow = { auto = AUTO_SECONDS }

local function split(text, separators)
    local list = {}
    for word in text:gmatch("[^" .. separators .. "]+") do list[#list + 1] = word end
    return list
end

-- The words of a list. A profile has a table; the command line separates the words by commas; in
-- the environment variable, where commas separate settings, plus signs separate words.
local function words_of(value)
    if type(value) == "table" then return value end
    return split(tostring(value), ",+")
end

local function parse_sources(value)
    local list = words_of(value)
    local wrong = sources.check(list)
    if wrong then return nil, wrong end
    return list
end

-- Parses a list whose words are all in `names`. The result has each word of the list as a key.
local function parse_set(value, names)
    local set = {}
    for _, word in ipairs(words_of(value)) do
        local known = false
        for _, name in ipairs(names) do known = known or name == word end
        if not known then
            local all = table.concat(names, ", ")
            return nil, ("unknown word '%s' (there are: %s)"):format(word, all)
        end
        set[word] = true
    end
    return set
end

local function parse_debug(value) return parse_set(value, debug_words) end

-- Takes the seconds of "auto:SECONDS" out of a list of words. Returns the words and the seconds.
local function without_seconds(words)
    local rest, seconds = {}, nil
    for i, word in ipairs(words) do
        local digits = tostring(word):match("^auto:(%d+)$")
        rest[i] = digits and "auto" or word
        seconds = digits and #digits < 8 and math.tointeger(tonumber(digits)) or seconds
    end
    return rest, seconds
end

-- What is wrong with a set of words, or nil. With trace (all is another name for it) programs stay
-- traced, so that nothing else can look after their libraries.
local function misfit(follow)
    if follow.none and next(follow, next(follow)) then return "none goes with nothing else" end
    local is_traced = follow.all or follow.trace
    if is_traced and follow.dlopen then return "dlopen goes with auto, exec and fork" end
    if is_traced and follow.auto then return "auto goes with exec, fork and dlopen" end
end

-- Parses what there is to follow. The seconds of auto are the value of that word.
local function parse_follow(value)
    local words, seconds = without_seconds(words_of(value))
    local follow, why = parse_set(words, follow_words)
    why = why or misfit(follow)
    if why then return nil, why end
    if follow.trace then follow.trace, follow.all = nil, true end
    if follow.auto then follow.auto = seconds or AUTO_SECONDS end
    return follow
end

local function parse_switch(value)
    if value == true or value == "1" or value == "yes" or value == "true" then return true end
    if value == false or value == "0" or value == "no" or value == "false" then return false end
    return nil, ("'%s' is neither 1 nor 0"):format(tostring(value))
end

local function parse_service(value)
    if value == "sandboxed" then return value end
    local parsed, why = parse_switch(value)
    return parsed, why and why .. ", nor sandboxed"
end

local function parse_string(value)
    if type(value) == "string" and value ~= "" then return value end
    return nil, "it needs a value"
end

local function parse_recache(value)
    if value == "never" or value == "if-unmapped" then return value end
    return nil, ("'%s' is neither never nor if-unmapped"):format(tostring(value))
end

-- Parses a strategy with its parameters. Returns its name, and them.
local function parse_strategy(value, separator)
    local name, why = parse_string(value)
    if not name then return nil, why end
    if not name:find(":", 1, true) then return name end
    return require "tiexec.plan.parameters".parse(name, separator)
end

-- Parses the parameters that a profile has in a table.
local function parse_parameters(value)
    if type(value) ~= "table" then return nil, "they are a table, beside strategy" end
    for key, field in pairs(value) do
        local kind = type(field)
        if type(key) ~= "string" or kind == "table" then
            return nil, "they are strings, numbers and booleans by keys"
        end
    end
    return value
end

-- Parses a part of the text: "90", "99.5" or "90%".
local function parse_percent(value)
    local number = tonumber((tostring(value):gsub("%%$", "")))
    if number and number > 0 and number <= 100 then return number end
    return nil, ("'%s' is no percentage from 1 to 100"):format(tostring(value))
end

local units <const> = { [""] = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30 }

-- Parses the size of a page, such as "2M", "64K" or "2097152", into bytes.
local function parse_size(value)
    local digits, unit = tostring(value):upper():match("^(%d+)([KMG]?)$")
    local bytes = digits and #digits < 12 and math.tointeger(tonumber(digits)) * units[unit] or 0
    if bytes > core.page_size() and bytes & (bytes - 1) == 0 then return bytes end
    return nil, ("'%s' is not the size of a page, such as 2M or 64K"):format(tostring(value))
end

local function parse_count(value)
    local count = math.tointeger(tonumber(value))
    if count and count > 0 and count < 1 << 31 then return count end
    return nil, ("'%s' is not a number of pages"):format(tostring(value))
end

-- The settings by name. `profile` is true where a profile may have the setting.
local parsers = {
    strategy = { parse = parse_strategy, profile = true },
    parameters = { parse = parse_parameters, profile = true },
    sources = { parse = parse_sources, profile = true },
    ["page-size"] = { parse = parse_size, profile = true },
    recache = { parse = parse_recache, profile = true },
    align = { parse = parse_switch, profile = true },
    strict = { parse = parse_switch, profile = true },
    require = { parse = parse_percent, profile = true },
    quiet = { parse = parse_switch, profile = true },
    verbose = { parse = parse_switch, profile = true },
    ["perf-map"] = { parse = parse_switch, profile = true },
    service = { parse = parse_service, profile = true },
    profile = { parse = parse_string },
    recording = { parse = parse_string, profile = true },
    ["max-pages"] = { parse = parse_count, profile = true },
    report = { parse = parse_string },
    debug = { parse = parse_debug, profile = true },
    follow = { parse = parse_follow, profile = true },
    ["dry-run"] = { parse = parse_switch },
}

--- Parses the value of one setting.
-- @string name of the setting
-- @param value a string, or what a profile has
-- @string[opt=","] separator what stands between the parameters of a strategy
-- @return[1] the parsed value, which is never nil
-- @treturn[1] ?table of a strategy: the parameters that were given with it
-- @treturn[2] nil, string what is wrong with it
function settings.parse(name, value, separator)
    local parser = parsers[name]
    if not parser then return nil, ("unknown setting '%s'"):format(name) end
    local parsed, more = parser.parse(value, separator or ",")
    if parsed == nil then return nil, ("%s: %s"):format(name, more) end
    return parsed, more
end

-- Parses a setting into a table of them. Who names a strategy says which parameters it has, too.
local function put(result, name, value, separator)
    local parsed, more = settings.parse(name, value, separator)
    if parsed == nil then return nil, more end
    result[name] = parsed
    if name == "strategy" then result.parameters = more end
    return true
end

--- Whether a profile may have a setting.
-- @string name of the setting
function settings.in_profile(name)
    return parsers[name] and parsers[name].profile or false
end

--- The names of all settings, sorted.
-- @treturn table list of strings
function settings.names() return keys.sorted(parsers) end

-- Splits a list at its commas. A backslash and a comma are a comma within an item.
local function split_commas(text)
    local marked = text:gsub("\\(.)", function(char)
        return char == "," and "\0" or nil
    end)
    local list = split(marked, ",")
    for i, item in ipairs(list) do list[i] = item:gsub("\0", ",") end
    return list
end

-- What others than the settings are read for (sources/cache.lua).
local of_cache <const> = { ["cache-folder"] = true, ["cache-size"] = true }

--- Parses the defaults of this host, /etc/tiexec/tiexec.conf.
-- @treturn Settings those that could be parsed
-- @treturn table list of strings: complaints about the others
function settings.from_conf()
    local result, all = {}, conf.all()
    local complaints = table.move(all.complaints, 1, #all.complaints, 1, {})
    for _, item in ipairs(all.list) do
        local ok, why = of_cache[item.name], nil
        if not ok then ok, why = put(result, item.name, item.value, ",") end
        if not ok then
            complaints[#complaints + 1] = ("%s:%d: %s"):format(conf.path, item.line, why)
        end
    end
    return result, complaints
end

--- Parses the environment variable TIEXEC, a list such as
-- "strategy=conservative,debug=plan+maps,strict". In it plus signs stand for commas within a
-- setting.
-- @string[opt] text the variable's value
-- @treturn Settings those that could be parsed
-- @treturn table list of strings: complaints about the others
function settings.from_environment(text)
    local result, complaints = {}, {}
    for _, item in ipairs(split_commas(text or "")) do
        local name, value = item:match("^([^=]*)=(.*)$")
        local ok, why = put(result, name or item, value or true, "+")
        if not ok then complaints[#complaints + 1] = "TIEXEC: " .. why end
    end
    return result, complaints
end

-- Adds those of a layer's settings that are not there yet.
local function complete(merged, layer)
    for name, value in pairs(layer) do
        if merged[name] == nil then merged[name] = value end
    end
end

-- The parameters of a strategy, from all layers that name this very one.
local function merge_parameters(name, layers)
    local merged
    for _, layer in ipairs(layers) do
        if layer.strategy == name and layer.parameters then
            merged = merged or {}
            complete(merged, layer.parameters)
        end
    end
    return merged
end

--- Merges layers of settings. Where several layers have a setting, the first of them counts. A
-- strategy's parameters are those of the layers that name it.
-- @tparam Settings ... the layers
-- @treturn Settings a new table
function settings.merge(...)
    local merged = {}
    for _, layer in ipairs { ... } do complete(merged, layer) end
    if merged.parameters then
        merged.parameters = merge_parameters(merged.strategy, { ... })
    end
    return merged
end

--- Opens the file that the setting `report` names, and puts it into the setting `report_file`.
-- @tparam Settings given changed in place
-- @treturn[1] boolean true; also where no report is asked for
-- @treturn[2] nil, string why the file cannot be opened
function settings.open_report(given)
    if not given.report then return true end
    local file, why = core.append_file(given.report)
    if not file then return nil, why end
    given.report_file = file
    return true
end

--- Parses a command line with getopt_long(3).
-- @tparam table argv list of strings: the program's name and its arguments
-- @tparam table options list of `{name, short, argument, optional, last}`, as core.getopt takes it
-- @treturn[1] Settings and, under their names, the options that are no settings, such as help
-- @treturn[1] table list of strings: the operands
-- @treturn[1] boolean whether "--" stands before them
-- @treturn[2] nil, string what is wrong
function settings.from_arguments(argv, options)
    local given, first = core.getopt(argv, options)
    if not given then return nil, first end
    local result = {}
    for _, pair in ipairs(given) do
        local name, value = pair[1], pair[2]
        if name == "no-align" then name, value = "align", false end
        if parsers[name] then
            local ok, why = put(result, name, value)
            if not ok then return nil, why end
        else
            result[name] = value
        end
    end
    return result, table.move(argv, first, #argv, 1, {}), argv[first - 1] == "--"
end

return settings
