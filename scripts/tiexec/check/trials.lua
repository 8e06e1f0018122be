-- SPDX-License-Identifier: Apache-2.0
--- What works on this host, found out by doing it: one huge page of each source, on memory of a forked
-- copy of this process; and holding a program under trace. Nothing is left of it.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local inferiors = require "tiexec.harness.inferiors"
local ranges = require "tiexec.base.ranges"
local refusal = require "tiexec.harness.refusal"
local targets = require "tiexec.harness.targets"
local sources = require "tiexec.sources"

local c = core.constants
local trials = {}

local TRIAL_MS <const> = 5000

-- Whether `f` comes to its end in a copy of this process; else what it raised.
local function attempt(f)
    local ok, why = core.trial(f, TRIAL_MS)
    return { ok = ok ~= nil, why = why }
end

-- Memory for one huge page, at a multiple of its size: only so does shared memory lie congruent.
local function place(self, size, prot, flags)
    local base, why = self.call("mmap", 0, 2 * size, c.PROT_NONE, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    local start = base and ranges.align_up(base, size)
    if base then base, why = self.call("mmap", start, size, prot, flags | c.MAP_ANONYMOUS | c.MAP_FIXED, -1, 0) end
    if not base then error(why, 0) end
    return start
end

-- The very steps of a source that makes private copies.
local function private(name, host)
    return attempt(function()
        local source, self, size = sources.get(name), targets.of_self(), host.huge_page_size
        local start = place(self, size, c.PROT_READ, c.MAP_PRIVATE)
        local ok
        local part, why = sources.fit(source, self, { start = start, stop = start + size }, host)
        if part then ok, why = source.replace(self, part, host, {}) end
        if not ok then error(why, 0) end
    end)
end

-- Memory that is shared lies in a tmpfs of the kernel's own, which obeys the same switches.
local function shared(host)
    local why = sources.lacks(sources.get("shared"), host)
    if why then return { ok = false, why = why } end
    if host.shmem_thp == "deny" then return { ok = false, why = "huge pages are denied to tmpfs (shmem_enabled)" } end
    return attempt(function()
        local self, size = targets.of_self(), host.huge_page_size
        local start = place(self, size, c.PROT_READ | c.PROT_WRITE, c.MAP_SHARED)
        self.call("madvise", start, size, c.MADV_HUGEPAGE)
        self.call("madvise", start, size, c.MADV_POPULATE_WRITE)
        local _, refused = self.call("madvise", start, size, c.MADV_COLLAPSE)
        if self.pages(start, start + size).file_huge < size then
            error(refused or "the kernel found no free huge pages (memory is fragmented or short)", 0)
        end
    end)
end

-- The first whole huge page of an executable's text in its file, or nil.
local function first_page_of_text(image, size)
    for segment in images.loads(image) do
        if images.is_text(segment) then
            local offset = ranges.align_up(segment.offset, size)
            if offset + size <= segment.offset + segment.filesz then return offset end
        end
    end
end

--- Whether the text of a file can be huge as it lies in the page cache now.
-- @treturn[1] boolean
-- @treturn[2] nil, string: it was not tried, or failed, and why
function trials.file(path, image, host)
    local size = host.huge_page_size
    local offset = size > 0 and first_page_of_text(image, size)
    if not offset then return nil, "its text has no whole huge page" end
    local bytes, why = core.probe_file(path, offset, size)
    if not bytes then return nil, why end
    return bytes >= size
end

--- Whether this user may hold a program under trace.
-- @treturn table `ok`, `why`
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
-- @treturn table by name of source: `ok`, `why`
function trials.copies(host)
    if host.huge_page_size == 0 then
        local none = { ok = false, why = "this kernel has no huge pages" }
        return { shared = none, thp = none, hugetlb = none }
    end
    return { shared = shared(host), thp = private("thp", host), hugetlb = private("hugetlb", host) }
end

return trials
