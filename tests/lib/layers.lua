-- SPDX-License-Identifier: Apache-2.0
-- The layers of the program, and what breaks them: steps upward, and circles. Sources are read as text. The functions
-- take a table of texts by path, so that a test can add a file that breaks a rule.

local support = require "tests.lib.support"

local layers = {}

-- The rooms of core/, the highest first. A file may include, and call, what is in its own room or in a lower one.
-- What is in `front` runs before the C library: it calls nothing else.
layers.core_rooms = { { "lua" }, { "elf", "replay" }, { "os" }, { "ptrace" }, { "proc" }, { "base" }, { "front" } }

-- The rooms of scripts/tiexec, the highest first. Rooms on one level do not know of each other. `cli`, `init` and
-- `planner` are files beside the rooms: the program, and the names that scripts and strategies require.
layers.script_rooms = { { "cli" }, { "init" }, { "script" }, { "model" },
    { "start", "inspect", "check", "compare", "record", "unit", "warm", "service" },
    { "watch" }, { "remap" }, { "show" }, { "plan" }, { "planner" }, { "sources", "gdb" }, { "harness" },
    { "help" }, { "base" } }

local function levels_of(rooms)
    local levels = {}
    for level, names in ipairs(rooms) do
        for _, name in ipairs(names) do levels[name] = level end
    end
    return levels
end

--- The texts of the files of the project below a folder, by path.
-- @string folder
-- @string pattern Lua's, for the ends of paths
function layers.read(folder, pattern)
    local files = {}
    for path in support.shell("find " .. folder .. " -type f").out:gmatch("[^\n]+") do
        if path:find(pattern) then files[path] = support.read_file(path) end
    end
    return files
end

-- C without comments and strings.
local function bare(text)
    text = text:gsub("/%*.-%*/", " "):gsub("//[^\n]*", "")
    return (text:gsub('#include "', "#include <"):gsub('"[^"\n]*"', '""'))
end

-- The functions that a C file defines for others: at the beginning of a line, with a body.
local function defined(text)
    local names = {}
    for head in ("\n" .. text):gmatch("\n(%a[^\n;{}#]-[^\n;{}#]*%b())%s*{") do
        local name = head:match("([%w_]+)%s*%b()$")
        if name and not head:find("^static") and not head:find("^typedef") then names[#names + 1] = name end
    end
    return names
end

--- What the files of core/ take from each other, by `#include` and by calls: list of `from`, `to` (paths), `what`.
function layers.c_arrows(files)
    local owner, arrows, texts = {}, {}, {}
    for path, text in pairs(files) do texts[path] = bare(text) end
    for path, text in pairs(texts) do
        for _, name in ipairs(path:find("%.c$") and defined(text) or {}) do owner[name] = path end
    end
    for path, text in pairs(texts) do
        for header in text:gmatch("#include <([%w_/]+%.h)") do
            local to = "core/" .. header
            if files[to] then arrows[#arrows + 1] = { from = path, to = to, what = "includes " .. header } end
        end
        for name in text:gmatch("([%a_][%w_]*)%s*%(") do
            local to = path:find("%.c$") and owner[name]
            if to and to ~= path then arrows[#arrows + 1] = { from = path, to = to, what = "calls " .. name } end
        end
    end
    return arrows
end

--- What the modules of scripts/tiexec require, wherever in a file they do.
function layers.lua_arrows(files)
    local arrows = {}
    for path, text in pairs(files) do
        for name in text:gsub("%-%-[^\n]*", ""):gmatch('require%s*%(?%s*"tiexec%.?([%w_.]*)"') do
            local base = "scripts/tiexec/" .. name:gsub("%.", "/")
            local to = files[base .. ".lua"] and base .. ".lua" or base .. "/init.lua"
            if files[to] then arrows[#arrows + 1] = { from = path, to = to, what = "requires tiexec." .. name } end
        end
    end
    return arrows
end

-- The room of a path: the folder below `root`, or the file's own name where it lies in no folder.
local function room_of(path, root)
    local rest = path:sub(#root + 2)
    return rest:match("^([^/]+)/") or rest:match("^([^/]+)%.%w+$")
end

--- The arrows that lead upward, or sideways into another room of the same level; and files in no known room.
-- @treturn table list of lines
function layers.steps_upward(arrows, root, rooms)
    local levels, lines = levels_of(rooms), {}
    for _, arrow in ipairs(arrows) do
        local from, to = room_of(arrow.from, root), room_of(arrow.to, root)
        if not levels[from] or not levels[to] then
            lines[#lines + 1] = ("%s or %s is in no known room"):format(arrow.from, arrow.to)
        elseif levels[to] < levels[from] or (levels[to] == levels[from] and from ~= to) then
            lines[#lines + 1] = ("%s %s"):format(arrow.from, arrow.what)
        end
    end
    table.sort(lines)
    return lines
end

-- A C file and its header are one.
local function unit_of(path) return (path:gsub("%.[ch]$", "")) end

--- The circles: files that lead back to themselves, each circle once.
-- @treturn table list of lines such as "a -> b -> a"
function layers.circles(arrows)
    local next_of, state, circles, trail = {}, {}, {}, {}
    for _, arrow in ipairs(arrows) do
        local from, to = unit_of(arrow.from), unit_of(arrow.to)
        next_of[from] = next_of[from] or {}
        if from ~= to then next_of[from][to] = true end
    end
    local function visit(unit)
        state[unit] = "open"
        trail[#trail + 1] = unit
        for other in pairs(next_of[unit] or {}) do
            if state[other] == "open" then
                local first = #trail
                while trail[first] ~= other do first = first - 1 end
                circles[#circles + 1] = table.concat(trail, " -> ", first) .. " -> " .. other
            elseif not state[other] then
                visit(other)
            end
        end
        trail[#trail] = nil
        state[unit] = "done"
    end
    for unit in pairs(next_of) do
        if not state[unit] then visit(unit) end
    end
    return circles
end

--- The places where a module is required for what it does and not for what it gives.
function layers.bare_requires(files)
    local lines = {}
    for path, text in pairs(files) do
        for line in text:gmatch("[^\n]+") do
            if line:find('^%s*require%s*%(?"[%w_.]+"%)?%s*$') then lines[#lines + 1] = path .. ": " .. line end
        end
    end
    return lines
end

--- The functions of Lua files that take more than five positional parameters.
function layers.long_parameter_lists(files)
    local lines = {}
    for path, text in pairs(files) do
        for name, list in text:gmatch("function%s*([%w_.:]*)%(([^()]*)%)") do
            local _, commas = list:gsub(",", "")
            if commas > 4 then lines[#lines + 1] = ("%s: %s(%s)"):format(path, name, list) end
        end
    end
    return lines
end

--- The lines that are longer than a number of columns.
function layers.long_lines(files, most)
    local lines = {}
    for path, text in pairs(files) do
        local number = 0
        for line in (text .. "\n"):gmatch("(.-)\n") do
            number = number + 1
            if (utf8.len(line) or #line) > most then lines[#lines + 1] = ("%s:%d"):format(path, number) end
        end
    end
    table.sort(lines)
    return lines
end

return layers
