-- SPDX-License-Identifier: Apache-2.0
--- The source `shared`: one copy for all processes that run the same program. The copy is a file
-- on tmpfs or hugetlbfs (see `cache.lua`), and each process maps it privately. This serves text
-- that cannot be huge in its own file: because the linker (lld) gave it an address that is not
-- congruent to its offset, or because the filesystem has no large folios.

local cache = require "tiexec.sources.cache"
local codes = require "tiexec.base.codes"
local copies = require "tiexec.sources.copies"
local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local images = require "tiexec.harness.images"
local kernel = require "tiexec.harness.kernel"
local pieces = require "tiexec.sources.pieces"
local ranges = require "tiexec.base.ranges"

local c = core.constants

local RX <const> = c.PROT_READ | c.PROT_EXEC

-- ---- what can be shared -------------------------------------------------------------------------

-- Tells whether the object has the same address, modulo the huge page, in every process that
-- tiexec starts. Else each address would need a copy of its own. The address is the same if the
-- executable has a fixed one, if the load bias is a multiple of the huge page, as that of large
-- libraries is, or if one of the texts is congruent to its file, as `relocate` makes it.
local function lies_as_always(image, bias, huge)
    if image.type == c.ET_EXEC or bias & (huge - 1) == 0 then return true end
    for segment in images.loads(image) do
        local off = (bias + segment.vaddr - segment.offset) & (huge - 1)
        if images.is_text(segment) and off == 0 then return true end
    end
    return false
end

-- Describes the file of a text (class Original).
local function find_original(target, text, host)
    local path, image, file = target.file(text)
    local stat = path and file.stat
    local bias = image and images.bias(image, { text }, host.page_size)
    if not bias then return nil, codes.words("file-gone") end
    if not lies_as_always(image, bias, host.huge_page_size) then
        return nil, codes.words("unlike-other-starts")
    end
    return { path = text.path, readable = path, stat = stat, build_id = image.build_id,
        bias = bias }
end

local function fit(target, range, host)
    if host.shmem_thp == "deny" then
        return nil, codes.words("tmpfs-denied")
    end
    local mappings, why = target.mappings()
    if not mappings then return nil, why end
    local text, huge = pieces.main_text(mappings, range), host.huge_page_size
    if not text then return nil, codes.words("no-file-text") end
    local original
    original, why = find_original(target, text, host)
    if not original then return nil, why end
    local file = { text = text }
    local start, stop = pieces.run_around(pieces.of(target, mappings, range, file), text)
    if start then start, stop = ranges.inward(start, stop, huge) end
    if not start then return nil, codes.words("no-mapped-page") end
    -- In the copy, the text begins at one huge page.
    local part = { start = start, stop = stop, text = text, original = original, offset = huge,
        huge = huge }
    part.pieces = pieces.of(target, mappings, part, file)
    return part
end

-- ---- in the process -----------------------------------------------------------------------------

local function is_huge(target, part)
    local pages = target.pages(part.start, part.stop)
    return pages.file_huge >= part.stop - part.start
end

-- Maps the copy over the part, which is the only step that changes the target's text. Then tells
-- whether the pages are huge: true, or nil and why not. MADV_COLLAPSE (Linux 6.1) joins pages
-- that the kernel has split since the copy was made.
local function map_over(target, part, fd, host)
    local size = part.stop - part.start
    local executable, unknown = target.executable(part.start, part.stop)
    if not executable then return nil, unknown end
    local ok, why = target.call("mmap", part.start, size, c.PROT_READ | executable,
        c.MAP_PRIVATE | c.MAP_FIXED | c.MAP_NORESERVE, fd, part.offset)
    if not ok then return nil, why end
    target.call("madvise", part.start, size, c.MADV_HUGEPAGE)
    ok, why = kernel.populate(target, part.start, size, part.huge)
    if ok and is_huge(target, part) then return true end
    target.call("madvise", part.start, size, c.MADV_COLLAPSE)
    if is_huge(target, part) then return true end
    if why then return nil, why end
    if hosts.is_at_least(host, 6, 1) then return nil, codes.words("copy-small") end
    return nil, codes.words("tmpfs-small")
end

local function name_of(part)
    return cache.name(part.original, part.start - part.original.bias, part)
end

local function replace(target, part, host, options)
    local copy <close>, why = copies.get(target, name_of(part), part)
    if not copy then
        if options.warn and copies.is_suspect(why) then options.warn(why) end
        return nil, why
    end
    -- The original is opened before anything is changed, so that its pieces can be put back.
    local way_back <close>, closed = target.open(part.text)
    if not way_back then return nil, closed end
    local stat, unknown = core.stat("/proc/self/fd/" .. copy.fd)
    if not stat then return nil, unknown end
    local opened <close>, refused = target.open_file(copy.path, stat, copy.fd)
    if not opened then return nil, refused end
    local ok
    ok, why = map_over(target, part, opened.fd, host)
    if ok then return true end
    local restored, lost = pieces.restore(target, part.pieces, way_back.fd)
    if not restored then why = codes.words("not-put-back", why, lost) end
    return nil, why
end

-- Before the process is stopped, what a copy of the range needs of files is opened.
local function prepare(target, range, host)
    local part = fit(target, range, host)
    if part then copies.prepare(name_of(part), part) end
end

-- Makes system calls of the same kinds as `replace` does, for a seccomp filter to judge.
local function rehearse(target, host)
    local size = host.huge_page_size
    local flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_NORESERVE
    local place = target.call("mmap", 0, 2 * size, RX, flags, -1, 0)
    target.call("openat", c.AT_FDCWD, place, c.O_RDONLY | c.O_CLOEXEC, 0)
    for _, advice in ipairs { c.MADV_HUGEPAGE, c.MADV_POPULATE_READ, c.MADV_COLLAPSE } do
        target.call("madvise", place, size, advice)
    end
    target.call("munmap", place, 2 * size)
    target.call("close", -1)
end

return {
    name = "shared",
    description = "one copy for all processes, in a file on tmpfs",
    fit = fit,
    prepare = prepare,
    release = copies.release,
    replace = replace,
    rehearse = rehearse,
}
