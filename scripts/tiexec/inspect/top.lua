-- SPDX-License-Identifier: Apache-2.0
--- `--top`: the text of all processes, drawn again and again on a terminal until `q` or ^C.

local core = require "tiexec.core"
local message = require "tiexec.base.message"
local overview = require "tiexec.inspect.overview"
local processes = require "tiexec.inspect.processes"
local text = require "tiexec.base.text"

local c = core.constants
local top = {}

local INTERVAL_S <const> = 2 -- between two looks
local SHARE <const> = 10 -- and so many times as long as a look takes
local LAST_COLUMN <const> = 9 -- the width of each column of numbers
-- To the upper left, clear a line, clear what is below. A line is cleared before it is written: one
-- of the whole width would lose its last column behind it.
local HOME <const>, CLEAR <const>, BELOW <const> = "\27[H", "\27[K", "\27[J"
local CTRL_C <const>, CTRL_D <const>, Q <const>, LARGE_Q <const> = 3, 4, 113, 81

-- Cuts text that is too wide, or fills it up.
local function fit(words, width)
    local shown = text.visible(words)
    local length = utf8.len(shown) or #shown
    if length > width then return shown:sub(1, (utf8.offset(shown, width) or width) - 1) .. "+" end
    return shown .. (" "):rep(width - length)
end

local function right(words, width)
    return (" "):rep(width - (utf8.len(words) or #words)) .. words
end

local titles <const> = { "text", "huge", "of text", "of read", "generated" }

-- One row of the table: the name takes what the numbers leave.
local function row_of(pid, name, cells, columns)
    local numbers = {}
    for i, cell in ipairs(cells) do numbers[i] = " " .. right(cell, LAST_COLUMN) end
    local rest = table.concat(numbers)
    local width = columns - 9 - (LAST_COLUMN + 1) * #cells
    return right(pid, 7) .. "  " .. fit(name, math.max(width, 1)) .. rest
end

-- Says in one line what there is in all.
local function summary_of(list, columns)
    local bytes, huge = 0, 0
    for _, sums in ipairs(list) do
        bytes, huge = bytes + sums.resident, huge + math.min(sums.huge_bytes, sums.resident)
    end
    local count = ("%d %s"):format(#list, #list == 1 and "process" or "processes")
    local share = bytes > 0 and ("%.1f %%"):format(100 * huge / bytes) or "nothing"
    return fit(("tiexec (q ends): %s; of %s of text in memory %s huge"):format(count,
        text.size(bytes), share), columns)
end

--- Makes the lines of a screen.
-- @tparam table list of ProcessSums, in order
-- @int rows of the screen
-- @int columns of the screen
-- @treturn table list of strings, no more than rows, of columns at most
function top.lines(list, rows, columns)
    local lines = { summary_of(list, columns), "",
        fit(row_of("pid", "name", titles, columns), columns) }
    for _, sums in ipairs(list) do
        if #lines >= rows then break end
        local cells = { table.unpack(overview.cells(sums), 3) }
        lines[#lines + 1] = fit(row_of(tostring(sums.pid), sums.name, cells, columns), columns)
    end
    return lines
end

-- All processes but those of this program itself.
local function others(screen)
    local list = {}
    for _, pid in ipairs(processes.all()) do
        if pid ~= screen:keeper() then list[#list + 1] = pid end
    end
    return list
end

local function draw(screen)
    local list = overview.gather(others(screen))
    local rows, columns = screen:size()
    local lines = top.lines(list, rows, columns)
    io.stdout:write(HOME, CLEAR, table.concat(lines, "\n" .. CLEAR), #lines < rows and "\n" .. BELOW
        or "")
    return io.stdout:flush()
end

-- Waits for a key that ends it, for some seconds. true: it is to end.
local function is_ended(screen, seconds)
    local deadline = core.now() + seconds
    repeat
        local left = math.max(0, math.ceil((deadline - core.now()) * 1000))
        local key, _, errno = screen:key(left)
        if key == Q or key == LARGE_Q or key == CTRL_C or key == CTRL_D then return true end
        if not key and errno ~= c.ETIMEDOUT then return true end
    until not key
    return false
end

--- Draws until it is ended.
-- @treturn[1] boolean true: it was
-- @treturn[2] nil, string why it cannot be drawn
-- @treturn[2] ?int errno: ENOTTY if there is no terminal
function top.run()
    core.open_late(core)
    local screen <close>, why, errno = core.screen()
    if not screen then return nil, why, errno end
    io.stdout:setvbuf("full") -- one write for a whole picture
    repeat
        local started = core.now()
        local ok = draw(screen)
        if not ok then break end
        local took = core.now() - started
    until is_ended(screen, math.max(INTERVAL_S, SHARE * took))
    return true
end

--- Runs `--top`. Without a terminal it writes one table, and ends.
-- @tparam Settings options those of the command line and the environment
-- @treturn int exit status
function top.main(options)
    local exit = require "tiexec.base.exit"
    local ok, why, errno
    if not options.json then ok, why, errno = top.run() end
    if not ok and (options.json or errno == c.ENOTTY) then
        ok, why = overview.show(processes.all(), options)
    end
    if ok then return 0 end
    message.say("--top: %s", why)
    return exit.FAILED
end

return top
