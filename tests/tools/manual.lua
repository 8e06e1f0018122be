-- SPDX-License-Identifier: Apache-2.0
-- lua5.4 manual.lua PAGE.md >PAGE: makes a manual page of Markdown, as far as docs/ uses it.
--
-- The first line of the file is "# NAME(SECTION): what it is". Lines of these forms stand for more:
--   <!-- options -->                   all options, by topics
--   <!-- settings -->                  all settings
--   <!-- include FILE "HEADING" -->    what is below a heading of another document
--   <!-- include FILE -->              all of it, without its title

package.path = "scripts/?.lua;scripts/?/init.lua;" .. package.path
local help = require "tiexec.help"
local options = require "tiexec.help.options"
local words = require "tiexec.help.words"

local out = {}

local function put(line)
    local is_first = line == ".PP" and (out[#out] or ""):find("^%.S[HS] ")
    if not is_first then out[#out + 1] = line end
end

local function read(path)
    local file <close> = assert(io.open(path))
    return file:read("a")
end

-- ---- text ----

local escapes <const> = { ["\\"] = "\\e", ["-"] = "\\-", ["^"] = "\\(ha", ["~"] = "\\(ti", ["`"] = "\\(ga",
    ["'"] = "\\(aq" }

-- Text that is shown as it is.
local function literal(text) return (text:gsub("[\\%-^~`']", escapes)) end

-- Text in which only what roff would take for its own is escaped.
local function plain(text) return (text:gsub("[\\^~`]", escapes)) end

local function guarded(line) return (line:gsub("^([.'])", "\\&%1")) end

-- A link's words; its address, too, where that is on the web or a page of its own.
local function link(label, target)
    if target:find("^https?:") and label ~= target then return label .. " (" .. target .. ")" end
    return label
end

-- What stands in backquotes is bold, and what Markdown has bold, too; *this* is italic.
local function inline(text)
    local kept = {}
    local function keep(roff)
        kept[#kept + 1] = roff
        return "\1" .. #kept .. "\2"
    end
    text = text:gsub("`([^`]+)`", function(code) return keep("\\fB" .. literal(code) .. "\\fR") end)
    text = text:gsub("!?%[([^%]]-)%]%(([^%s)]+)%)", link)
    text = plain(text)
    text = text:gsub("%*%*(.-)%*%*", function(bold) return "\\fB" .. bold .. "\\fR" end)
    text = text:gsub("%*([%w][^*]-)%*", "\\fI%1\\fR")
    text = text:gsub("\\fB([^\\]*)\1(%d+)\2", "\\fB%1\\fR\1%2\2") -- code within bold
    return (text:gsub("\1(%d+)\2", function(i) return kept[tonumber(i)] end))
end

local function heading(macro, text)
    put(("%s \"%s\""):format(macro, inline(text):gsub('"', "\\(dq")))
end

-- ---- options ----

-- A text of help/words.lua: options are bold, words in capitals italic.
local function described(text)
    text = text:gsub("%s+", " ")
    text = plain(text):gsub("%f[%w-]%-%-?%a[%w-]*", function(name) return "\\fB" .. name:gsub("-", "\\-") .. "\\fR" end)
    return guarded((text:gsub("%f[%w]%u%u+%f[^%w]", "\\fI%0\\fR"):gsub("%f[%w]CMD%f[%W]", "%0")))
end

local function put_option(option)
    local head = help.head(option):gsub("^ +", "")
    local function bold(name) return "\\fB" .. name:gsub("-", "\\-") .. "\\fR" end
    head = head:gsub("%-%-?[%a-]+", bold, option.short and 2 or 1)
    if option.argument then
        local from = #head - #option.argument - (option.optional and 1 or 0)
        head = head:sub(1, from) .. "\\fI" .. option.argument .. "\\fR" .. (option.optional and "]" or "")
    end
    put(".TP")
    put(head)
    put(described(words.options[option.name]))
end

local function put_options()
    for _, topic in ipairs(words.topics) do
        heading(".SS", topic.title)
        for _, option in ipairs(options) do
            if option.topic == topic.name then put_option(option) end
        end
        if topic.more then
            put(".PP")
            put(described(topic.more))
        end
    end
end

local function put_settings()
    local list = {}
    for _, option in ipairs(options) do
        if option.setting then
            list[#list + 1] = { name = option.name, argument = option.argument, at = option.setting,
                text = words.options[option.name] }
        end
    end
    table.move(words.settings, 1, #words.settings, #list + 1, list)
    table.sort(list, function(a, b) return a.name < b.name end)
    for _, setting in ipairs(list) do
        local head = "\\fB" .. literal(setting.name) .. "\\fR"
        put(".TP")
        put(setting.argument and head .. "=\\fI" .. literal(setting.argument) .. "\\fR" or head)
        put(described(setting.text .. (setting.at == "profile" and "" or " A profile cannot have it.")))
    end
end

-- ---- Markdown ----

local function section_of(path, title)
    local text, level, found = read(path), nil, {}
    local fenced = false
    for line in text:gmatch("([^\n]*)\n") do
        if line:find("^```") then fenced = not fenced end
        local marks, words_of = line:match("^(#+) (.*)$")
        if fenced then marks = nil end
        if level and marks and #marks <= level then break end
        if level then found[#found + 1] = line end
        if marks and (words_of == title or not title) and not level then level = title and #marks or 0 end
    end
    assert(level, ("%s has no heading '%s'"):format(path, title))
    return table.concat(found, "\n") .. "\n", math.max(level - 1, 0)
end

local function cells_of(row)
    local cells = {}
    for cell in row:gsub("\\|", "\3"):gsub("^|", ""):gmatch("([^|]*)|") do
        cells[#cells + 1] = cell:gsub("\3", "|"):match("^%s*(.-)%s*$")
    end
    return cells
end

-- A table becomes a list: the first cell of a row, and below it the others.
local function put_table(rows)
    local titles = cells_of(rows[1])
    for i = 3, #rows do
        local cells, rest = cells_of(rows[i]), {}
        for k = 2, #cells do
            local title = #cells > 2 and titles[k] ~= "" and titles[k] .. ": " or ""
            if cells[k] ~= "" then rest[#rest + 1] = title .. cells[k] end
        end
        put(".TP")
        put(guarded(inline(cells[1] == "" and "-" or cells[1])))
        put(guarded(inline(table.concat(rest, "; "))) .. (#rest == 0 and "\\&" or ""))
    end
end

local convert

local directives = {
    options = put_options,
    settings = put_settings,
    include = function(rest)
        local path, title = rest:match('^(%S+)%s*"?([^"]*)"?$')
        local text, shift = section_of(path, title ~= "" and title or nil)
        convert(text, shift)
    end,
}

local function put_code(lines)
    put(".PP")
    put(".RS 4")
    put(".nf")
    for _, line in ipairs(lines) do put(line == "" and "\\&" or guarded(literal(line))) end
    put(".fi")
    put(".RE")
end

-- A paragraph, or an item of a list.
local function put_paragraph(lines)
    local text = table.concat(lines, "\n")
    local mark, rest = text:match("^([-*]) +(.*)$")
    local number = not mark and text:match("^(%d+%.) ")
    if mark then
        put(".IP \\(bu 2")
        text = rest
    elseif number then
        put((".IP %s 3"):format(number))
        text = text:sub(#number + 2)
    else
        put(".PP")
    end
    for line in (inline(text) .. "\n"):gmatch("%s*([^\n]*)\n") do
        if line ~= "" then put(guarded(line)) end
    end
end

function convert(text, shift)
    local held, code, rows = {}, nil, {}
    local function flush()
        if #held > 0 then put_paragraph(held) end
        if #rows > 0 then put_table(rows) end
        held, rows = {}, {}
    end
    for line in text:gmatch("([^\n]*)\n") do
        local marks, title = line:match("^(#+) (.*)$")
        local directive, rest = line:match("^<!%-%- (%w+) ?(.-) %-%->$")
        if line:find("^%s*```") then
            flush()
            if code then put_code(code) end
            code = not code and {} or nil
        elseif code then
            code[#code + 1] = line
        elseif marks then
            flush()
            local depth = #marks - shift
            heading(depth <= 2 and ".SH" or ".SS", depth <= 2 and title:upper() or title)
        elseif directive and directives[directive] then
            flush()
            directives[directive](rest)
        elseif line:find("^|") then
            if #held > 0 then flush() end
            rows[#rows + 1] = line
        elseif line == "" or line:find("^<!%-%-") then
            flush()
        else
            if line:find("^%s*[-*] ") or line:find("^%d+%. ") then flush() end
            held[#held + 1] = line:match("^%s*(.*)$")
        end
    end
    flush()
end

local page = read(arg[1])
local name, section, what = page:match("^# (%S+)%((%w+)%): ([^\n]*)\n")
local version = require "tiexec.base.version"
local date = assert(read("docs/NEWS.md"):match("\n## [%d.]+ %((%d+%-%d+%-%d+)%)"), "docs/NEWS.md has no date")
put([[.\" Made by tests/tools/manual.lua of ]] .. arg[1])
put((".TH %s %s %s \"tiexec %s\" \"tiexec\""):format(name:upper(), section, date, version))
put(".nh")
-- Words are long: lines that are filled would have gaps. groff since 1.23 goes by the string.
put(".ad l")
put(".ds AD l")
put(".ad l")
put(".SH NAME")
put(("%s \\- %s"):format(name, what))
convert(page:gsub("^[^\n]*\n", ""), 0)
io.stdout:write(table.concat(out, "\n"), "\n")
