-- SPDX-License-Identifier: Apache-2.0
--- The prompt: reads Lua, runs it, and shows what it gives. `tiexec --script -i` and
-- `tiexec.prompt` have it. No error leaves it, ^C breaks off what runs, and the end of the input
-- ends it.

local completion = require "tiexec.script.completion"
local core = require "tiexec.core"
local history = require "tiexec.script.history"
local show = require "tiexec.script.show"

local c = core.constants
local prompt = {}

local STDIN <const> = 0
local STOP_MS <const> = 2000
local FIRST <const>, NEXT <const> = "> ", ">> "

-- ---- reading ------------------------------------------------------------------------------------

local function ask(words)
    if core.isatty(STDIN) then
        io.stdout:write(words)
        io.stdout:flush()
    end
    return io.read("l")
end

-- Reads lines plainly, without readline or where nobody types. Returns as `core.read_line` does.
local function read_plainly(words)
    local ok, line, why, errno = core.interruptible(ask, words)
    if not ok then return nil, line, c.EINTR end
    if line then return line end
    if core.isatty(STDIN) and errno ~= c.EINTR then io.stdout:write("\n") end
    return nil, why, errno or c.ENODATA
end

-- Gives the function that reads a line, and one that adds it to the history.
local function reader()
    local function forget() end
    if not core.isatty(STDIN) or os.getenv("TERM") == "dumb" then return read_plainly, forget end
    if not core.load_history("/dev/null", 0) then return read_plainly, forget end
    return function(words) return core.read_line(words, completion.of) end, history.open()
end

-- Compiles a text: an expression, or statements. Returns a function; nil and a string; and true if
-- more lines may complete it.
local function compile(source)
    local chunk, unfinished = load("return " .. source, "=prompt", "t")
    if chunk then return chunk end
    local why
    chunk, why = load(source, "=prompt", "t")
    if chunk then return chunk end
    return nil, why, (why .. unfinished):find("<eof>", 1, true) ~= nil
end

-- Reads until the lines are complete. Returns a function; nil and a string, which is wrong in them;
-- or false: the input has ended.
local function read_chunk(read, remember)
    local lines = {}
    while true do
        local line, _, errno = read(#lines == 0 and FIRST or NEXT)
        if not line and errno == c.EINTR then
            io.stdout:write("\n")
            return nil
        end
        if not line then return false end
        if line:find("%S") then remember(line) end
        lines[#lines + 1] = #lines == 0 and line:gsub("^%s*=", "") or line
        local chunk, why, is_open = compile(table.concat(lines, "\n"))
        if chunk or not is_open then return chunk, why end
    end
end

-- ---- inferiors ----------------------------------------------------------------------------------

-- The inferiors that global variables have, `inferior` first.
local function inferiors()
    local list, seen = {}, {}
    for _, value in ipairs { rawget(_G, "inferior") } do
        if show.is_inferior(value) then list[1], seen[value] = value, true end
    end
    for _, value in next, _G do
        if show.is_inferior(value) and not seen[value] then
            list[#list + 1], seen[value] = value, true
        end
    end
    return list
end

-- The signal of ^C comes from the kernel.
local function is_from_terminal(info)
    local SI_KERNEL <const> = 0x80
    return info and info.signal == c.SIGINT and info.code == SI_KERNEL
end

-- Takes away the signal by which ^C has stopped threads of a program that has the terminal, too:
-- it was meant for the prompt. Returns whether there were any.
local function take_away_interrupts(inferior)
    local selected, found = inferior:threads()[1], false
    for _, thread in ipairs(inferior:threads()) do
        local is_at_signal = inferior:stop_reason(thread) == "signal-received"
        if is_at_signal and is_from_terminal(inferior:siginfo(thread))
            and inferior:select(thread) then
            inferior:drop_signal()
            found = true
        end
    end
    if found then inferior:select(selected) end
    return found
end

-- The same for a program that stood still when ^C was typed: the signal waits for it, until the
-- program itself takes it from there (rt_sigtimedwait), without a handler.
local function take_away_pending(inferior)
    local set <const> = 1 << (c.SIGINT - 1)
    if (core.status(inferior:pid(), "ShdPnd", 16) or 0) & set == 0 then return end
    local NOT_AT_ALL <const>, SET_SIZE <const> = string.pack("jj", 0, 0), 8
    inferior:remote_syscall("rt_sigtimedwait", string.pack("j", set), 0, NOT_AT_ALL, SET_SIZE)
end

local function where(inferior)
    local pc = inferior:read_register("pc")
    return pc and (inferior:symbolize(pc) or ("%#x"):format(pc)) or "?"
end

-- Stops an inferior, and says where. What has happened meanwhile is shown.
local function stop(inferior)
    inferior:keep_signals(true)
    local ok, why = inferior:interrupt(STOP_MS)
    inferior:keep_signals(false)
    local event = inferior:wait(0)
    while event and event.reason == "signal-received" and event.signal == c.SIGINT do
        event = inferior:wait(0)
    end
    take_away_interrupts(inferior)
    take_away_pending(inferior)
    if event then
        print(show.value(event, inferior))
    elseif ok then
        print(("%s is stopped at %s"):format(show.value(inferior), where(inferior)))
    else
        print(("%s is not stopped: %s"):format(show.value(inferior), why))
    end
end

-- Calls a function with each inferior that is neither closed nor gone.
local function for_all(f)
    for _, inferior in ipairs(inferiors()) do
        local ok, alive = pcall(function() return inferior:stop_reason() ~= nil end)
        if ok and alive then f(inferior) end
    end
end

-- The program may get its signal from ^C, and stop, before the prompt gets its own.
local function settle(inferior)
    if take_away_interrupts(inferior) then
        print(("%s is stopped at %s"):format(show.value(inferior), where(inferior)))
    end
end

-- ---- the loop -----------------------------------------------------------------------------------

-- Runs what was read. An error of a script names the place by itself.
local function run(chunk)
    local results = table.pack(core.interruptible(chunk))
    if results[1] then
        if results.n > 1 then
            local values = table.pack(table.unpack(results, 2, results.n))
            print(show.results(values, inferiors()[1]))
        end
        for_all(settle)
    elseif results[2] == "interrupted" or tostring(results[2]):find(": interrupted$") then
        print("interrupted")
        for_all(stop)
    else
        print(tostring(results[2]))
    end
end

--- Reads and runs lines until the input ends.
-- @function tiexec.prompt
-- @tparam[opt] Inferior inferior that the global variable `inferior` is to be; what it was before
-- it is again afterwards
-- @usage
-- tiexec.prompt(inferior) -- until ^D
function prompt.run(inferior)
    local before = rawget(_G, "inferior")
    if inferior ~= nil then _G.inferior = inferior end
    local read, remember = reader()
    repeat
        local chunk, why = read_chunk(read, remember)
        if chunk then run(chunk) elseif why then print(why) end
    until chunk == false
    if inferior ~= nil then _G.inferior = before end
end

return prompt
