-- SPDX-License-Identifier: Apache-2.0
--- What a program is launched with: its environment, its folder, its standard files, its user.

local core = require "tiexec.core"

local launches = {}

local STDIN <const>, NOWHERE <const> = "stdin", "/dev/null"

local kinds = { env = { table = true }, cwd = { string = true }, user = { string = true },
    aslr = { boolean = true } }
for _, name in ipairs { "stdin", "stdout", "stderr" } do
    kinds[name] = { string = true, number = true, userdata = true, boolean = true }
end

-- Splits what `launch` was given into the command line and the options. Raises for unknown ones.
local function split(given)
    local argv, options = {}, {}
    for key, value in pairs(given) do
        if math.type(key) == "integer" then
            argv[key] = value
        elseif not kinds[key] then
            error(("launch: unknown option '%s'"):format(tostring(key)), 0)
        elseif not kinds[key][type(value)] then
            error(("launch: option '%s' cannot be a %s"):format(key, type(value)), 0)
        else
            options[key] = value
        end
    end
    if type(argv[1]) == "table" then argv = argv[1] end
    return argv, options
end

-- Makes the list of the environment. Strings in a list are all of it; by their names, values change
-- this process's own, from which `false` takes a variable away.
local function environment_of(env)
    if not env or env[1] ~= nil or next(env) == nil then return env end
    local list = {}
    for name, value in pairs(env) do
        if type(name) ~= "string" or not (value == false or type(value) == "string") then
            error("launch: env has strings by their names, or is a list of strings", 0)
        end
        if value then list[#list + 1] = name .. "=" .. value end
    end
    for _, text in ipairs(core.environment()) do
        if env[text:match("^[^=]*")] == nil then list[#list + 1] = text end
    end
    return list
end

-- Opens a standard file that was named by its path. `opened` closes it.
local function open_file(name, value, opened)
    if type(value) ~= "string" and value ~= false then
        if value == true then error(("launch: %s cannot be true"):format(name), 0) end
        return value
    end
    local file, why, errno = io.open(value or NOWHERE, name == STDIN and "rb" or "wb")
    if not file then return nil, why, errno end
    opened[#opened + 1] = file
    return file
end

-- Finds the program from here, and not from the folder that it is to be in.
local function find(argv, folder)
    local path, why, errno = core.find(argv[1])
    if not path then return nil, why, errno end
    if folder and path:sub(1, 1) ~= "/" then
        path = core.readlink("/proc/self/cwd") .. "/" .. path
    end
    return path
end

--- Starts a program as `core.launch` does.
-- @tparam table given the command line, as a list or as the first of a list, and options by their
-- names; unknown ones raise
-- @treturn[1] Inferior
-- @treturn[2] nil, message, errno
function launches.launch(given)
    local argv, options = split(given)
    local opened <close> = setmetatable({}, { __close = function(files)
        for _, file in ipairs(files) do file:close() end
    end })
    local more = { cwd = options.cwd, user = options.user, aslr = options.aslr,
        environment = environment_of(options.env) }
    if type(argv[1]) ~= "string" then return core.launch(argv) end -- which says what is wrong
    local why, errno
    more.path, why, errno = find(argv, options.cwd)
    if not more.path then return nil, why, errno end
    for _, name in ipairs { "stdin", "stdout", "stderr" } do
        if options[name] ~= nil then
            more[name], why, errno = open_file(name, options[name], opened)
            if not more[name] then return nil, why, errno end
        end
    end
    return core.launch(argv, more)
end

return launches
