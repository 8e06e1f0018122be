-- SPDX-License-Identifier: Apache-2.0
--- The stage dlopen: libraries that a program loads while it runs.
--
-- The dynamic linker keeps a list of what it has loaded, for debuggers (struct r_debug of <link.h>), and calls
-- an empty function before and after it changes that list. The program is not traced meanwhile: a watch (see
-- core/os/watch.h) tells when some thread has come to that function. Only when the list then has a library
-- with text enough, the process is attached to, its new libraries are remapped, and it is let go again.

local core = require "tiexec.core"
local hold = require "tiexec.harness.hold"
local images = require "tiexec.harness.images"
local message = require "tiexec.base.message"
local planner = require "tiexec.planner"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local smaller = require "tiexec.plan.smaller"
local sources = require "tiexec.sources"
local targets = require "tiexec.harness.targets"

local c = core.constants
local dlopen = {}

local DT_NULL <const>, DT_DEBUG <const> = 0, 21
local CONSISTENT <const> = 0 -- RT_CONSISTENT: the list is not being changed
local LONGEST <const> = 100000 -- links: a list that has been overwritten may have no end
local SOON_MS <const>, LOOK_MS <const> = 100, 1000

local Follower = {}
Follower.__index = Follower

local function word(inferior, address)
    local bytes, why = inferior:read_memory(address, 8)
    if bytes then return (string.unpack("j", bytes)) end
    return nil, why
end

-- What tells one address space from the one that an exec puts in its place.
local function identity_of(pid)
    local bytes = core.read_file(("/proc/%d/auxv"):format(pid)) or ""
    return (core.readlink(("/proc/%d/exe"):format(pid)) or "") .. bytes
end

-- The address of struct r_debug, which the dynamic linker writes into the executable's dynamic section.
local function find_debug(inferior)
    local image = images.of(("/proc/%d/exe"):format(inferior:pid()))
    local entry = (inferior:auxv() or {}).AT_ENTRY
    if not image or not entry then return nil, "its executable cannot be read" end
    for _, segment in ipairs(image.segments) do
        if segment.type == c.PT_DYNAMIC then
            local at = segment.vaddr + entry - image.entry
            for address = at, at + segment.memsz - 16, 16 do
                local tag, value = word(inferior, address), word(inferior, address + 8)
                if tag == DT_DEBUG and value ~= 0 then return value end
                if not tag or tag == DT_NULL then break end
            end
        end
    end
    return nil, "it has no dynamic linker that tells of them (a static program)"
end

