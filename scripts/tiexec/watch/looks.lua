-- SPDX-License-Identifier: Apache-2.0
--- Looks at one process of a family that is watched, and remaps its new text if that is worth it.
-- Most programs are told by the files that they map: those are planned for once.

local attach = require "tiexec.remap.attach"
local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local descriptions = require "tiexec.plan.descriptions"
local hold = require "tiexec.harness.hold"
local members = require "tiexec.watch.members"
local observed = require "tiexec.harness.observed"
local plan = require "tiexec.plan"
local planner = require "tiexec.planner"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local seccomp = require "tiexec.harness.seccomp"
local smaller = require "tiexec.plan.smaller"
local stage = require "tiexec.remap.stage"
local text = require "tiexec.base.text"

local looks = {}

local KCMP_VM <const> = 1
-- Bytes of text that are copied of a process that runs, where nobody has asked for a watch: it
-- stands still meanwhile, for 1 ms for each MiB or two, and each process has a copy of its own.
local MOST_COPIED <const> = 32 << 20
local WITHOUT_COPIES <const> = { "file", "shared" }

-- What looking needs to know of a family: `given`, its settings; `least`, the bytes of text that a
-- mapping must have; `idle`, the set of small mappings, by file, for which there was no plan.
local Looks = {}
Looks.__index = Looks

--- The bytes of text that a mapping must have to be looked at: so many that the smallest larger
-- pages of the host are worth it.
-- @tparam Chosen chosen prepared
-- @treturn int
function looks.least_text(chosen)
    local host = not chosen["page-size"] and smaller.host(chosen.host, chosen.names) or chosen.host
    return planner.least_text(host)
end

--- Lists the executable mappings of files that a process has, of a size at least.
-- @int pid
-- @int least bytes
-- @treturn ?table list of Mapping; nil: the process cannot be looked at
function looks.texts(pid, least)
    local mappings = core.mappings(pid)
    if not mappings then return nil end
    local list = {}
    for _, m in ipairs(mappings) do
        if m.inode ~= 0 and m.stop - m.start >= least and protection.is_executable(m.perms)
            and not protection.is_shared(m.perms) then
            list[#list + 1] = m
        end
    end
    return list
end

local function key_of(m)
    return ("%x:%x:%x %x %x"):format(m.major, m.minor, m.inode, m.offset, m.stop - m.start)
end

-- Whether all of some mappings are small ones of files for which there was no plan before.
local function are_idle(self, mappings)
    for _, m in ipairs(mappings) do
        if not self.idle[key_of(m)] then return false end
    end
    return true
end

local function note_idle(self, mappings)
    for _, m in ipairs(mappings) do
        if m.stop - m.start < core.huge_page_size() then self.idle[key_of(m)] = true end
    end
end

local function remaps_any(operations, mappings)
    for _, operation in ipairs(operations) do
        if operation.op == "remap" and ranges.overlaps_any(operation, mappings) then return true end
    end
    return false
end

--- Whether a plan for a process as it is now would remap any of some mappings.
-- @tparam Observed process
-- @tparam Chosen chosen
-- @tparam table mappings list of Range
-- @treturn boolean
function looks.is_worth(process, chosen, mappings)
    choice.prepare(chosen)
    if chosen.wrong or chosen.host.huge_page_size == 0 then return false end
    local description = descriptions.of(process, "attach")
    if not description then return false end
    local operations, _, second = plan.make(description, chosen)
    if not operations then return false end
    return remaps_any(operations, mappings) or remaps_any(second({}), mappings)
end

-- Whether the process has its parent's memory, as a child of vfork has.
local function is_borrower(pid, parent)
    return parent ~= nil and core.syscall("kcmp", pid, parent, KCMP_VM, 0, 0) == 0
end

-- The ranges of text that an outcome is about, whatever has become of them. The process may have
-- become another program just before: what was not in question is still to be looked at.
local function ranges_of(outcome)
    local list, is_new = {}, outcome.is_new
    for _, m in ipairs(outcome.description.mappings) do
        if protection.is_executable(m.perms) and (not is_new or is_new(m.object, m)) then
            list[#list + 1] = { start = m.start, stop = m.stop }
        end
    end
    for _, result in ipairs(outcome.results) do
        list[#list + 1] = { start = result.start, stop = result.stop }
    end
    return list
end
looks.ranges_of = ranges_of

-- The settings with which a process is attached to that has new text. Where nobody has asked, only
-- the new text is in question: the rest may be much that was not to be copied.
local function settings_for(self, fresh)
    if not self.given.is_unasked or self.given.sources then return self.given end
    local modest, bytes = {}, 0
    for name, value in pairs(self.given) do modest[name] = value end
    for _, m in ipairs(fresh) do bytes = bytes + m.stop - m.start end
    if bytes > MOST_COPIED then modest.sources = WITHOUT_COPIES end
    function modest.is_in_question(_, mapping) return ranges.overlaps_any(mapping, fresh) end
    return modest
end

local function attach_to(process, given)
    local name = process.executable and text.basename(process.executable) or process.name
    core.lend_messages(process:pid())
    -- It descends from what was launched by this process, and has inherited its filters.
    local ok, line, outcome = attach.remap_running(process, name, given, seccomp.note_heir)
    return { name = name, done = ok, line = line, outcome = outcome,
        is_kept = not ok and hold.keeps(process:pid()),
        handled = outcome and ranges_of(outcome),
        gained = outcome and stage.has_gained(outcome) or false }
end

--- Looks at a process. "later": it cannot be had now. nil: there is nothing to do.
-- @int pid
-- @tparam table member its state (see members.lua)
-- @tparam table news list of ranges
-- @treturn[1] table `name` of the program; `done`, `line` and `outcome`, as
-- `attach.remap_running` gives them; `handled`, a list of ranges; whether it has `gained`; whether
-- it `is_kept`: the kernel did not let it go
-- @treturn[2] string "later"
-- @treturn[3] nil
function Looks:look(pid, member, news)
    local fresh = looks.texts(pid, self.least)
    fresh = fresh and members.fresh(fresh, news, member.handled)
    if not fresh or #fresh == 0 or are_idle(self, fresh) then return nil end
    if is_borrower(pid, member.parent) or (core.status(pid, "TracerPid") or 0) ~= 0 then
        return "later"
    end
    local process = observed.open(pid)
    if not process then return nil end
    local given = settings_for(self, fresh)
    local chosen = choice.of(process, process.name, given)
    if not looks.is_worth(process, chosen, fresh) then
        note_idle(self, fresh)
        return nil
    end
    return attach_to(process, given)
end

--- Begins to look at the processes of a family.
-- @tparam Chosen chosen of the program that was started
-- @tparam Settings given
function looks.new(chosen, given)
    return setmetatable({ given = given, idle = {}, least = looks.least_text(chosen) }, Looks)
end

return looks
