-- SPDX-License-Identifier: Apache-2.0
--- The commands of a unit of systemd, as its files have them, and the drop-in that puts tiexec
-- before them.

local commands = {}

local PREFIXES <const> = "^[-:+!|]*"

-- The lines of a file, where a backslash at an end joins two.
local function lines_of(words)
    return (words:gsub("\\\n", " ") .. "\n"):gmatch("([^\n]*)\n")
end

--- Reads what `systemctl cat` prints.
-- @string words
-- @string own the path of the drop-in, which does not count
-- @treturn table list of strings: the values of ExecStart= that are in force
function commands.read(words, own)
    local list, section, path = {}, nil, nil
    for line in lines_of(words) do
        path = line:match("^# (/%S+)$") or path
        section = line:match("^%[(.-)%]%s*$") or section
        local counts = section == "Service" and path ~= own
        local value = counts and line:match("^ExecStart%s*=%s*(.-)%s*$")
        if value == "" then
            list = {}
        elseif value then
            list[#list + 1] = value
        end
    end
    return list
end

-- Puts tiexec before one command, after the characters by which systemd is told how to run it.
local function with_tiexec(command, tiexec)
    local prefix = command:match(PREFIXES)
    local rest = command:sub(#prefix + 1)
    if rest:sub(1, 1) == "@" then return nil, "its command has a name of its own (@)" end
    if rest:find(" ; ", 1, true) then return nil, "it has several commands in one line" end
    local program = rest:match("^\"([^\"]+)\"") or rest:match("^%S+") or ""
    if program:match("[^/]*$") == "tiexec" then return nil, "it is started by tiexec already" end
    return ("ExecStart=%s%s -- %s"):format(prefix, tiexec, rest)
end

--- The drop-in for some commands.
-- @tparam table list as `read` gives it
-- @string tiexec the program's path
-- @treturn[1] string
-- @treturn[2] nil, string why there can be none
function commands.drop_in(list, tiexec)
    if #list == 0 then return nil, "it has no ExecStart" end
    local head = { "# tiexec --unit: made of these, which are the unit's own." }
    local body = { "[Service]", "ExecStart=" }
    for _, command in ipairs(list) do
        local line, why = with_tiexec(command, tiexec)
        if not line then return nil, why end
        head[#head + 1] = "# ExecStart=" .. command
        body[#body + 1] = line
    end
    return table.concat(head, "\n") .. "\n" .. table.concat(body, "\n") .. "\n"
end

--- What a drop-in says that it was made of.
-- @string words
-- @treturn string lines
function commands.origin(words)
    local list = {}
    for command in words:gmatch("\n# ExecStart=([^\n]*)") do list[#list + 1] = command end
    return table.concat(list, "\n")
end

return commands
