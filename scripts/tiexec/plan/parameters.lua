-- SPDX-License-Identifier: Apache-2.0
--- Parameters of strategies. A user writes them after the strategy's name, as in
-- "hot.lua:file=/x,count=3"; a strategy may declare which it knows, of which types they are and
-- what they are by default. A strategy that declares none gets whatever was given, unchanged.

local paths = require "tiexec.plan.paths"

local parameters = {}

local KEY <const> = "[%a_][%w_-]*"

-- ---- in words -----------------------------------------------------------------------------------

-- Whether a text is the path of a strategy's file that is there.
local function is_file(text)
    return (text:find("/", 1, true) or text:find("%.lua$")) and paths.exists(text)
end

-- Splits a text at a separator. A backslash takes the character after it as it is.
local function split(text, separator)
    local list, item, i = {}, {}, 1
    while i <= #text do
        local char = text:sub(i, i)
        if char == "\\" and i < #text then
            i = i + 1
            item[#item + 1] = text:sub(i, i)
        elseif char == separator then
            list[#list + 1], item = table.concat(item), {}
        else
            item[#item + 1] = char
        end
        i = i + 1
    end
    list[#list + 1] = table.concat(item)
    return list
end

-- Where the parameters begin in a text, or nil. A colon that is followed by a key and "=" may still
-- be one in a file's path; the first of them counts before which there is such a file, or else the
-- very first.
local function beginning(text)
    local first
    for at in text:gmatch("():" .. KEY .. "=") do
        if is_file(text:sub(1, at - 1)) then return at end
        first = first or at
    end
    return first
end

--- Takes a strategy's name and its parameters apart.
-- @string text such as "hot.lua:file=/x,count=3". In a value a backslash stands before a separator
-- and before another backslash. A file whose name has a colon is found: the name of a file that is
-- there has no parameters
-- @string separator what stands between parameters: "," or "+"
-- @treturn[1] string name
-- @treturn[1] ?table strings by their keys; nil: there are none
-- @treturn[2] nil, string what is wrong
function parameters.parse(text, separator)
    if is_file(text) then return text end
    local at = beginning(text)
    if not at then return text end
    if at == 1 then return nil, "a name is needed before the parameters" end
    local result = {}
    for _, item in ipairs(split(text:sub(at + 1), separator)) do
        local key, value = item:match("^(" .. KEY .. ")=(.*)$")
        if not key then return nil, ("'%s' is no parameter (KEY=VALUE)"):format(item) end
        result[key] = value
    end
    return text:sub(1, at - 1), result
end

-- ---- what a strategy declares -------------------------------------------------------------------

local switches <const> = { ["1"] = true, yes = true, ["true"] = true, [true] = true, ["0"] = false,
    no = false, ["false"] = false, [false] = false }
local units <const> = { [""] = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30 }

local function number(value)
    local found = type(value) ~= "boolean" and tonumber(value) or nil
    return found == found and found or nil
end

local function integer(value)
    local found = number(value)
    return found and math.tointeger(found)
end

-- Makes a value of a type out of what was given. nil: it is none.
local types = {
    string = function(value) return type(value) == "string" and value or nil end,
    number = number,
    integer = integer,
    boolean = function(value) return switches[value] end,
    size = function(value)
        local digits, unit = tostring(value):match("^(%d+)([KMG]?)$")
        local bytes = integer(digits)
        if bytes and bytes <= math.maxinteger // units[unit] then return bytes * units[unit] end
    end,
}

local articles <const> = { string = "a string", number = "a number", integer = "an integer",
    boolean = "1 or 0", size = "a size, such as 64K or 2M" }

-- The type and the default of one parameter, as it is declared. nil: the declaration is wrong.
local function declared(declaration)
    if type(declaration) == "string" then return declaration end
    if type(declaration) ~= "table" then return nil end
    for key in pairs(declaration) do
        if key ~= "type" and key ~= "default" then return nil end
    end
    return declaration.type, declaration.default
end

local function names_of(declarations)
    local names = {}
    for key in pairs(declarations) do names[#names + 1] = tostring(key) end
    table.sort(names)
    return names
end

--- Checks what a strategy declares as its parameters.
-- @tparam table declarations types by keys: "string", "number", "integer", "boolean" or "size"; or
-- tables of `type` and `default`
-- @treturn ?string what is wrong with it
function parameters.check(declarations)
    for key, declaration in pairs(declarations) do
        if type(key) ~= "string" or not key:find("^" .. KEY .. "$") then
            return ("parameters: '%s' is no key"):format(tostring(key))
        end
        local kind, default = declared(declaration)
        if not types[kind] then
            return ("parameters: %s needs a type (%s)"):format(key,
                table.concat(names_of(types), ", "))
        end
        if default ~= nil and types[kind](default) == nil then
            return ("parameters: the default of %s is not %s"):format(key, articles[kind])
        end
    end
end

--- Completes parameters by the defaults of what a strategy declares, and makes values of the
-- declared types of them.
-- @tparam ?table declarations as `check` takes it; nil: all are taken as they are
-- @tparam table given strings, numbers and booleans by keys
-- @treturn[1] table values by keys
-- @treturn[2] nil, string what is wrong with those that were given
function parameters.complete(declarations, given)
    if not declarations then return given end
    local result = {}
    for _, key in ipairs(names_of(given)) do
        if declarations[key] == nil then
            local known = table.concat(names_of(declarations), ", ")
            if known == "" then return nil, ("it takes no parameters ('%s')"):format(key) end
            return nil, ("unknown parameter '%s' (there are: %s)"):format(key, known)
        end
    end
    for key, declaration in pairs(declarations) do
        local kind, value = declared(declaration)
        if given[key] ~= nil then value = given[key] end
        if value ~= nil then result[key] = types[kind](value) end
        if value ~= nil and result[key] == nil then
            return nil, ("parameter %s: '%s' is not %s"):format(key, tostring(value),
                articles[kind])
        end
    end
    return result
end

return parameters
