-- SPDX-License-Identifier: Apache-2.0
--- `--profiles [CMD]` reads all profiles and the strategies that they name, says what is wrong with
-- them, and which one CMD gets.

local conf = require "tiexec.base.conf"
local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local keys = require "tiexec.base.keys"
local message = require "tiexec.base.message"
local paths = require "tiexec.plan.paths"
local profile = require "tiexec.plan.profile"
local settings = require "tiexec.plan.settings"
local strategy = require "tiexec.plan.strategy"
local text = require "tiexec.base.text"

local profiles = {}

local function words_of(value)
    if type(value) ~= "table" then return tostring(value) end
    local list = {}
    for i, item in ipairs(value) do list[i] = tostring(item) end
    if #list == 0 then
        for _, key in ipairs(keys.sorted(value)) do
            local worth = value[key]
            list[#list + 1] = worth == true and key or ("%s=%s"):format(key, tostring(worth))
        end
    end
    return table.concat(list, ",")
end

local function pairs_of(keyed)
    local list = {}
    for _, key in ipairs(keys.sorted(keyed)) do
        list[#list + 1] = ("%s %s"):format(key, words_of(keyed[key]))
    end
    return table.concat(list, ", ")
end

-- Says why a profile can never be taken, or gives nil. `seen` has those before it.
local function vain(item, seen)
    local match = item.match or {}
    if seen.every then return "it comes behind one for every program: " .. seen.every end
    local key = pairs_of(match)
    if seen[key] then return "it comes behind one for the same programs: " .. seen[key] end
    if match.path and match.path:sub(1, 1) ~= "/" then return "a path begins with '/'" end
    if match.basename and match.basename:find("/", 1, true) then return "a basename has no '/'" end
    if match.build_id and not match.build_id:find("^[0-9a-f]+$") then
        return "a build-id has digits and a to f"
    end
    local path = match.path
    if path and match.basename and text.basename(path) ~= match.basename
        or path and match.glob and not core.fnmatch(match.glob, path) then
        return "its keys contradict each other"
    end
end

-- What is wrong with a profile: a list of strings.
local function errors_of(item, seen)
    local list = table.move(item.wrong, 1, #item.wrong, 1, {})
    if #list > 0 then return list end
    local named = item.settings.strategy
    local definition, why = strategy.load(named or strategy.default)
    if definition then why = select(2, strategy.complete(definition, item.settings.parameters)) end
    list[1] = why
    list[#list + 1] = vain(item, seen)
    return list
end

-- Notes that a profile comes before the rest.
local function note(seen, item, place)
    local key = pairs_of(item.match or {})
    if key == "" then seen.every = seen.every or place end
    seen[key] = seen[key] or place
end

-- Looks at one file. Adds lines, and gives the number of errors.
local function look(path, seen, lines)
    local list, why = profile.read(path)
    if not list then
        lines[#lines + 1] = "  ! " .. why
        return 1
    end
    local errors = 0
    for i, item in ipairs(list) do
        local place = #list > 1 and ("%s, %d"):format(path, i) or path
        local wrong = errors_of(item, seen)
        local match = item.match and next(item.match) and pairs_of(item.match) or "every program"
        lines[#lines + 1] = ("  %s: for %s: %s"):format(place, match,
            next(item.settings or {}) and pairs_of(item.settings) or "nothing")
        for _, complaint in ipairs(wrong) do lines[#lines + 1] = "    ! " .. complaint end
        if #wrong == 0 then note(seen, item, place) end
        errors = errors + #wrong
    end
    return errors
end

-- Adds what CMD gets, and from where. Gives nil, string if there is no such program.
local function explain(name, given, files, lines)
    local path, why = core.find(name)
    if not path then return nil, why end
    local executable = { path = core.realpath(path) or path, file = path }
    local own = profile.find(executable, files, function() end)
    local layers = { -- the first that has a setting counts
        { by = "the command line or TIEXEC", settings = given },
        { by = own.profile, settings = own },
        { by = conf.path, settings = settings.from_conf() },
        { by = "the default", settings = { strategy = strategy.default } },
    }
    local found = {}
    for _, layer in ipairs(layers) do
        for key, value in pairs(layer.settings) do
            found[key] = found[key] or { value = value, by = layer.by }
        end
    end
    found.profile = nil
    lines[#lines + 1] = ("%s gets %s"):format(executable.path, own.profile or "no profile")
    for _, key in ipairs(keys.sorted(found)) do
        local value, by = words_of(found[key].value), found[key].by
        lines[#lines + 1] = ("  %s %s: by %s"):format(key, value, by)
    end
    return true
end

--- Runs `--profiles`.
-- @tparam Settings given those of the command line and the environment
-- @string[opt] name of a program
-- @treturn int exit status: 0; 1: something is wrong; 125 as base/exit.lua has it
function profiles.run(given, name)
    local files, complaints = { given.profile or nil }, {}
    if not given.profile then files, complaints = paths.profiles() end
    local lines, seen, errors = {}, {}, #complaints
    for _, complaint in ipairs(complaints) do lines[#lines + 1] = "  ! " .. complaint end
    for _, path in ipairs(files) do errors = errors + look(path, seen, lines) end
    local folders = table.concat(paths.folders("profiles.d"), ", ")
    local count = ("%d %s"):format(#files, #files == 1 and "file" or "files")
    table.insert(lines, 1, given.profile and count or ("%s in %s"):format(count, folders))
    if name then
        local ok, why = explain(name, given, files, lines)
        if not ok then
            message.say("%s", why)
            return exit.NOT_FOUND
        end
    end
    for i, line in ipairs(lines) do lines[i] = text.visible(line) end
    if not io.stdout:write(table.concat(lines, "\n"), "\n") or not io.stdout:flush() then
        message.say("--profiles: it cannot be written")
        return exit.FAILED
    end
    return errors == 0 and 0 or exit.INCOMPLETE
end

return profiles
