-- SPDX-License-Identifier: Apache-2.0
-- The script of one run of tests/lib/random_runs.lua: tiexec --script random_script.lua SEED CALLS FOLDER [PID]
-- It attaches to the process, or launches errands, and makes random calls. It ends in one of many ways: a fault is
-- written to the log as "fault: …".

local calls = require "tests.lib.random_calls"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local seed, count, folder, pid = math.tointeger(arg[1]), math.tointeger(arg[2]), arg[3], math.tointeger(arg[4])
local log = assert(io.open(folder .. "/log", "w"))
log:setvbuf("line")

local function say(text) log:write(text, "\n") end

local launched = 0

local function launch()
    launched = launched + 1
    local words = support.quote { support.programs .. "errands" }
    local jobs = support.read_file(folder .. "/jobs")
    local inferior = assert(tiexec.launch { { support.programs .. "errands", jobs:match("%S+"), jobs:match("%d+"),
        folder .. "/end" }, stdin = false, stdout = ("%s/out.%d"):format(folder, launched) })
    say("launch " .. words)
    return inferior
end

-- The program that there is at first, and when the one before is gone.
local function start()
    local inferior
    if pid then
        inferior = assert(tiexec.attach(pid, 10000))
        pid = nil
    else
        inferior = launch()
    end
    local program = calls.program(inferior, say)
    program.pid = inferior:pid()
    return program
end

local function run(all)
    for _ = 1, count do
        if #all == 0 then all[1] = start() end
        calls.make(all, say, folder)
    end
end

math.randomseed(seed)
local how = ({ "return", "close", "error", "exit", "exit and close", "INT", "TERM" })[math.random(7)]
local all = {}
local ok, why = xpcall(run, debug.traceback, all)
if not ok then say("fault: " .. why) end
say("ends by " .. how)
if how == "close" then
    for _, program in ipairs(all) do getmetatable(program.inferior).__close(program.inferior) end
elseif how == "error" then
    error("that was it")
elseif how:find("^exit") then
    os.exit(3, how == "exit and close")
elseif how == "INT" or how == "TERM" then
    io.popen("sleep 0.01; kill -" .. how .. " $PPID") -- system(3) would have SIGINT ignored
    count = math.maxinteger
    run(all)
end
