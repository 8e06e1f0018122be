-- SPDX-License-Identifier: Apache-2.0
--- The members of a family that is watched, and what is to be looked at of each. This file only
-- keeps account: it looks at no process, and asks no clock.
--
-- A record of a mapping is a hint. Whether there is text to remap is seen when the process is
-- looked at, some time later: a start maps several files at once, and most programs that a shell
-- starts have ended by then.

local ranges = require "tiexec.base.ranges"

local members = {}

local SETTLE <const> = 0.03 -- seconds from the first news of a process to the look at it
local FORKED <const> = 0.2 -- the same for a new process, which may be about to become another
local REST <const> = 0.1 -- between two stops of a process, at least
local SHARE <const> = 20 -- and so many times as long as a stop and what belongs to it takes
local PATIENCE <const>, LONGEST <const> = 0.5, 60 -- until the next try at one that cannot be had

-- The state of one process:
-- handled   list of ranges: the text that was remapped, or was found not to be worth it
-- news      list of ranges that were mapped since, or nil
-- due       when it is to be looked at, or nil
-- rested    before this time it is not to be stopped
-- tries     how often it could not be had, one time after the other
-- parent    whose memory it had at first, until its first exec
-- became    when it has exec'd last, by the time of the record; or nil
local Members = {}
Members.__index = Members

local EVERYTHING <const> = { start = 0, stop = math.maxinteger }

local function add(self, pid)
    local member = { handled = {}, tries = 0, rested = 0 }
    self.list[pid] = member
    return member
end

--- Gives the state of a process, which becomes a member if it is none.
-- @int pid
function Members:get(pid) return self.list[pid] or add(self, pid) end

--- Takes in a process that was forked before its parent was watched, if it is no member yet and its
-- parent is one: it has its parent's text, whatever was done about that.
-- @int pid
-- @int parent
function Members:inherit(pid, parent)
    local from = self.list[parent]
    if from and not self.list[pid] then self:get(pid).handled = from.handled end
end

-- Drops the news of what was handled: the handling itself maps memory, too.
local function drop_handled(member)
    member.news = members.outside(member.news or {}, member.handled)
    if #member.news == 0 then member.news, member.due = nil, nil end
end

--- Takes in a process whose text was handled.
-- @int pid
-- @tparam table handled list of ranges
function Members:take(pid, handled)
    local member = self:get(pid)
    member.handled = handled
    drop_handled(member)
end

--- Has all text of a process looked at, but what was handled.
-- @int pid
-- @number now
function Members:look_again(pid, now)
    local member = self:get(pid)
    member.news = { EVERYTHING }
    member.due = math.max(now, member.rested)
end

local function at_mapped(self, record, now)
    local member = self:get(record.pid)
    member.news = member.news or {}
    table.insert(member.news, { start = record.start, stop = record.stop, is_certain = true })
    member.due = member.due or math.max(now + SETTLE, member.rested)
end

-- A new process has its parent's text, of which some may not have been handled yet; unless it has
-- exec'd since: another CPU may be late with the record of its fork.
local function at_forked(self, record, now)
    if record.parent == record.pid then return end -- a thread
    local parent, child = self:get(record.parent), self:get(record.pid)
    if child.became and child.became > record.time then return end
    child.handled, child.parent = parent.handled, record.parent
    if parent.news then
        child.news = table.move(parent.news, 1, #parent.news, 1, {})
        child.due = now + FORKED
    end
end

local function at_exec(self, record)
    local member = self:get(record.pid)
    member.handled, member.tries, member.parent, member.rested = {}, 0, nil, 0
    member.became = record.time
end

--- Takes in one record.
-- @tparam table record as `rings:read` gives it
-- @number now
function Members:note(record, now)
    if record.kind == "mapped" then
        at_mapped(self, record, now)
    elseif record.kind == "forked" then
        at_forked(self, record, now)
    elseif record.kind == "exec" then
        at_exec(self, record)
    end
end

--- Forgets a process that has ended.
-- @int pid
function Members:remove(pid) self.list[pid] = nil end

--- Gives the processes that are to be looked at by now, and takes them off the list of those.
-- @number now
-- @treturn table list of process ids
function Members:take_due(now)
    local list = {}
    for pid, member in pairs(self.list) do
        if member.due and member.due <= now then
            member.due = nil
            list[#list + 1] = pid
        end
    end
    table.sort(list)
    return list
end

--- Tells when the next process is to be looked at.
-- @treturn ?number nil: none is
function Members:next_due()
    local first
    for _, member in pairs(self.list) do
        if member.due then first = math.min(first or member.due, member.due) end
    end
    return first
end

--- Gives what is to be looked at of a process. It counts as looked at from then on.
-- @int pid
-- @treturn table list of ranges
function Members:take_news(pid)
    local member = self.list[pid]
    local news = member and member.news or {}
    if member then member.news = nil end
    return news
end

--- Notes what was done with a process. The records of that have been taken in before.
-- @int pid
-- @tparam table handled list of ranges
-- @number now
-- @number seconds that it has taken
-- @tparam ?boolean is_partial whether only these were in question: what was handled before stays so
function Members:handled(pid, handled, now, seconds, is_partial)
    local member = self:get(pid)
    local before = is_partial and members.outside(member.handled, handled) or {}
    member.handled, member.tries = table.move(handled, 1, #handled, #before + 1, before), 0
    local is_another = is_partial and #handled == 0 -- program, which this has hardly been about
    member.rested = now + (is_another and REST or math.max(REST, SHARE * seconds))
    drop_handled(member)
    if member.due then member.due = math.max(member.due, member.rested) end
end

--- Notes that a process could not be had. It is tried again later, each time after a longer while.
-- @int pid
-- @tparam table news list of ranges that were to be looked at
-- @number now
function Members:put_off(pid, news, now)
    local member = self:get(pid)
    member.news = member.news or {}
    table.move(news, 1, #news, #member.news + 1, member.news)
    member.due = now + math.min(PATIENCE * 2 ^ member.tries, LONGEST)
    member.tries = member.tries + 1
end

--- Lists the members.
-- @treturn table list of process ids
function Members:pids()
    local list = {}
    for pid in pairs(self.list) do list[#list + 1] = pid end
    table.sort(list)
    return list
end

--- Picks those ranges of a list that lie in none of another list.
-- @tparam table list
-- @tparam table others
-- @treturn table
function members.outside(list, others)
    local result = {}
    for _, range in ipairs(list) do
        local is_inside = false
        for _, other in ipairs(others) do
            is_inside = is_inside or other.start <= range.start and range.stop <= other.stop
        end
        if not is_inside then result[#result + 1] = range end
    end
    return result
end

--- Picks those mappings that are news: what a record told of, though another may have lain there
-- before; of what was looked for, what was not handled.
-- @tparam table mappings list of Mapping
-- @tparam table news list of ranges
-- @tparam table handled list of ranges
-- @treturn table
function members.fresh(mappings, news, handled)
    local certain, rest = {}, {}
    for _, range in ipairs(news) do
        if range.is_certain then certain[#certain + 1] = range end
    end
    local result = {}
    for _, mapping in ipairs(mappings) do
        if ranges.overlaps_any(mapping, certain) then
            result[#result + 1] = mapping
        elseif ranges.overlaps_any(mapping, news) then
            rest[#rest + 1] = mapping
        end
    end
    for _, mapping in ipairs(members.outside(rest, handled)) do result[#result + 1] = mapping end
    return result
end

--- Makes an empty list of members.
-- @treturn Members
function members.new() return setmetatable({ list = {} }, Members) end

return members
