-- SPDX-License-Identifier: Apache-2.0
--- Packets that set threads going: vCont and its older forms.

local core = require "tiexec.core"
local ids = require "tiexec.gdb.server.ids"
local packets = require "tiexec.gdb.packets"
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

-- Reads the actions of vCont. The first that names a thread counts for it. Returns the list of
-- threads that have one of their own, with it; the action of all others, or nil: they stay.
local function parse(server, text)
    local own, seen, others = {}, {}, nil
    for part in text:gmatch(";([^;]*)") do
        local word, id = part:match("^([^:]*):?(.*)$")
        local action, thread = parse_action(word), id == "" and ids.ALL or ids.parse(id)
        if not action or not thread then return nil end
        if thread == ids.ANY then thread = server:thread() end
        if thread == ids.ALL then
            others = others or action
        elseif not seen[thread] then
            seen[thread] = action
            own[#own + 1] = thread
        end
    end
    return own, seen, others
end

-- How threads go that are to run freely.
local function way(server) return server.catches_all and "syscall" or nil end

local function set_going(server, thread, action)
    if action.start then server.ranges[thread] = action end
    if action.step then
        return server.inferior:stepi { thread = thread, signal = action.signal }
    end
    return server.inferior:cont { thread = thread, signal = action.signal, how = way(server) }
end

-- Sets the threads going that have an action of their own. Returns whether all others may go, too;
-- or nil, message, errno.
local function go_own(server, own, actions)
    local all = true
    for _, thread in ipairs(own) do
        if actions[thread].stay then
            server.stays[thread], all = true, false
        else
            local ok, why, errno = set_going(server, thread, actions[thread])
            if not ok and errno ~= c.EBUSY then return nil, why, errno end
        end
    end
    return all
end

-- Sets threads going that are stopped, each by its action. Returns nil, message, errno if one that
-- gdb has named does not go.
local function go(server, own, actions, others)
    local told = server.event and server.event.thread
    if others and told and not actions[told] and server.inferior:stop_reason(told) then
        own[#own + 1], actions[told] = told, others -- it does not keep the signal that was told
    end
    local all, why, errno = go_own(server, own, actions)
    if all == nil then return nil, why, errno end
    if all and others and not others.step and not others.stay then
        return server.inferior:cont(way(server))
    end
    for _, thread in ipairs(server.inferior:threads()) do
        if not actions[thread] and others and not others.stay then
            set_going(server, thread, others)
        elseif not actions[thread] then
            server.stays[thread] = true
        end
    end
    return true
end

-- An event that was put off since its thread was to stay stopped, and is due now.
local function due(server, actions, others)
    for i, event in ipairs(server.deferred) do
        local action = actions[event.thread] or others
        if action and not action.stay then return table.remove(server.deferred, i) end
    end
end

local function start(server, own, actions, others)
    server.ranges, server.stays = {}, {}
    local event = due(server, actions, others)
    if event then return server:tell(event) end
    local ok, _, errno = go(server, own, actions, others)
    server.event = nil
    if not ok then return server:failure(errno) end
    server.running = true
    return nil
end

--- vCont?: what vCont can do.
resume["vCont?"] = function() return "vCont;c;C;s;S;t;r" end

--- vCont: resumes threads. The reply comes when something happens.
function resume.vCont(server, text)
    local own, actions, others = parse(server, text)
    if not own or #own == 0 and not others then return server:failure(c.EINVAL) end
    return start(server, own, actions, others)
end

-- The older packets: the thread that Hc has named, or all; with a step the present one alone steps.
local function old(server, letter, text)
    local signal, address = text:match("^(%x*);?(%x*)$")
    if letter:find("[cs]") then signal, address = "", text end
    local action = parse_action(letter .. (signal or ""))
    if not action or address and address ~= "" then return server:failure(c.EINVAL) end
    local named = server.named.c
    local thread = named and named > 0 and named or server:thread()
    return start(server, { thread }, { [thread] = action }, { signal = 0 })
end

for _, letter in ipairs { "c", "C", "s", "S" } do
    resume[letter] = function(server, text) return old(server, letter, text) end
end

--- Judges a step within a range of which gdb is not told: the thread goes on.
-- @treturn boolean whether it does
function resume.goes_on(server, event)
    local range = server.ranges[event.thread]
    if not range or event.reason ~= "end-stepping-range" then return false end
    local pc = server.inferior:read_register("pc", event.thread)
    local is_within = pc and not math.ult(pc, range.start) and math.ult(pc, range.stop)
    return is_within and server.inferior:stepi { thread = event.thread } == true
end

return resume
