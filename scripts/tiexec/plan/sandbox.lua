-- SPDX-License-Identifier: Apache-2.0
--- Runs strategies and profiles, which are Lua files that compute and return data. They see the
-- parts of Lua's library that compute, and the planner. They run in a forked copy of this process:
-- endless loops, floods of memory and crashes end that copy alone.

local core = require "tiexec.core"
local data = require "tiexec.plan.data"

local sandbox = {}

local MILLISECONDS <const> = 20000 -- of the clock, and so many because the host may be busy
local MEBIBYTES <const> = 256

local names = { "assert", "error", "ipairs", "math", "next", "pairs", "pcall", "print", "rawequal",
    "rawget", "rawlen", "rawset", "select", "setmetatable", "getmetatable", "string", "table",
    "tonumber", "tostring", "type", "utf8", "xpcall" }

local modules = { ["tiexec.planner"] = true }

-- The global variables that a file sees. `print` writes to standard error, since standard output
-- belongs to the program that is being started.
local function environment()
    local env = {}
    for _, name in ipairs(names) do env[name] = _G[name] end
    env.print = function(...)
        local words = table.pack(...)
        for i = 1, words.n do words[i] = tostring(words[i]) end
        io.stderr:write(table.concat(words, "\t"), "\n")
    end
    env.require = function(name)
        if modules[name] then return require(name) end
        error(("a strategy may require only tiexec.planner, not '%s'"):format(name), 2)
    end
    env._G = env
    return env
end

--- Calls a function in a forked copy of this process, with limits on time and memory.
-- @func f returns plain data (see `data.dump`), and raises strings
-- @return[1] what `f` returned
-- @treturn[2] nil, string why there is no result
function sandbox.call(f)
    local text, why = core.trial(function() return data.dump(f()) end, MILLISECONDS, MEBIBYTES)
    if not text then return nil, why end
    return data.load(text)
end

--- Puts the path of a file before a message about it, unless the message names the file already.
-- @string path
-- @string why
-- @treturn string
function sandbox.with_path(path, why)
    return why:find(path, 1, true) and why or path .. ": " .. why
end

--- Runs a file, which must return a table. Raises a string that names the file if the file cannot
-- be loaded or returns anything else.
-- @string path
-- @treturn table
function sandbox.run_file(path)
    local chunk, why = loadfile(path, "t", environment())
    if not chunk then error(why, 0) end
    local result = chunk()
    if type(result) ~= "table" then
        error(("%s: it returned a %s, not a table"):format(path, type(result)), 0)
    end
    return result
end

return sandbox
