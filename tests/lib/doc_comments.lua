-- SPDX-License-Identifier: Apache-2.0
--- The doc comments of the harness, in Lua and in C: what docs/API.md is made of.

local doc_comments = {}

local PREFIXES <const> = { lua = { "^%s*%-%-%-%f[^-]%s?(.*)$", "^%s*%-%-%f[^-]%s?(.*)$" },
    c = { "^%s*///%s?(.*)$", "^%s*//%s?(.*)$" } }

-- What the tables of methods in the modules stand for.
local classes = { Inferior = "inferior", methods = "inferior", values = "inferior", Point = "point",
    Buffer = "buffer", Scratch = "scratch", Loan = "loan" }

local short = { int = "integer", bool = "boolean", func = "function", string = "string", table = "table",
    number = "number" }

-- ---- one comment --------------------------------------------------------------------------------

-- Splits the lines into the text before the first tag, and tags: {name, option, text}. An example keeps its lines.
local function split(lines)
    local text, tags = {}, {}
    for _, line in ipairs(lines) do
        local name, option, rest = line:match("^@(%a+)%[?([^%]%s]*)%]?%s*(.*)$")
        local last = tags[#tags]
        if name then
            tags[#tags + 1] = { name = name, option = option, text = rest }
        elseif last and last.name == "usage" then
            last.text = last.text .. (last.text == "" and "" or "\n") .. line
        elseif last then
            last.text = last.text .. " " .. line
        else
            text[#text + 1] = line
        end
    end
    return table.concat(text, " "), tags
end

-- A type in words: "integer or string".
local function type_of(word)
    local optional = word:sub(1, 1) == "?"
    local names = {}
    for one in word:gsub("^%?", ""):gmatch("[^|]+") do
        if one ~= "nil" then names[#names + 1] = short[one] or one end
    end
    return table.concat(names, " or ") .. (optional and " or nil" or "")
end

local function parameter(tag)
    local kind, name, text = short[tag.name], tag.text:match("^(%S+)%s*(.*)$")
    if tag.name == "tparam" then
        kind, name, text = tag.text:match("^(%S+)%s+(%S+)%s*(.*)$")
        if kind then kind = type_of(kind) end
    end
    return { name = name, kind = kind, text = text, default = tag.option:match("^opt=(.*)$"),
        optional = tag.option:find("^opt") ~= nil }
end

-- Results of one way to return come in one list; `[2]` is a failure.
local function result(tag)
    local kind, text = tag.text:match("^([^%s;:]+)[;:]?%s*(.*)$")
    if tag.text:find("^nil,") then return { failure = tag.text } end
    return { kind = type_of(kind), text = text, way = tag.option }
end

local function new_entry(lines)
    local text, tags = split(lines)
    local entry = { text = text, parameters = {}, results = {} }
    for _, tag in ipairs(tags) do
        if short[tag.name] or tag.name == "tparam" or tag.name == "param" then
            table.insert(entry.parameters, parameter(tag))
        elseif tag.name == "treturn" then
            table.insert(entry.results, result(tag))
        elseif tag.name == "return" then
            table.insert(entry.results, { text = tag.text })
        elseif tag.name == "local" then
            entry["local"] = true
        else -- function, field, usage, since
            entry[tag.name] = tag.text
        end
    end
    return entry
end

-- ---- a file -------------------------------------------------------------------------------------

-- The public name of what a comment stands before.
local function name_of(entry, code, path)
    local name = entry["function"] or entry.field
    if name then
        if path:find("%.c$") and not name:find("[.:]") then name = "tiexec." .. name end
        return (name:gsub("^Inferior:", "inferior:"))
    end
    local class, method = code:match("function (%a+):([%w_]+)")
    if class and path:find("gdb/client/", 1, true) then return "remote:" .. method end
    if class then return classes[class] and classes[class] .. ":" .. method end
    return code:match("function (planner%.[%w_]+)")
end

-- Calls `each(lines, code)` for every doc comment with the line of code after it.
local function scan(path, each)
    local first, further = table.unpack(PREFIXES[path:match("%a+$")])
    local lines
    for line in io.lines(path) do
        local begun = line:match(first)
        local more = lines and line:match(further)
        if begun then
            lines = { begun }
        elseif more then
            lines[#lines + 1] = more
        elseif lines then
            each(lines, line)
            lines = nil
        end
    end
end

local FILES <const> = { "core/lua/*.c", "scripts/tiexec/planner.lua", "scripts/tiexec/harness/*.lua",
    "scripts/tiexec/gdb/*.lua", "scripts/tiexec/gdb/client/*.lua", "scripts/tiexec/script/*.lua",
    "scripts/tiexec/init.lua" }

--- Lists the files that have them.
function doc_comments.files()
    local files = {}
    local pipe <close> = assert(io.popen("LC_ALL=C ls " .. table.concat(FILES, " ") .. " 2>/dev/null"))
    for path in pipe:lines() do files[#files + 1] = path end
    return files
end

--- Reads the comments of some files; of two with one name the later one counts.
-- @treturn table entries by their public names: `inferior:wait`, `tiexec.launch`
function doc_comments.read(paths)
    local entries = {}
    for _, path in ipairs(paths) do
        scan(path, function(lines, code)
            local entry = new_entry(lines)
            local name = name_of(entry, code, path)
            if name then
                entry.name, entry.path = name, path
                entries[name] = entry
            end
        end)
    end
    return entries
end

-- Reads the shapes of data that one file tells of.
local function read_types(types, path)
    local text, current = {}, nil
    for line in io.lines(path) do
        local class = line:match("^%-%-%-@class ([%w_]+)")
        local name, rest = line:match("^%-%-%-@field (%S+) (.*)$")
        local more = line:match("^%-%-%-%s(.*)$")
        if class then
            current = { text = table.concat(text, " "), fields = {}, base = line:match(": ([%w_]+)$") }
            types[class], text = current, {}
        elseif name then
            local kind, words = rest:match("^(%b()%??)%s*(.*)$")
            if not kind then kind, words = rest:match("^(fun%b():?%s?.-)%s+(%u.*)$") end
            if not kind then kind, words = rest:match("^(%S+)%s*(.*)$") end
            table.insert(current.fields, { name = name, kind = kind, text = words })
        elseif more and current and #current.fields > 0 then
            local last = current.fields[#current.fields]
            last.text = last.text .. " " .. more
        elseif more then
            text[#text + 1] = more
        else
            text, current = {}, nil
        end
    end
end

--- Reads the shapes of data that scripts/tiexec/types tells of.
-- @treturn table by name: `text`, and `fields`, a list of `name`, `kind`, `text`
function doc_comments.types()
    local types = {}
    local list <close> = assert(io.popen "ls scripts/tiexec/types/*.lua")
    for path in list:lines() do read_types(types, path) end
    return types
end

return doc_comments
