-- SPDX-License-Identifier: Apache-2.0
--- Finds out what works on this host by doing it. Each source that copies makes one huge page, in
-- the memory of a forked copy of this process, and a program is held under trace. Nothing is left
-- behind.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local inferiors = require "tiexec.harness.inferiors"
local ranges = require "tiexec.base.ranges"
local room = require "tiexec.harness.room"
local refusal = require "tiexec.harness.refusal"
local sources = require "tiexec.sources"
local targets = require "tiexec.harness.targets"

local c = core.constants
local trials = {}

local TRIAL_MS <const> = 5000

-- Calls a function in a copy of this process. Gives a Trial, which fails if the function raises.
local function attempt(f)
    local ok, why = core.trial(f, TRIAL_MS)
    return { ok = ok ~= nil, why = why }
end

-- Maps memory for one huge page at a multiple of its size, or raises. Shared memory is congruent
-- only at such an address.
local function map_aligned(target, size, prot, flags)
    local fixed = flags | c.MAP_ANONYMOUS | c.MAP_FIXED
    local base, why = target.call("mmap", 0, 2 * size, c.PROT_NONE,
        c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    local start = base and ranges.align_up(base, size)
    if base then base, why = target.call("mmap", start, size, prot, fixed, -1, 0) end
    if not base then error(why, 0) end
    return start
end

-- Tries a source that makes private copies, by the very steps that it takes in a program.
local function try_private(name, host)
    return attempt(function()
        local source, target, size = sources.get(name), targets.of_self(), host.huge_page_size
        local start = map_aligned(target, size, c.PROT_READ, c.MAP_PRIVATE)
        local ok
        local part, why = sources.fit(source, target, { start = start, stop = start + size }, host)
        if part then ok, why = source.replace(target, part, host, {}) end
        if not ok then error(why, 0) end
    end)
end

-- Tries the source `shared`, with shared memory in place of a file. Such memory lies in a tmpfs of
-- the kernel's own, which obeys the same switches.
local function try_shared(host)
    local why = sources.lacks(sources.get("shared"), host)
    if why then return { ok = false, why = why } end
    if host.shmem_thp == "deny" then
        return { ok = false, why = codes.words("tmpfs-denied") }
    end
    return attempt(function()
        local target, size = targets.of_self(), host.huge_page_size
        local has_room, short = room.for_copy(size)
        if not has_room then error(short, 0) end
        local start = map_aligned(target, size, c.PROT_READ | c.PROT_WRITE, c.MAP_SHARED)
        target.call("madvise", start, size, c.MADV_HUGEPAGE)
        target.call("madvise", start, size, c.MADV_POPULATE_WRITE)
        local _, refused = target.call("madvise", start, size, c.MADV_COLLAPSE)
        if target.pages(start, start + size).file_huge < size then
            error(refused or codes.words("no-free-pages"), 0)
        end
    end)
end

-- Gives the offset in its file of the first whole huge page of an executable's text, or nil.
local function first_page_of_text(image, size)
    for segment in images.loads(image) do
        if images.is_text(segment) then
            local offset = ranges.align_up(segment.offset, size)
            if offset + size <= segment.offset + segment.filesz then return offset end
        end
    end
end

--- Tells whether the text of a file is huge in the page cache now.
-- @string path
-- @tparam Image image of that file
-- @tparam Host host
-- @treturn[1] boolean
-- @treturn[2] nil, string why it is not known
function trials.file(path, image, host)
    local size = host.huge_page_size
    local offset = size > 0 and first_page_of_text(image, size)
    if not offset then return nil, "its text has no whole huge page" end
    local bytes, why = core.probe_file(path, offset, size)
    if not bytes then return nil, why end
    return bytes >= size
end

--- Tells whether this user may hold a program under trace.
-- @treturn Trial
function trials.ptrace()
    local traced = refusal.by_tracer(core.getpid())
    if traced then return { ok = false, why = traced } end
    return attempt(function()
        local inferior, why = inferiors.launch { "/proc/self/exe" }
        if not inferior then error((why:gsub("^/proc/self/exe: ", "")), 0) end
        inferior:kill()
        inferior:close()
    end)
end

--- Tries the sources that make copies.
-- @tparam Host host
-- @treturn table a Trial for each source, by its name
function trials.copies(host)
    if host.huge_page_size == 0 then
        local none = { ok = false, why = codes.words("no-huge-pages") }
        return { shared = none, thp = none, hugetlb = none }
    end
    return { shared = try_shared(host), thp = try_private("thp", host),
        hugetlb = try_private("hugetlb", host) }
end

return trials
