-- SPDX-License-Identifier: Apache-2.0
--- The processes that gdb debugs: the one that is served, and those that it has forked, as far as
-- gdb follows them.

local core = require "tiexec.core"

local c = core.constants
local processes = {}

local STOP_MS <const> = 5000
local VFORK_MS <const> = 100 -- who waits in vfork does not stop, whatever the time
local END_MS <const> = 10000

--- Makes what the server knows of a process: `inferior`, `pid`; `points`, gdb's breakpoints, by
-- their packets; `calls`, the system call that each thread is in, as far as it was told; `event`,
-- the last that was told. `running`: gdb has set threads going; `ranges`, `stays`: where steps are
-- not told then, and which threads do not go; `deferred`, events of threads that stayed stopped.
-- `hidden`: gdb was not told of it yet. `released`: gdb has let go of the served one, and not of
-- others: it runs on by itself. `vforked`: the child for which it waits in vfork.
-- @tparam Inferior inferior
-- @treturn Process
function processes.new(inferior)
    inferior:keep_signals(true)
    return { inferior = inferior, pid = inferior:pid(), points = {}, calls = {}, ranges = {},
        stays = {}, deferred = {} }
end

--- Has packets mean a process from now on.
function processes.turn_to(server, process)
    server.now, server.inferior, server.pid = process, process.inferior, process.pid
end

--- Lists the processes that gdb knows of.
-- @treturn table list of Process
function processes.shown(server)
    local list = {}
    for _, process in ipairs(server.processes) do
        if not process.hidden and not process.released then list[#list + 1] = process end
    end
    return list
end

--- Finds one that gdb knows of by its id.
-- @treturn ?Process
function processes.find(server, pid)
    for _, process in ipairs(processes.shown(server)) do
        if process.pid == pid then return process end
    end
end

--- Finds the one that has a thread.
-- @treturn ?Process
function processes.of_thread(server, thread)
    for _, process in ipairs(processes.shown(server)) do
        for _, tid in ipairs(process.inferior:threads()) do
            if tid == thread then return process end
        end
    end
end

--- Gives those for which the server waits, as the values of a table: while gdb waits for a stop,
-- those that run; else the one that runs on by itself.
-- @treturn table list of Inferior
function processes.awaited(server)
    local list = {}
    for _, process in ipairs(server.processes) do
        if process.running and (server.running or process.released) then
            list[#list + 1] = process.inferior
        end
    end
    return list
end

--- Finds the one of an inferior.
function processes.of_inferior(server, inferior)
    for _, process in ipairs(server.processes) do
        if process.inferior == inferior then return process end
    end
end

--- Stops all that gdb has set going. One that has ended still counts as running: the next wait
-- tells of its end.
function processes.stop(server)
    for _, process in ipairs(server.processes) do
        if process.running and not process.released then
            local limit = process.vforked and VFORK_MS or STOP_MS
            local _, _, errno = process.inferior:interrupt(limit)
            process.running = errno == c.ESRCH
        end
    end
end

-- ---- what comes and goes ------------------------------------------------------------------------

--- Says whether gdb follows forks, by what it can.
function processes.follow(server)
    local features = server.features
    local forks, vforks = features["fork-events"], features["vfork-events"]
    server.follows = features.multiprocess and (forks or vforks) or false
    for _, process in ipairs(processes.shown(server)) do
        process.inferior:follow_fork(server.follows, vforks)
    end
end

-- Gives a child the breakpoints of its parent that it has inherited, by the same packets.
local function inherit(parent, child)
    local inherited = {}
    for _, point in ipairs(child.inferior:breakpoints()) do inherited[point.id] = point end
    for key, point in pairs(parent.points) do child.points[key] = inherited[point.id] end
end

--- Takes in the child of a "fork" or "vfork" event. gdb is told of it with that event.
-- @treturn boolean whether gdb is to be told: else the child is let go, or has ended
function processes.adopt(server, parent, event)
    local inferior = parent.inferior:adopt(event.child)
    if not inferior then return false end
    if not server.follows or not server.features[event.reason .. "-events"] then
        inferior:detach()
        return false
    end
    local child = processes.new(inferior)
    if parent.has_caught then inferior:catch_syscalls(nil) end
    inherit(parent, child)
    child.hidden = true
    table.insert(server.processes, child)
    if event.reason == "vfork" then parent.vforked = event.child end
    return true
end

--- Tells gdb of a child from now on.
function processes.show(server, pid)
    for _, process in ipairs(server.processes) do
        if process.pid == pid then process.hidden = nil end
    end
end

--- Takes out a process that has ended, or that gdb has let go. With the last one all is over.
-- @tparam table result what has become of it, as `serve` returns it for the one that is served
function processes.remove(server, process, result)
    for i, one in ipairs(server.processes) do
        if one == process then table.remove(server.processes, i) end
    end
    if process == server.served then server.result = result end
    local next_one = processes.shown(server)[1]
    if not next_one then
        server.outcome = server.result or { "detached" }
    elseif process == server.now then
        processes.turn_to(server, next_one)
        server.named = {}
    end
end

--- Kills a process, and waits for its end.
function processes.kill(server, process)
    local deadline, result = core.now() + END_MS / 1000, { "killed" }
    process.inferior:kill()
    repeat
        local event = process.inferior:wait(END_MS)
        if event and event.reason:find("^exited") then result[2] = event end
    until not event or result[2] or core.now() > deadline
    processes.remove(server, process, result)
end

-- Removes what gdb has set in a process.
local function clear(process)
    for _, point in pairs(process.points) do point:delete() end
    process.points = {}
    if process.has_caught then process.inferior:catch_syscalls(nil) end
end

-- Lets the served process run on while gdb has others.
local function run_on(process)
    process.inferior:follow_fork(false)
    process.released = true
    local ok, why, errno = process.inferior:cont()
    process.running = ok
    return ok, why, errno
end

--- Lets a process go that gdb detaches from. Of the signal that was told last it gets what gdb has
-- said that programs are to get.
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno
function processes.release(server, process)
    local signal = process.event and process.event.signal
    clear(process)
    if signal and server.delivered and not server.delivered[signal] then
        process.inferior:drop_signal()
    end
    local ok, why, errno = true, nil, nil
    if process ~= server.served then
        ok, why, errno = process.inferior:detach()
    elseif #processes.shown(server) > 1 then
        ok, why, errno = run_on(process)
        if server.now == process then processes.turn_to(server, processes.shown(server)[1]) end
        return ok, why, errno
    end
    if ok or errno == c.ESRCH then processes.remove(server, process, { "detached" }) end
    return ok or errno == c.ESRCH, why, errno
end

--- Takes in what happens to the process that runs on by itself.
function processes.pass_on(server, process, event)
    if event.reason:find("^exited") then
        process.released = false
        processes.remove(server, process, { "exited", event })
    else
        process.inferior:go_on(event.thread)
    end
end

--- Puts everything back as a script, or the process by itself, expects it: the served process is
-- stopped, and others are let go.
function processes.leave(server)
    local served = server.served
    processes.stop(server)
    for _, process in ipairs(server.processes) do
        clear(process)
        if process ~= served then process.inferior:detach() end
    end
    if served.released then served.inferior:interrupt(STOP_MS) end
    served.inferior:keep_signals(false)
    if server.follows ~= nil then served.inferior:follow_fork(server.followed) end
end

return processes
