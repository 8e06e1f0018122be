-- SPDX-License-Identifier: Apache-2.0
--- The examples of docs/API.md, as scripts that can be run.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local api_examples = {}

local SECONDS <const> = 60

--- Reads the page.
-- @treturn table list of examples: `name`, the heading that it stands under; `code`; `line`
function api_examples.read(path)
    local list, heading, block, number = {}, nil, nil, 0
    for line in io.lines(path) do
        number = number + 1
        if line == "```lua" then
            block = { name = heading, code = {}, line = number + 1 }
        elseif line == "```" and block then
            block.code = table.concat(block.code, "\n") .. "\n"
            list[#list + 1], block = block, nil
        elseif block then
            table.insert(block.code, line)
        else
            heading = line:match("^##+ (.*)$") or heading
        end
    end
    return list
end

-- The code by which the page says what `inferior` and `planner` are, without the lines that print.
local function prelude_of(list, heading)
    for _, example in ipairs(list) do
        if example.name == heading then return (example.code:gsub("print[^\n]*\n", "")) end
    end
    error("there is no example under " .. heading)
end

local function needs(code, word) return code:find("%f[%w_]" .. word .. "%f[^%w_]") ~= nil end

-- What comes before the code: `inferior`, `pid` or `planner`, whichever it means.
local function prelude(list, code, pid)
    local makes_one = code:find("tiexec%.launch") or code:find("tiexec%.attach") or code:find("tiexec%.connect")
    if needs(code, "planner") and not code:find("local planner") then return prelude_of(list, "For strategies") end
    local before = pid and ("local pid = %d\n"):format(pid) or ""
    if needs(code, "inferior") and not makes_one then before = before .. prelude_of(list, "The examples") end
    return before
end

--- The lines that an example says it prints. A line of code may print one, and so may a line of its own.
function api_examples.expected(code)
    local lines = {}
    for text in code:gmatch("%-%->%s*([^\n]*)") do lines[#lines + 1] = text end
    return lines
end

local function normal(line) return (line:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

--- Whether a line is what was expected, in which "…" is anything.
function api_examples.matches(line, expected)
    local pattern = normal(expected):gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("…", ".*")
    return normal(line):find("^" .. pattern .. "$") ~= nil
end

-- Ends what an example has let go, which runs on in its folder.
local function end_programs(folder)
    for path in support.shell("ls -d /proc/[0-9]*").out:gmatch("%S+") do
        if core.readlink(path .. "/cwd") == folder.path then os.execute("kill -KILL " .. path:match("%d+")) end
    end
end

--- Runs an example by `tiexec --script`, in a folder that has the program.
-- @treturn table as `support.shell`; `lines`
function api_examples.run(list, example)
    local folder <close> = support.folder()
    local pipe <close> = assert(io.popen "pwd")
    local here = pipe:read("l")
    local function absolute(path) return path:find("^/") and path or here .. "/" .. path end
    os.execute(("ln -s %s %s/example"):format(absolute(support.programs .. "example"), folder.path))
    local process <close> = needs(example.code, "pid") and support.start { folder.path .. "/example", "forever" } or nil
    if process then support.wait_for(function() return support.has_become(process.pid, "example") end) end
    support.write_file(folder.path .. "/example.lua", prelude(list, example.code, process and process.pid)
        .. example.code)
    local result = support.shell(("cd %s && exec timeout -k 3 %d %s --script example.lua ./example"):format(
        folder.path, SECONDS * support.patience, absolute(support.tiexec)))
    end_programs(folder)
    result.lines = {}
    for line in result.out:gmatch("[^\n]+") do table.insert(result.lines, line) end
    return result
end

return api_examples
