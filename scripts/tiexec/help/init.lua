-- SPDX-License-Identifier: Apache-2.0
--- `--help`: one screen, and a page for each topic, of 80 columns.

local options = require "tiexec.help.options"
local words = require "tiexec.help.words"

local help = {}

local WIDTH <const>, COLUMN <const> = 80, 23

-- The options of the first screen, in its order.
local first <const> = { "verbose", "dry-run", "strategy", "sources", "follow", "user", "attach",
    "inspect", "check", "compare" }

--- What an option looks like: its letter, its name, and its argument.
-- @tparam table option one of help/options.lua
-- @treturn string as in "-s, --strategy NAME"
function help.head(option)
    local head = option.short and ("-%s, --%s"):format(option.short, option.name)
        or ("    --%s"):format(option.name)
    if not option.argument then return head end
    return head .. (option.optional and "[=%s]" or " %s"):format(option.argument)
end

--- Says an option's purpose in a few words.
-- @string name of the option
-- @treturn string
function help.brief(name)
    local text = words.options[name]:gsub("%s+", " ")
    return (text:match("^(.-)%. ") or text:gsub("%.$", ""))
end

-- Breaks a text into lines that begin at a column. Returns a list.
local function wrapped(text, column)
    local lines, line = {}, ""
    for word in text:gmatch("%S+") do
        if line ~= "" and column + #line + 1 + #word > WIDTH then
            lines[#lines + 1], line = line, ""
        end
        line = line == "" and word or line .. " " .. word
    end
    lines[#lines + 1] = line
    return lines
end

-- Adds an option's head, and a text beside it, or below where the head is long.
local function put(lines, head, text)
    head = "  " .. head
    local rest = wrapped(text, COLUMN)
    if #head < COLUMN then
        lines[#lines + 1] = head .. (" "):rep(COLUMN - #head) .. table.remove(rest, 1)
    else
        lines[#lines + 1] = head
    end
    for _, line in ipairs(rest) do lines[#lines + 1] = (" "):rep(COLUMN) .. line end
end

local function finished(lines) return table.concat(lines, "\n") .. "\n" end

--- The first screen.
-- @treturn string
function help.screen()
    local lines = { "Usage: tiexec [OPTION]... [--] CMD [ARG]...",
        "Start CMD with its machine code on huge pages; then get out of the way.",
        "  tiexec -v ./server --port 80         start it; show pages before and after",
        "  tiexec --attach $(pidof mariadbd)    do it to a server that runs already",
        "  tiexec --compare ./job --quick       what does it gain on this host?", "" }
    local by_name, topics = {}, {}
    for _, option in ipairs(options) do by_name[option.name] = option end
    for _, name in ipairs(first) do put(lines, help.head(by_name[name]), help.brief(name)) end
    for i, topic in ipairs(words.topics) do topics[i] = topic.name end
    topics[#topics] = "all"
    lines[#lines + 1] = ""
    lines[#lines + 1] = "More: tiexec --help=TOPIC, and man tiexec. The topics are"
    for _, line in ipairs(wrapped(table.concat(topics, ", ") .. ".", 2)) do
        lines[#lines + 1] = "  " .. line
    end
    for _, line in ipairs(wrapped(words.status, 0)) do lines[#lines + 1] = line end
    return finished(lines)
end

-- Adds the page of a topic.
local function add_topic(lines, topic)
    lines[#lines + 1] = topic.title
    for i, usage in ipairs(topic.usage) do
        lines[#lines + 1] = (i == 1 and "Usage: " or "   or: ") .. usage
    end
    for _, option in ipairs(options) do
        if option.topic == topic.name then
            put(lines, help.head(option), words.options[option.name])
        end
    end
    if topic.more then
        for _, line in ipairs(wrapped(topic.more, 0)) do lines[#lines + 1] = line end
    end
end

--- The page of a topic, or of all topics.
-- @string name
-- @treturn[1] string
-- @treturn[2] nil, string that there is none of that name, and which there are
function help.topic(name)
    local lines, names = {}, {}
    for i, topic in ipairs(words.topics) do
        names[i] = topic.name
        if name == topic.name or name == "all" then
            if #lines > 0 then lines[#lines + 1] = "" end
            add_topic(lines, topic)
        end
    end
    if #lines > 0 then return finished(lines) end
    return nil, ("--help: there is no topic '%s' (there are: %s, all)"):format(name,
        table.concat(names, ", "))
end

return help