-- The list of what is loaded, or nil while it is being changed or cannot be read: `dynamic`, the address of
-- a library's dynamic section, and `key`, which names this library at this place.
local function loaded(inferior, debug)
    local header = inferior:read_memory(debug, 32) -- r_version, r_map, r_brk, r_state
    if not header then return nil end
    local _, link, _, state = string.unpack("jjji4", header)
    if state ~= CONSISTENT then return nil end
    local list = {}
    while link ~= 0 and #list < LONGEST do
        local bytes = inferior:read_memory(link, 32) -- l_addr, l_name, l_ld, l_next
        if not bytes then return nil end
        local bias, name, dynamic, following = string.unpack("jjjj", bytes)
        list[#list + 1] = { dynamic = dynamic, key = ("%x %x %x %x"):format(link, bias, name, dynamic) }
        link = following
    end
    return list
end

-- Less text than this is not worth a look: of the smallest pages that it could have.
local function least_text(chosen)
    local host = not chosen["page-size"] and smaller.host(chosen.host, chosen.names) or chosen.host
    return planner.least_text(host)
end

--- Notes what a program has loaded, so that what it loads later is known as new.
-- @param inferior stopped at its entry point
-- @string name for messages
-- @tparam Chosen chosen
-- @treturn[1] table to be `run` when the program has been let go
-- @treturn[2] nil, string why it cannot be followed
function dlopen.prepare(inferior, name, chosen)
    local debug, why = find_debug(inferior)
    if not debug then return nil, why end
    local hook = word(inferior, debug + 16)
    if not hook or hook == 0 then return nil, "its dynamic linker tells of no place at which it loads them" end
    local self = setmetatable({ inferior = inferior, pid = inferior:pid(), name = name, chosen = chosen, debug = debug,
        hook = hook, identity = identity_of(inferior:pid()), least_text = least_text(chosen), known = {}, said = {} },
        Follower)
    for _, library in ipairs(loaded(inferior, debug) or {}) do self.known[library.key] = {} end
    return self
end

-- One line, once.
function Follower:say(why)
    if not self.said[why] then message.say("%s: %s", self.name, why) end
    self.said[why] = true
end

-- How much text a library has, by one of its addresses.
local function text_size(mappings, address)
    local inode, size = (ranges.find(mappings, address) or { inode = 0 }).inode, 0
    for _, m in ipairs(inode ~= 0 and mappings or {}) do
        if m.inode == inode and protection.is_executable(m.perms) then size = size + m.stop - m.start end
    end
    return size
end

-- Whether what a range was given is there yet, and not the file's pages of a library loaded afresh. Of private copies
-- the list of mappings tells, at little cost.
local function is_remapped(target, mappings, range)
    if not range.anonymous then
        local pages = target.pages(range.start, range.stop)
        return pages.file_huge + pages.anon_huge >= range.stop - range.start
    end
    local m = ranges.find(mappings, range.start)
    return m ~= nil and (m.inode == 0 or m.path:find("^/anon_hugepage") ~= nil)
end

-- Whether a library that was remapped is there no more, with the same one now in the same place.
function Follower:is_replaced(remapped)
    local target, mappings = targets.of(self.inferior), #remapped > 0 and core.mappings(self.pid) or {}
    for _, range in ipairs(remapped) do
        if not is_remapped(target, mappings, range) then return true end
    end
    return false
end

-- The libraries to be remapped, by the address of their dynamic section. Those that are gone are forgotten,
-- those with little text are known from now on. nil: the list is being changed.
function Follower:look()
    local list = loaded(self.inferior, self.debug)
    if not list then return nil end
    local new, known, mappings = {}, {}, nil
    for _, library in ipairs(list) do
        local remapped = self.known[library.key]
        if not remapped or self:is_replaced(remapped) then
            mappings = mappings or core.mappings(self.pid) or {}
            if text_size(mappings, library.dynamic) < self.least_text then
                remapped = {}
            else
                new[library.dynamic], remapped = library.key, nil
            end
        end
        known[library.key] = remapped
    end
    self.known = known
    return new
end

local function dynamic_of(object)
    for _, segment in ipairs(object and object.segments or {}) do
        if segment.type == c.PT_DYNAMIC then return segment.vaddr + object.bias end
    end
end

-- Remembers what has been made of new libraries.
function Follower:note(inferior, new, outcome)
    local target, mappings = targets.of(inferior), core.mappings(self.pid) or {}
    for _, key in pairs(new) do self.known[key] = {} end
    for _, object in ipairs(inferior:objects() or {}) do
        local key = new[dynamic_of(object)]
        for _, result in ipairs(key and outcome.results or {}) do
            local range = { start = result.start, stop = result.stop,
                anonymous = result.source and sources.get(result.source).anonymous }
            local inside = object.span.start <= range.start and range.stop <= object.span.stop
            if result.source and inside and is_remapped(target, mappings, range) then
                table.insert(self.known[key], range)
            end
        end
    end
end

-- With all threads stopped. While a range is being changed the program must not outlive the tracer.
function Follower:remap_stopped(inferior)
    if identity_of(self.pid) ~= self.identity then return true end
    local new = self:look()
    if not new then return false end
    if not next(new) then return true end
    inferior:exit_kill(true)
    self.chosen.host = nil -- looked at anew: pools and modes have changed since the start
    local outcome, why = require "tiexec.remap.stage".run(inferior, self.name, self.chosen,
        { stage = "dlopen", is_new = function(object) return new[dynamic_of(object)] ~= nil end })
    if outcome then
        self:note(inferior, new, outcome)
        why = outcome.complaint
    else
        for _, key in pairs(new) do self.known[key] = {} end
    end
    inferior:exit_kill(false)
    if why and inferior:read_register("pc") then self:say(why) end -- it may have been killed meanwhile
    return true
end

-- Remaps what is new. false: not now.
function Follower:remap()
    local inferior, why, errno = hold.attach(self.pid)
    if inferior then
        local ok, done = xpcall(self.remap_stopped, debug.traceback, self, inferior)
        inferior:detach()
        inferior:close()
        if ok then return done end
        error(done, 0)
    end
    if errno == c.ESRCH or errno == c.ENOENT then return true end -- it is ending: the watch tells
    if core.status(self.pid, "TracerPid") then self:say("a library stays on small pages: " .. why) end
    for _, library in ipairs(loaded(self.inferior, self.debug) or {}) do
        self.known[library.key] = self.known[library.key] or {}
    end
    return true
end

-- One look, after news or a while. false: another is due soon.
function Follower:take_in()
    local new = self:look()
    if not new then return false end
    return not next(new) or self:remap()
end

local function follow(self)
    local watch <close>, refused, errno = core.watch(self.pid, self.hook)
    if errno == c.ESRCH then return end
    if not watch then return self:say("libraries loaded later stay on small pages: " .. refused) end
    if refused then
        self:say(("looks for new libraries once a second: %s (sysctl kernel.perf_event_paranoid=2 lifts that)")
            :format(refused))
    end
    local news
    local look_ms = (refused or not watch:is_reliable()) and LOOK_MS or nil
    repeat
        if identity_of(self.pid) ~= self.identity then return end -- by exec: the new program is let go
        local pause = not self:take_in() and SOON_MS or look_ms
        news = watch:wait(pause)
    until news == "ended"
end

--- Follows the program, which must not be traced any more, until it ends or becomes another one.
function Follower:run()
    local ok, why = xpcall(follow, debug.traceback, self)
    if not ok then message.say("%s: internal error: %s", self.name, why) end
end

return dlopen
