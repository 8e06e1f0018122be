-- SPDX-License-Identifier: Apache-2.0
-- Prints docs/API.md: the chapters of docs/API.in.md, with the functions that each names in braces, as their doc
-- comments tell of them. `make api` writes it.
--   {{functions NAME…}}  {{type NAME}}  {{contents}}  {{file PATH}}  {{gdb}}  {{scripts}}

local doc_comments = require "tests.lib.doc_comments"
local gdb_rows = require "tests.lib.gdb_rows"

local CHAPTERS <const> = "docs/API.in.md"
local WIDTH <const> = 110

local function read_file(path)
    local file <close> = assert(io.open(path))
    return file:read("a")
end

-- Makes links of the types that have a section on the page.
local sections = {}

local function linked(words)
    return (words:gsub("%u%a+", function(name)
        return sections[name] and ("[%s](#%s)"):format(name, name:lower())
    end))
end

-- ---- a function ---------------------------------------------------------------------------------

local function signature(entry)
    local words = {}
    for _, p in ipairs(entry.parameters) do words[#words + 1] = p.optional and ("[%s]"):format(p.name) or p.name end
    return ("%s(%s)"):format(entry.name, table.concat(words, ", "))
end

-- Breaks a line between words; what follows the first line begins with `indent`.
local function wrap(text, indent)
    local lines, line = {}, ""
    for word in text:gmatch("%S+") do
        if line ~= "" and utf8.len(line) + utf8.len(word) + 1 > WIDTH then
            lines[#lines + 1], line = line, indent .. word
        else
            line = line == "" and word or line .. " " .. word
        end
    end
    lines[#lines + 1] = line
    return table.concat(lines, "\n")
end

local function capital(text) return (text:gsub("^%l", string.upper)) end

local function sentence(text) return (text:gsub("%s+$", ""):gsub("…$", "and others"):gsub("([^.:])$", "%1.")) end

local function of_parameter(p)
    local kind = p.kind or "any"
    if p.default then kind = ("%s, %s unless said"):format(kind, p.default)
    elseif p.optional then kind = kind .. ", optional" end
    local text = p.text ~= "" and ": " .. sentence(p.text) or ""
    return ("- `%s` (%s)%s"):format(p.name, kind, text)
end

local function of_result(r)
    local failure = r.failure and r.failure:match("^nil, message, errno(.*)$")
    if failure then
        local rest = failure:gsub("^[:;]?%s*", ""):gsub("^(%b())$", function(all) return all:sub(2, -2) end)
        return "- or `nil, message, errno`" .. (rest ~= "" and ": " .. sentence(rest) or "")
    elseif r.failure then
        local why = r.failure:gsub("^nil, string%s*", "")
        return "- or `nil, reason`" .. (why ~= "" and ": " .. sentence(why) or "")
    elseif not r.kind then
        return "- gives " .. sentence(r.text)
    end
    if r.kind == "boolean" and r.text == "true" then return "- gives `true`" end
    local text = r.text:gsub("^list of %a+", linked)
    return ("- gives %s%s"):format(linked(r.kind), r.text ~= "" and ": " .. sentence(text) or "")
end

local function of_function(entry)
    local lines = { "### " .. entry.name, "" }
    if not entry.field then
        lines[#lines + 1] = "`" .. signature(entry) .. "`"
        lines[#lines + 1] = ""
    end
    lines[#lines + 1] = wrap(sentence(capital(entry.text)), "")
    lines[#lines + 1] = ""
    local before = #lines
    for _, p in ipairs(entry.parameters) do lines[#lines + 1] = wrap(of_parameter(p), "  ") end
    for _, r in ipairs(entry.results) do lines[#lines + 1] = wrap(of_result(r), "  ") end
    if entry.since then lines[#lines + 1] = wrap("- since " .. sentence(entry.since), "  ") end
    if #lines > before then lines[#lines + 1] = "" end
    if entry.usage then
        lines[#lines + 1] = "```lua\n" .. entry.usage .. "\n```"
        lines[#lines + 1] = ""
    end
    return table.concat(lines, "\n")
end

-- ---- directives ---------------------------------------------------------------------------------

local function cell(text) return (text:gsub("|", "\\|")) end

local function of_type(types, name)
    local type = assert(types[name], "there is no type " .. name)
    local lines = { "| field | type | |", "|---|---|---|" }
    local base = type.base and types[type.base]
    local is_apart = sections[type.base] -- the base has a section of its own
    for _, list in ipairs { base and not is_apart and base.fields or {}, type.fields } do
        for _, f in ipairs(list) do
            if f.kind:find("^fun%(self") then goto continue end -- a method: it has a section of its own
            lines[#lines + 1] = ("| `%s` | %s | %s |"):format(f.name, cell(f.kind), cell(f.text))
            ::continue::
        end
    end
    local text = wrap(type.text:gsub(" %([%w/]+%.lua%)", ""), "")
    if is_apart then text = text .. ("\n\nIt has what a %s has, and:"):format(linked(type.base)) end
    return ("### %s\n\n%s\n\n%s\n"):format(name, text, table.concat(lines, "\n"))
end

local function of_gdb()
    local lines = {}
    for _, row in ipairs(gdb_rows) do
        if row.theme then
            lines[#lines + 1] = ("\n**%s**\n\n| gdb | tiexec |\n|---|---|"):format(row.theme)
        else
            lines[#lines + 1] = ("| `%s` | `%s` |"):format(cell(table.concat(row.gdb, "; ")), cell(row.tiexec))
        end
    end
    return table.concat(lines, "\n"):gsub("^\n", "") .. "\n"
end

-- What the scripts show, and how they are called: each opens with that.
local function of_scripts()
    local lines = { "| | |", "|---|---|" }
    local pipe <close> = assert(io.popen("LC_ALL=C ls scripts/examples/*.lua"))
    for path in pipe:lines() do
        local what, call = read_file(path):match("\n%-%- (.-)[.:]?\n%-%-   (tiexec %C*)")
        call = call:gsub("%s%s+.*", "")
        what = what:gsub("\n%-%- ", " ")
        lines[#lines + 1] = ("| `%s` | %s |"):format(cell(call), cell(what))
    end
    return table.concat(lines, "\n") .. "\n"
end

local function anchor(heading)
    return (heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

local function of_contents(chapters)
    local lines = {}
    for line in chapters:gmatch("[^\n]+") do
        local heading, names = line:match("^## (.*)$"), line:match("^{{functions (.*)}}$")
        if heading then lines[#lines + 1] = ("- [%s](#%s)"):format(heading, anchor(heading)) end
        for name in (names or ""):gmatch("%S+") do
            local sign = lines[#lines]:find("`", 1, true) and "," or ":"
            local short = name:gsub("^inferior:", "")
            lines[#lines] = ("%s%s [`%s`](#%s)"):format(lines[#lines], sign, short, anchor(name))
        end
    end
    for i, line in ipairs(lines) do lines[i] = wrap(line, "  ") end
    return table.concat(lines, "\n") .. "\n"
end

local function render()
    local entries = doc_comments.read(doc_comments.files())
    local types = doc_comments.types()
    local chapters = read_file(CHAPTERS):gsub("^<!%-%-.-%-%->\n", "")
    for name in chapters:gmatch("{{type (%a+)}}") do sections[name] = true end
    local make = {
        contents = function() return of_contents(chapters) end,
        gdb = of_gdb,
        scripts = of_scripts,
        type = function(name) return of_type(types, name) end,
        file = function(path)
            return ("```c\n%s```\n"):format((read_file(path):gsub("^/%*.-%*/\n", "")))
        end,
        functions = function(names)
            local parts = {}
            for name in names:gmatch("%S+") do
                parts[#parts + 1] = of_function(assert(entries[name], name .. " has no doc comment"))
            end
            return table.concat(parts, "\n")
        end,
    }
    return (chapters:gsub("{{(%a+) ?([^}]*)}}\n", function(what, rest) return make[what](rest) end))
end

io.stdout:write((render():gsub("\n\n\n+", "\n\n"):gsub("\n+$", "\n")))
