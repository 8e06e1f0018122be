-- SPDX-License-Identifier: Apache-2.0
--- Packets that set threads going: vCont and its older forms.

local core = require "tiexec.core"
local ids = require "tiexec.gdb.server.ids"
local packets = require "tiexec.gdb.packets"
local processes = require "tiexec.gdb.server.processes"
local signals = require "tiexec.gdb.signals"

local c = core.constants
local resume = {}

-- An action: `step`; `signal`, this host's number, 0: none; `start` and `stop` of a range in which
-- steps are not told of; `stay`: the thread stays stopped.
local function parse_action(text)
    local letter, rest = text:sub(1, 1), text:sub(2)
    if rest == "" and letter:find("[cst]") then
        return { step = letter == "s", signal = 0, stay = letter == "t" }
    end
    if letter == "C" or letter == "S" then
        local number = packets.number(rest)
        local signal = number and signals.to_host(number)
        return signal and { step = letter == "S", signal = signal }
    end
    local start, stop = text:match("^r(%x+),(%x+)$")
    start, stop = packets.number(start), packets.number(stop)
    return start and stop and { step = true, signal = 0, start = start, stop = stop }
end

-- Reads the actions of vCont. The first that names a thread counts for it. Returns what they ask
-- for: `own`, a list of threads that have an action of their own; `actions`, `pids`: that, and the
-- process, by thread; `each`: the action of the other threads of a process, by its id; `others`:
-- that of all others, or nil: they stay.
local function parse(server, text)
    local asked = { own = {}, actions = {}, pids = {}, each = {} }
    for part in text:gmatch(";([^;]*)") do
        local word, id = part:match("^([^:]*):?(.*)$")
        local action, thread, pid = parse_action(word), ids.ALL, nil
        if id ~= "" then thread, pid = ids.parse(id) end
        if not action or not thread then return nil end
        if pid and pid <= 0 then pid = nil end
        if thread == ids.ANY then thread, pid = server:thread(), server.pid end
        if thread == ids.ALL and pid then
            asked.each[pid] = asked.each[pid] or action
        elseif thread == ids.ALL then
            asked.others = asked.others or action
        elseif not asked.actions[thread] then
            asked.actions[thread], asked.pids[thread] = action, pid or server.pid
            asked.own[#asked.own + 1] = thread
        end
    end
    return asked
end

-- How threads of a process go that are to run freely.
local function way(process) return process.catches_all and "syscall" or nil end

local function set_going(process, thread, action)
    if action.start then process.ranges[thread] = action end
    if action.step then
        return process.inferior:stepi { thread = thread, signal = action.signal }
    end
    return process.inferior:cont { thread = thread, signal = action.signal, how = way(process) }
end

-- Sets the threads going that have an action of their own. Returns whether all others may go, too;
-- or nil, message, errno.
local function go_own(process, own, actions)
    local all = true
    for _, thread in ipairs(own) do
        if actions[thread].stay then
            process.stays[thread], all = true, false
        else
            local ok, why, errno = set_going(process, thread, actions[thread])
            if not ok and errno ~= c.EBUSY then return nil, why, errno end
        end
    end
    return all
end

-- Sets threads of a process going that are stopped, each by its action. Returns nil, message, errno
-- if one that gdb has named does not go.
local function go(share, actions)
    local process, own, others = share.process, share.own, share.others
    local told = process.event and process.event.thread
    if others and told and not actions[told] and process.inferior:stop_reason(told) then
        own[#own + 1], actions[told] = told, others -- it does not keep the signal that was told
    end
    local all, why, errno = go_own(process, own, actions)
    if all == nil then return nil, why, errno end
    if all and others and not others.step and not others.stay then
        return process.inferior:cont(way(process))
    end
    for _, thread in ipairs(process.inferior:threads()) do
        if not actions[thread] and others and not others.stay then
            set_going(process, thread, others)
        elseif not actions[thread] then
            process.stays[thread] = true
        end
    end
    return true
end

-- An event that was put off since its thread was to stay stopped, and is due now.
local function due(share, actions)
    for i, event in ipairs(share.process.deferred) do
        local action = actions[event.thread] or share.others
        if action and not action.stay then return table.remove(share.process.deferred, i) end
    end
end

-- What is asked of each process: those of which nothing is asked stay as they are.
local function shares_of(server, asked)
    local list = {}
    for _, process in ipairs(processes.shown(server)) do
        local own, others = {}, asked.each[process.pid] or asked.others
        for _, thread in ipairs(asked.own) do
            if asked.pids[thread] == process.pid then own[#own + 1] = thread end
        end
        if others or #own > 0 then
            list[#list + 1] = { process = process, own = own, others = others }
        end
    end
    return list
end

local function start(server, asked)
    local shares = shares_of(server, asked)
    if #shares == 0 then return server:failure(c.ESRCH) end
    for _, share in ipairs(shares) do share.process.ranges, share.process.stays = {}, {} end
    for _, share in ipairs(shares) do
        local event = due(share, asked.actions)
        if event then return server:tell(share.process, event) end
    end
    for _, share in ipairs(shares) do
        local ok, _, errno = go(share, asked.actions)
        share.process.event, share.process.running = nil, true
        if not ok then
            processes.stop(server)
            return server:failure(errno)
        end
    end
    server.running = true
    return nil
end

--- vCont?: what vCont can do.
resume["vCont?"] = function() return "vCont;c;C;s;S;t;r" end

--- vCont: resumes threads. The reply comes when something happens.
function resume.vCont(server, text)
    local asked = parse(server, text)
    return asked and start(server, asked) or not asked and server:failure(c.EINVAL) or nil
end

-- The older packets: the thread that Hc has named, or all; with a step the present one alone steps.
local function old(server, letter, text)
    local signal, address = text:match("^(%x*);?(%x*)$")
    if letter:find("[cs]") then signal, address = "", text end
    local action = parse_action(letter .. (signal or ""))
    if not action or address and address ~= "" then return server:failure(c.EINVAL) end
    local named = server.named.c
    local thread = named and named > 0 and named or server:thread()
    local process = processes.of_thread(server, thread) or server.now
    return start(server, { own = { thread }, actions = { [thread] = action },
        pids = { [thread] = process.pid }, each = {}, others = { signal = 0 } })
end

for _, letter in ipairs { "c", "C", "s", "S" } do
    resume[letter] = function(server, text) return old(server, letter, text) end
end

--- Judges a step within a range of which gdb is not told: the thread goes on.
-- @treturn boolean whether it does
function resume.goes_on(process, event)
    local range = process.ranges[event.thread]
    if not range or event.reason ~= "end-stepping-range" then return false end
    local pc = process.inferior:read_register("pc", event.thread)
    local is_within = pc and not math.ult(pc, range.start) and math.ult(pc, range.stop)
    return is_within and process.inferior:stepi { thread = event.thread } == true
end

return resume
