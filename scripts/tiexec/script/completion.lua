-- SPDX-License-Identifier: Apache-2.0
--- What a word at the prompt may become: global variables and keywords, fields, methods, and the
-- names of registers.

local late = require "tiexec.harness.late"
local show = require "tiexec.script.show"

local completion = {}

local keywords <const> = { "and", "break", "do", "else", "elseif", "end", "false", "for",
    "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then",
    "true", "until", "while" }

-- Gives the value that a path such as "a.b" leads to. Nothing is called for it but metamethods.
local function value_of(path)
    local value = _G
    for name in path:gmatch("[^.]+") do
        local ok, field = pcall(function() return value[name] end)
        if not ok then return nil end
        value = field
    end
    return value
end

-- Adds the names of the fields of a table, and of what its metatable looks in.
local function add_fields(names, value)
    local seen = 0
    while type(value) == "table" and seen < 8 do
        for key in next, value do
            if type(key) == "string" then names[key] = value[key] end
        end
        local meta = getmetatable(value)
        value, seen = type(meta) == "table" and rawget(meta, "__index"), seen + 1
    end
end

-- The names that may follow a path and "." or ":", with what they stand for.
local function members(path, is_method)
    local names, value = {}, value_of(path)
    if type(value) == "table" then
        add_fields(names, value)
    else
        local meta = getmetatable(value)
        add_fields(names, type(meta) == "table" and rawget(meta, "__index"))
    end
    if show.is_inferior(value) then
        for _, name in ipairs(late.names()) do names[name] = print end -- all are functions
    end
    if is_method then
        for name, field in pairs(names) do
            if type(field) ~= "function" then names[name] = nil end
        end
    end
    return names
end

local function globals()
    local names = {}
    add_fields(names, _G)
    for _, word in ipairs(keywords) do names[word] = true end
    return names
end

-- Those of the names that begin as a word does, behind a prefix. What can be called gets a bracket.
local function matching(names, beginning, prefix)
    local list = {}
    for name, value in pairs(names) do
        if name:sub(1, #beginning) == beginning then
            list[#list + 1] = prefix .. name .. (type(value) == "function" and "(" or "")
        end
    end
    table.sort(list)
    return list
end

-- The registers of the inferior of a call such as `inferior:read_register("`.
local function registers_of(line)
    local path = line:match("([%w_.]+):[%w_]*register%(%s*[\"']$")
    local value = path and value_of(path)
    if not show.is_inferior(value) then return nil end
    local names = { pc = true, sp = true, fp = true }
    for name in pairs(value:registers("all") or {}) do names[name] = true end
    return names
end

--- Gives what a word may become.
-- @string line
-- @int first position of the word in the line
-- @int last the last one
-- @treturn table list of strings
function completion.of(line, first, last)
    local word, registers = line:sub(first, last), registers_of(line:sub(1, first - 1))
    if registers then return matching(registers, word, "") end
    local path, separator, beginning = word:match("^([%w_.]-)([.:])([%w_]*)$")
    if not path then return matching(globals(), word, "") end
    return matching(members(path, separator == ":"), beginning, path .. separator)
end

return completion
