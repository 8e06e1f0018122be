-- SPDX-License-Identifier: Apache-2.0
--- The stage dlopen: remaps libraries that a program loads while it runs.
--
-- The dynamic linker keeps a list of the loaded libraries for debuggers (struct r_debug of
-- <link.h>), and calls an empty function before and after it changes that list. The program is
-- not traced; a watch (see core/os/watch.h) tells when one of its threads has called that
-- function. If the list has a new library with enough text by then, the process is attached to,
-- the library is remapped, and the process is let go again.

local core = require "tiexec.core"
local debug_lines = require "tiexec.show.debug"
local files = require "tiexec.harness.files"
local hold = require "tiexec.harness.hold"
local images = require "tiexec.harness.images"
local message = require "tiexec.base.message"
local planner = require "tiexec.planner"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local seccomp = require "tiexec.harness.seccomp"
local smaller = require "tiexec.plan.smaller"
local sources = require "tiexec.sources"
local stage = require "tiexec.remap.stage"
local targets = require "tiexec.harness.targets"

local c = core.constants
local dlopen = {}

local DT_NULL <const>, DT_DEBUG <const> = 0, 21
local CONSISTENT <const> = 0 -- RT_CONSISTENT: the list is not being changed
local LONGEST <const> = 100000 -- links; a list that the program has overwritten may have no end
local SOON_MS <const> = 100 -- until the next look, if the list was being changed
local LOOK_MS <const> = 1000 -- between two looks where the watch does not tell

-- Follows one program. `known` has the libraries that were there at the last look, by key: for
-- each a list of its ranges that were remapped. `hook` is the address of the empty function, and
-- `debug` that of struct r_debug.
local Follower = {}
Follower.__index = Follower

-- The word at an address of the inferior.
local function word(inferior, address)
    local bytes, why = inferior:read_memory(address, 8)
    if bytes then return (string.unpack("j", bytes)) end
    return nil, why
end

-- A string that is another one after an exec: the executable's path and the auxiliary vector,
-- which has the address of random bytes.
local function identity_of(pid)
    local bytes = core.read_file(("/proc/%d/auxv"):format(pid)) or ""
    return (core.readlink(("/proc/%d/exe"):format(pid)) or "") .. bytes
end

-- The address of struct r_debug. The dynamic linker writes it into the executable's dynamic
-- section.
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

