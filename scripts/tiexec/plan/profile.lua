-- SPDX-License-Identifier: Apache-2.0
--- Profiles: per-binary settings in files of Lua. A file returns one profile or a list of them:
--
--   return { match = { path = "/usr/sbin/mariadbd" }, strategy = "conservative", sources = { "thp" } }
--
-- `match` names the executable by `path`, `basename`, `glob` (of the path) or `build_id`; of several
-- all must hold, and without any the profile is for every program. The first that matches is taken.

local core = require "tiexec.core"
local paths = require "tiexec.plan.paths"
local sandbox = require "tiexec.plan.sandbox"
local settings = require "tiexec.plan.settings"

local profile = {}

local tests = {
    path = function(executable, value) return executable.path == value end,
    basename = function(executable, value) return executable.path:match("[^/]*$") == value end,
    glob = function(executable, value) return core.fnmatch(value, executable.path) end,
    build_id = function(executable, value)
        local image = core.image(executable.file)
        return image ~= nil and image.build_id == value
    end,
}

local function matches(executable, match)
    if match ~= nil and type(match) ~= "table" then return nil, "match is not a table" end
    for key, value in pairs(match or {}) do
        if not tests[key] then return nil, ("unknown key '%s' in match"):format(key) end
        if type(value) ~= "string" then return nil, ("match.%s is not a string"):format(key) end
        if not tests[key](executable, value) then return false end
    end
    return true
end

local function parse(definition)
    local result = {}
    for key, value in pairs(definition) do
        if key ~= "match" then
            if not settings.in_profile(key) then return nil, ("unknown key '%s'"):format(key) end
            local parsed, why = settings.parse(key, value)
            if parsed == nil then return nil, why end
            result[key] = parsed
        end
    end
    return result
end

-- The settings that a file has for an executable, or nil. Raises a string when the file is at fault.
local function from_file(path, executable)
    local definition = sandbox.run_file(path)
    local list = #definition > 0 and definition or { definition }
    for _, item in ipairs(list) do
        if type(item) ~= "table" then error(path .. ": a profile must be a table", 0) end
        local match, why = matches(executable, item.match)
        local result
        if match then result, why = parse(item) end
        if why then error(("%s: %s"):format(path, why), 0) end
        if result then
            result.profile = path
            return result
        end
    end
end

local function files()
    local list = {}
    for _, folder in ipairs(paths.folders("profiles.d")) do
        for _, name in ipairs(core.list_folder(folder) or {}) do
            if name:find("%.lua$") then list[#list + 1] = folder .. "/" .. name end
        end
    end
    return list
end

--- Finds the settings for an executable.
-- @tparam table executable `path` its name, `file` where it can be read
-- @string[opt] file only this profile; else those in profiles.d, the user's first
-- @treturn table settings, empty when nothing matches
-- @treturn table list of complaints about files that were passed over
function profile.find(executable, file)
    local complaints = {}
    for _, path in ipairs(file and { file } or files()) do
        local found, why = sandbox.call(function() return from_file(path, executable) end)
        if found then return found, complaints end
        complaints[#complaints + 1] = why and (why:find(path, 1, true) and why or path .. ": " .. why)
    end
    return {}, complaints
end

return profile
