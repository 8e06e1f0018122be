-- SPDX-License-Identifier: Apache-2.0
--- Profiles: settings for single executables, in Lua files. A file returns one profile or a list
-- of them:
--
--   return { match = { path = "/usr/sbin/mariadbd" }, strategy = "conservative" }
--
-- `match` names the executable by `path`, `basename`, `glob` (of the path) or `build_id`. If
-- `match` has several of these keys, all must hold. A profile without `match` is for every
-- program. The first profile that matches is taken.

local core = require "tiexec.core"
local data = require "tiexec.plan.data"
local sandbox = require "tiexec.plan.sandbox"
local settings = require "tiexec.plan.settings"
local text = require "tiexec.base.text"

local profile = {}

local LONGEST <const> = 1 << 20 -- bytes of a file, as in plan/sandbox.lua
local PATIENCE_MS <const> = 5000 -- with a file, for which every program would have to wait

local tests = {
    path = function(executable, value) return executable.path == value end,
    basename = function(executable, value) return text.basename(executable.path) == value end,
    glob = function(executable, value) return core.fnmatch(value, executable.path) end,
    build_id = function(executable, value)
        local image = core.image(executable.file)
        return image ~= nil and image.build_id == value
    end,
}

-- Says what is wrong with one key of a `match`, or gives nil.
local function wrong_key(key, value)
    if not tests[key] then return ("unknown key '%s' in match"):format(key) end
    if type(value) ~= "string" then return ("match.%s is not a string"):format(key) end
end

--- Tells whether the `match` of a profile names an executable.
-- @tparam table executable `path`, its name, and `file`, a path where it can be read
-- @tparam ?table match nil: of a profile for every program
-- @treturn[1] boolean
-- @treturn[2] nil, string what is wrong with it, which may name the executable all the same
function profile.matches(executable, match)
    if match ~= nil and type(match) ~= "table" then return nil, "match is not a table" end
    local why
    for key, value in pairs(match or {}) do
        local wrong = wrong_key(key, value)
        why = why or wrong
        if not wrong and not tests[key](executable, value) then return false end
    end
    return why == nil or nil, why
end

-- The settings of one profile. Returns nil and a string if the profile has an error.
local function parse(definition)
    local result, with_name = {}, nil
    for key, value in pairs(definition) do
        if key ~= "match" then
            if not settings.in_profile(key) then return nil, ("unknown key '%s'"):format(key) end
            local parsed, more = settings.parse(key, value)
            if parsed == nil then return nil, more end
            result[key] = parsed
            if key == "strategy" then with_name = more end
        end
    end
    if result.parameters and not result.strategy then return nil, "parameters need a strategy" end
    for key, value in pairs(with_name or {}) do
        result.parameters = result.parameters or {}
        if result.parameters[key] == nil then result.parameters[key] = value end
    end
    return result
end

-- The profiles that a file has. Raises a string if the file has an error.
local function profiles_of(path)
    local definition = data.load(data.dump(sandbox.run_file(path))) -- without metatables
    return #definition > 0 and definition or { definition }
end

-- The settings that a file has for an executable, or nil; or `wrong`, why its profile for this very
-- executable has none. Raises a string if the file has another error.
local function from_file(path, executable)
    for _, item in ipairs(profiles_of(path)) do
        if type(item) ~= "table" then error(path .. ": a profile must be a table", 0) end
        local match, why = profile.matches(executable, item.match)
        local result
        if match then result, why = parse(item) end
        if match and why then return { wrong = ("%s: %s"):format(path, why) } end
        if why then error(("%s: %s"):format(path, why), 0) end
        if result then
            result.profile = path
            return result
        end
    end
end

-- Tells whether a file with errors is about an executable, as far as its own name and its text say:
-- true; false, if it names other programs; nil: it is not known, since it names none.
local function is_about(path, executable)
    local name, own = text.basename(executable.path), text.basename(path):gsub("%.lua$", "")
    local source = core.read_regular(path, LONGEST) or ""
    local as_word = "[/\"'%[]" .. name:gsub("%p", "%%%0") .. "[\"'%]]"
    if own == name or source:find(as_word) then
        return true
    end
    local names_by_pattern = source:find("glob", 1, true) or source:find("build_id", 1, true)
    local names_any = source:find("basename", 1, true) or source:find("path", 1, true)
    if names_any and not names_by_pattern then return false end
end

--- Finds the settings for an executable. `profile` in the result is the path of the file that has
-- them. Files with errors are passed over.
-- @tparam table executable `path`, its name, and `file`, a path where it can be read
-- @tparam table files list of paths: the files to look into
-- @func complain `complain(line, is_about)` is called for each file that was passed over;
-- `is_about` says whether the file is about this executable: a boolean, or nil if that is not known
-- @treturn Settings empty if no profile matches
function profile.find(executable, files, complain)
    for _, path in ipairs(files) do
        local found, why = sandbox.call(function()
            return from_file(path, executable)
        end, PATIENCE_MS)
        if found and not found.wrong then return found end
        if found then complain(found.wrong, true) end
        if why then complain(sandbox.with_path(path, why), is_about(path, executable)) end
    end
    return {}
end

-- What one profile is, with all of its errors, whatever executable it is for.
local function item_of(item)
    if type(item) ~= "table" then return { wrong = { "a profile must be a table" } } end
    local wrong, settings_or_nil, why = {}, parse(item)
    wrong[1] = why
    if item.match ~= nil and type(item.match) ~= "table" then
        wrong[#wrong + 1] = "match is not a table"
        return { wrong = wrong }
    end
    for key, value in pairs(item.match or {}) do wrong[#wrong + 1] = wrong_key(key, value) end
    return { match = item.match, settings = settings_or_nil or {}, wrong = wrong }
end

--- Reads all that a file has, for whoever looks for errors.
-- @string path
-- @treturn[1] table list of `{ match, settings, wrong }`, the last a list of strings
-- @treturn[2] nil, string why the file is no profile
function profile.read(path)
    local found, why = sandbox.call(function()
        local list = {}
        for i, item in ipairs(profiles_of(path)) do list[i] = item_of(item) end
        return list
    end)
    return found, why and sandbox.with_path(path, why)
end

return profile