-- The loaded libraries, or nil if the list is being changed or cannot be read. Each has
-- `dynamic`, the address of its dynamic section, and `key`, a name for this library at this
-- place.
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
        local key = ("%x %x %x %x"):format(link, bias, name, dynamic)
        list[#list + 1] = { dynamic = dynamic, key = key }
        link = following
    end
    return list
end

-- The bytes of text that a library must have to be looked at: so many that the smallest larger
-- pages of the host are worth it.
local function least_text(chosen)
    local host = not chosen["page-size"] and smaller.host(chosen.host, chosen.names) or chosen.host
    return planner.least_text(host)
end

--- Notes which libraries a program has loaded already.
-- @tparam Inferior inferior stopped at its entry point
-- @string name of the program, for messages
-- @tparam Chosen chosen
-- @treturn[1] table its method `run` follows the program once it has been let go
-- @treturn[2] nil, string why the program cannot be followed
function dlopen.prepare(inferior, name, chosen)
    local debug, why = find_debug(inferior)
    if not debug then return nil, why end
    local hook = word(inferior, debug + 16)
    if not hook or hook == 0 then
        return nil, "its dynamic linker tells of no place at which it loads them"
    end
    local pid = inferior:pid()
    local self = setmetatable({ inferior = inferior, pid = pid, name = name, chosen = chosen,
        debug = debug, hook = hook, identity = identity_of(pid), least_text = least_text(chosen),
        known = {}, said = {} }, Follower)
    for _, library in ipairs(loaded(inferior, debug) or {}) do self.known[library.key] = {} end
    return self
end

-- Says one line, unless it was said before.
function Follower:say(why)
    if not self.said[why] and not self.chosen.quiet then message.say("%s: %s", self.name, why) end
    self.said[why] = true
end

-- How many bytes of text the library at an address has.
local function text_size(mappings, address)
    local mapping, size = ranges.find(mappings, address), 0
    if not mapping or mapping.inode == 0 then return 0 end
    for _, m in ipairs(mappings) do
        local is_same = m.inode == mapping.inode and m.major == mapping.major
            and m.minor == mapping.minor
        if is_same and protection.is_executable(m.perms) then
            size = size + m.stop - m.start
        end
    end
    return size
end

-- Whether a range still has what it was remapped to. If its library was unloaded and loaded
-- again, it has the file's small pages. A private copy shows in the list of mappings, which is
-- fast to look at.
local function is_remapped(target, mappings, range)
    if not range.anonymous then
        local pages = target.pages(range.start, range.stop)
        return pages.file_huge + pages.anon_huge >= range.stop - range.start
    end
    local m = ranges.find(mappings, range.start)
    return m ~= nil and (m.inode == 0 or m.path:find("^/anon_hugepage") ~= nil)
end

-- Whether a known library was unloaded and loaded again at the same place.
function Follower:is_reloaded(remapped)
    if #remapped == 0 then return false end
    local target, mappings = targets.of(self.inferior), core.mappings(self.pid) or {}
    for _, range in ipairs(remapped) do
        if not is_remapped(target, mappings, range) then return true end
    end
    return false
end

-- Finds the libraries that should be remapped. Returns their keys by the addresses of their
-- dynamic sections; nil if the list is being changed. Forgets libraries that are gone, and notes
-- new ones with little text as known.
function Follower:find_new()
    local list = loaded(self.inferior, self.debug)
    if not list then return nil end
    local new, known, mappings = {}, {}, nil
    for _, library in ipairs(list) do
        local remapped = self.known[library.key]
        if not remapped or self:is_reloaded(remapped) then
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

-- The address of an object's dynamic section, or nil.
local function dynamic_of(object)
    for _, segment in ipairs(object and object.segments or {}) do
        if segment.type == c.PT_DYNAMIC then return segment.vaddr + object.bias end
    end
end

-- Notes the ranges of new libraries that were remapped.
function Follower:note(inferior, new, results)
    local target, mappings = targets.of(inferior), core.mappings(self.pid) or {}
    for _, object in ipairs(inferior:objects() or {}) do
        local key = new[dynamic_of(object)]
        for _, result in ipairs(key and results or {}) do
            local range = { start = result.start, stop = result.stop,
                anonymous = result.source and sources.get(result.source).anonymous }
            local inside = object.span.start <= range.start and range.stop <= object.span.stop
            if result.source and inside and is_remapped(target, mappings, range) then
                table.insert(self.known[key], range)
            end
        end
    end
end

-- Remaps the new libraries, with all threads stopped. Returns false if the list is being changed;
-- else true and, if there is any, what is to be told. While ranges are being changed the program
-- must not outlive the tracer.
function Follower:remap_stopped(inferior)
    if identity_of(self.pid) ~= self.identity then return true end
    local new = self:find_new()
    if not new then return false end
    if not next(new) then return true end
    inferior:exit_kill(true)
    local function is_new(object) return new[dynamic_of(object)] ~= nil end
    local outcome, why = stage.run(inferior, self.name, self.chosen,
        { stage = "dlopen", is_new = is_new })
    for _, key in pairs(new) do self.known[key] = {} end
    if outcome then self:note(inferior, new, outcome.results) end
    inferior:exit_kill(false)
    local is_alive = inferior:read_register("pc") ~= nil
    return true, is_alive and { outcome = outcome, why = why } or nil
end

-- Tells what has come of it, once the process runs on.
function Follower:tell(inferior, told)
    if not told then return end
    local outcome = told.outcome
    if outcome then stage.tell(inferior, outcome, self.chosen) end
    local why = told.why or outcome and outcome.complaint
    if why then self:say(why) end
end

-- Reads whatever may be needed while the process stands still. Pools and modes may have changed
-- since the last time. Gives what is to be closed when the process runs again.
function Follower:prepare(new)
    files.prepare(self.pid)
    self.chosen.host = nil
    local function is_new(object) return new[dynamic_of(object)] ~= nil end
    return stage.prepare_for_stop(self.inferior, self.name, self.chosen,
        { stage = "dlopen", is_new = is_new })
end

-- Remaps the new libraries of the process, which stands still since `started`, and lets it go.
-- Returns false if the list is being changed, or a file was mapped at the last moment.
function Follower:remap_held(inferior, started)
    if seccomp.is_heir(self.inferior) then seccomp.note_heir(inferior) end
    files.hold(self.pid)
    message.hold()
    local ok, done, told = true, false, nil
    if files.is_complete(self.pid) then
        ok, done, told = xpcall(self.remap_stopped, debug.traceback, self, inferior)
    end
    self.is_kept = not hold.let_go(inferior)
    local seconds = core.now() - started
    files.release(self.pid)
    message.release()
    if ok and self.chosen.debug.timing then debug_lines.stopped(seconds) end
    if ok then self:tell(inferior, told) end
    files.forget(self.pid)
    inferior:close()
    if ok then return done end
    error(done, 0)
end

-- Attaches to the process and remaps its new libraries. Returns false if the list is being
-- changed; false and the milliseconds until the next try if the process is frozen. If it cannot be
-- attached to, its libraries are left alone from now on.
function Follower:remap(new)
    local _ <close> = self:prepare(new)
    local inferior, why, errno = hold.attach(self.pid)
    if errno == c.EAGAIN then return false, LOOK_MS end
    if inferior then return self:remap_held(inferior, why) end
    if errno == c.ESRCH or errno == c.ENOENT then return true end -- it ends, as the watch will tell
    if core.status(self.pid, "TracerPid") then -- it is still there
        self:say("a library stays on small pages: " .. why)
        self.is_kept = hold.keeps(self.pid)
    end
    for _, library in ipairs(loaded(self.inferior, self.debug) or {}) do
        self.known[library.key] = self.known[library.key] or {}
    end
    return true
end

-- Remaps new libraries if there are any. Returns the same as `remap`.
function Follower:update()
    local new = self:find_new()
    if not new then return false end
    if not next(new) then return true end
    return self:remap(new)
end

-- The lesser of two numbers of milliseconds, of which nil is for ever.
local function sooner(one, other) return one and other and math.min(one, other) or one or other end

-- Waits for news of the watch, and looks for new libraries after each, until the program ends or
-- the seconds are over.
local function follow(self, seconds)
    local watch <close>, refused, errno = core.watch(self.pid, self.hook)
    if not watch and errno == c.ESRCH then return end
    if not watch then return self:say("libraries loaded later stay on small pages: " .. refused) end
    if refused and errno ~= c.ESRCH and not seconds then
        self:say("looks for new libraries once a second: " .. refused
            .. " (sysctl kernel.perf_event_paranoid=2 lifts that)")
    end
    local look_ms = (refused or not watch:is_reliable()) and LOOK_MS or nil
    local deadline = seconds and core.now() + seconds
    local news, left
    repeat
        if identity_of(self.pid) ~= self.identity then return end -- the process has exec'd
        local done, later = self:update()
        if self.is_kept then return end -- the end of this process sets it free
        left = deadline and math.max(0, math.ceil((deadline - core.now()) * 1000)) or nil
        news = watch:wait(sooner(done and look_ms or not done and (later or SOON_MS) or nil, left))
    until news == "ended" or left == 0
end

--- Follows the program, which must not be traced any more, until it ends or becomes another one by
-- exec.
-- @tparam ?number seconds after which it ends, too, and says nothing of how it looks
function Follower:run(seconds)
    local ok, why = xpcall(follow, debug.traceback, self, seconds)
    if not ok then message.say("%s: %s", self.name, message.of_error(why)) end
end

return dlopen
