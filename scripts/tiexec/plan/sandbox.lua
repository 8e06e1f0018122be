-- SPDX-License-Identifier: Apache-2.0
--- Runs strategies and profiles, which are Lua files that compute and return data. They see copies
-- of the parts of Lua's library that compute, and the planner. They run in a forked copy of this
-- process: endless loops, floods of memory and crashes end that copy alone. What the copy returns
-- is read as data.

local core = require "tiexec.core"
local data = require "tiexec.plan.data"
local message = require "tiexec.base.message"
local text = require "tiexec.base.text"

local sandbox = {}

local MILLISECONDS <const> = 20000 -- of the clock, and so many because the host may be busy
local MEBIBYTES <const> = 256
local LONGEST <const> = 1 << 20 -- bytes of a file

local names = { "assert", "error", "ipairs", "math", "next", "pairs", "pcall", "print", "rawequal",
    "rawget", "rawlen", "rawset", "select", "setmetatable", "getmetatable", "string", "table",
    "tonumber", "tostring", "type", "utf8", "xpcall" }

local modules = { ["tiexec.planner"] = true }

local function copy_of(library)
    local copy = {}
    for name, value in next, library do copy[name] = value end
    return copy
end

local is_quiet = false

--- Sets whether `print` says nothing: where files are run only to see what they will come to.
-- @bool on
function sandbox.be_quiet(on) is_quiet = on end

-- `print` writes to standard error, since standard output belongs to the program that is being
-- started.
local function print_words(...)
    if is_quiet then return end
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    local lines = table.concat(words, "\t", 1, words.n):gsub("[^\n\t]+", text.visible)
    message.write(lines .. "\n")
end

-- The global variables that a file sees. Tables are copies: what a file changes in them, tiexec
-- does not call.
local function environment()
    local env = {}
    for _, name in ipairs(names) do
        local value = _G[name]
        env[name] = type(value) == "table" and copy_of(value) or value
    end
    env.print = print_words
    env.require = function(name)
        if modules[name] then return copy_of(require(name)) end
        error(("a strategy may require only tiexec.planner, not '%s'"):format(name), 2)
    end
    env._G = env
    return env
end

--- Calls a function in a forked copy of this process, with limits on time and memory.
-- @func f returns plain data (see `data.dump`), and raises strings
-- @int[opt] patience milliseconds
-- @return[1] what `f` returned
-- @treturn[2] nil, string why there is no result
function sandbox.call(f, patience)
    local result, why = core.trial(function()
        getmetatable("").__metatable = false -- it leads to the table `string` itself
        return data.dump(f())
    end, patience or MILLISECONDS, MEBIBYTES)
    if not result then return nil, why end
    local ok, value = pcall(data.load, result)
    if ok then return value end
    return nil, value
end

--- Puts the path of a file before a message about it, unless the message names the file already.
-- @string path
-- @string why
-- @treturn string
function sandbox.with_path(path, why)
    return why:find(path, 1, true) and why or path .. ": " .. why
end

local kept = {} -- the texts of files by their paths

-- Reads a file that can be trusted. Returns nil and a string if it cannot be.
local function read(path, is_own)
    local why = not is_own and core.distrust(path)
    if why then return nil, ("%s: not used, as root: %s"):format(path, why) end
    return core.read_regular(path, LONGEST)
end

--- Reads a file now, to run it later, when no file may be opened.
-- @string path
-- @bool[opt] is_own it is one of tiexec's own files
function sandbox.keep(path, is_own) kept[path] = read(path, is_own) end

--- Runs a file, which must return a table. Raises a string that names the file if the file cannot
-- be read or loaded, or returns anything else.
-- @string path
-- @bool[opt] is_own it is one of tiexec's own files; all others must, for root, be root's alone
-- @treturn table
function sandbox.run_file(path, is_own)
    local source, why = kept[path], nil
    if not source then source, why = read(path, is_own) end
    if not source then error(why, 0) end
    local chunk
    chunk, why = load(source:gsub("^#[^\n]*", ""), "@" .. path, "t", environment())
    if not chunk then error(why, 0) end
    local result = chunk()
    if type(result) ~= "table" then
        error(("%s: it returned a %s, not a table"):format(path, type(result)), 0)
    end
    return result
end

return sandbox
