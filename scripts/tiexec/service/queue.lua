-- SPDX-License-Identifier: Apache-2.0
--- Who is to be looked at, and when; and how many may be attached to. This file only keeps account:
-- it looks at no process, and asks no clock.

local queue = {}

local RATE <const>, BURST <const> = 5, 10 -- processes in a second; at once
local AGAIN <const> = { 1, 4, 16 } -- seconds until the next try at one that cannot be had
local VAIN_S <const> = 600 -- for which a program is left alone that has gained nothing
local MOST <const> = 16384 -- processes that wait

local Queue = {}
Queue.__index = Queue

--- Has a process looked at, at a time, or when it is to be looked at anyway.
-- @int pid
-- @number due
-- @treturn boolean false: too many are waiting
function Queue:add(pid, due)
    local before = self.due[pid]
    if not before and self.count >= MOST then return false end
    if not before then self.count = self.count + 1 end
    self.due[pid] = math.min(before or due, due)
    return true
end

local function remove(self, pid)
    self.due[pid], self.count = nil, self.count - 1
end

--- Gives the processes that are to be looked at by now, and takes them off.
-- @number now
-- @treturn table list of process ids, the first to be looked at first
function Queue:take(now)
    local list = {}
    for pid, due in pairs(self.due) do
        if due <= now then list[#list + 1] = { pid = pid, due = due } end
    end
    table.sort(list, function(a, b)
        if a.due ~= b.due then return a.due < b.due end
        return a.pid < b.pid
    end)
    for i, one in ipairs(list) do
        remove(self, one.pid)
        list[i] = one.pid
    end
    return list
end

--- Puts off a process that cannot be had now.
-- @int pid
-- @number now
-- @treturn boolean false: it was tried often enough
function Queue:put_off(pid, now)
    local tries = (self.tries[pid] or 0) + 1
    self.tries[pid] = AGAIN[tries] and tries or nil
    if not AGAIN[tries] then return false end
    return self:add(pid, now + AGAIN[tries])
end

--- Forgets how often a process was tried: it is gone, or has been had.
-- @int pid
function Queue:forget(pid) self.tries[pid] = nil end

--- Tells when the next process is to be looked at.
-- @treturn ?number nil: none is
function Queue:next_due()
    local first
    for _, due in pairs(self.due) do first = math.min(first or due, due) end
    return first
end

--- Tells whether one more process may be attached to now, and counts it.
-- @number now
-- @treturn boolean
function Queue:may_attach(now)
    self.room = math.min(BURST, self.room + RATE * (now - self.filled))
    self.filled = now
    if self.room < 1 then return false end
    self.room = self.room - 1
    return true
end

--- Tells whether a program has gained nothing lately.
-- @string program
-- @number now
-- @treturn boolean
function Queue:is_vain(program, now)
    local till = self.vain[program]
    if till and till <= now then self.vain[program] = nil end
    return till ~= nil and till > now
end

--- Notes whether a program has gained. One that has not, twice, is left alone for some minutes.
-- @string program
-- @bool has_gained
-- @number now
function Queue:note(program, has_gained, now)
    local was_vain = self.warned[program]
    self.warned[program] = not has_gained or nil
    if was_vain and not has_gained then self.vain[program] = now + VAIN_S end
end

--- Makes an empty queue.
-- @number now
-- @treturn Queue
function queue.new(now)
    return setmetatable({ due = {}, count = 0, tries = {}, vain = {}, warned = {}, room = BURST,
        filled = now }, Queue)
end

return queue
