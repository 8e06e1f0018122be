-- SPDX-License-Identifier: Apache-2.0
--- The source `shared`: one copy for all processes that run the same program. The copy is a file
-- on tmpfs or hugetlbfs (see `cache.lua`), and each process maps it privately. This serves text
-- that cannot be huge in its own file: because the linker (lld) gave it an address that is not
-- congruent to its offset, or because the filesystem has no large folios.

local cache = require "tiexec.sources.cache"
local cache_image = require "tiexec.sources.cache_image"
local core = require "tiexec.core"
local files = require "tiexec.harness.files"
local hosts = require "tiexec.harness.hosts"
local images = require "tiexec.harness.images"
local kernel = require "tiexec.harness.kernel"
local message = require "tiexec.base.message"
local pieces = require "tiexec.sources.pieces"
local ranges = require "tiexec.base.ranges"
local room = require "tiexec.harness.room"

local c = core.constants

local RX <const> = c.PROT_READ | c.PROT_EXEC
local WAIT_MS <const> = 5000 -- how long to wait for another process that is making the copy
local OWNER_READ <const>, OTHERS_READ <const> = 0x100, 0x24 -- permissions 0400 and 0044

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
    if not bias then return nil, "its file has been replaced or cannot be read" end
    if not lies_as_always(image, bias, host.huge_page_size) then
        return nil,
            "it lies at an address unlike that of other starts: each would need another copy"
    end
    return { path = text.path, readable = path, stat = stat, build_id = image.build_id,
        bias = bias }
end

local function fit(target, range, host)
    if host.shmem_thp == "deny" then
        return nil, "huge pages are denied to tmpfs (shmem_enabled)"
    end
    local mappings, why = target.mappings()
    if not mappings then return nil, why end
    local text, huge = pieces.main_text(mappings, range), host.huge_page_size
    if not text then return nil, "no text of a file is in it" end
    local original
    original, why = find_original(target, text, host)
    if not original then return nil, why end
    local file = { text = text }
    local start, stop = pieces.run_around(pieces.of(target, mappings, range, file), text)
    if start then start, stop = ranges.inward(start, stop, huge) end
    if not start then return nil, "no whole huge page of the file as it was mapped" end
    -- In the copy, the text begins at one huge page.
    local part = { start = start, stop = stop, text = text, original = original, offset = huge,
        huge = huge }
    part.pieces = pieces.of(target, mappings, part, file)
    return part
end

-- ---- the copy -----------------------------------------------------------------------------------

-- A file descriptor of this process, which is closed at the end of its scope.
local Descriptor = {}
function Descriptor:__close() core.syscall("close", self.fd) end

local function descriptor(fd, path) return setmetatable({ fd = fd, path = path }, Descriptor) end

-- Gives the part as cache_fill and cache_compare want it (class CacheRange): without its gaps.
local function without_gaps(part)
    local range = { start = part.start, stop = part.stop, offset = part.offset, huge = part.huge,
        pieces = {} }
    for _, piece in ipairs(part.pieces) do
        if piece.perms then range.pieces[#range.pieces + 1] = piece end
    end
    return range
end

-- Looks for a finished copy. Gives its descriptor, with its `path`; nil if there is none; or nil
-- and why it cannot be used. A message tells of each file that cannot be trusted, since somebody
-- should remove it.
local function find(target, folders, name, part)
    local least_size = part.offset + part.stop - part.start
    for _, folder in ipairs(folders) do
        local path = folder:path_of(name)
        local fd, why, errno = core.cache_open(folder.fd, name, least_size)
        if fd then
            local ok
            ok, why, errno = target.cache_compare(fd, without_gaps(part))
            if ok then return descriptor(fd, path) end
            core.syscall("close", fd)
            if errno ~= c.EILSEQ then return nil, why end -- the target's fault, not the file's
            why = "its contents are not the program's"
        end
        if errno ~= c.ENOENT then
            local reason = why:gsub("^" .. name:gsub("%p", "%%%0") .. ": ", "")
            message.say("%s is not used: %s", path, reason)
            return nil, "its cache file cannot be trusted or used"
        end
    end
end

-- What `prepare` has read of files, for copies that are made while no file may be opened: the open
-- `folders`, and `around`, the bytes before and after the text of a copy, by the name of the copy.
local prepared = { around = {} }

-- The bytes that a copy has before and after its text. nil and why: they cannot be read now.
local function around(target, name, part)
    local known = prepared.around[name]
    if known then return known.before, known.after end
    if files.is_held(target.pid) then return nil, "it was mapped at the last moment" end
    local address = part.start - part.original.bias
    return cache_image.around(part.original, address, part.offset, part.stop - part.start)
end

-- Writes a copy that has been begun, and finishes it. Others may read it if they may read the
-- original.
local function write(target, fd, name, part, folder)
    local original, size = part.original, part.stop - part.start
    local mode = OWNER_READ | original.stat.mode & OTHERS_READ
    local before, after = around(target, name, part)
    local ok, why, errno = before, after, nil
    if ok then ok, why, errno = target.cache_fill(fd, without_gaps(part)) end
    if ok then ok, why, errno = core.cache_put(fd, 0, before) end
    if ok and after ~= "" then ok, why, errno = core.cache_put(fd, part.offset + size, after) end
    if ok then ok, why, errno = core.cache_finish(folder.fd, name, fd, mode) end
    if ok then return true end
    core.cache_abandon(folder.fd, name)
    if errno == c.EAGAIN then
        why = "the kernel found no free huge pages (memory is fragmented or short)"
    end
    return nil, why
end

-- Makes the copy, or waits until another process has made it. Gives true; or nil and why there is
-- no copy.
local function make(target, folder, name, part)
    local fd, why, errno = core.cache_begin(folder.fd, name, WAIT_MS)
    if errno == c.EEXIST then return true end
    if errno == c.ETIMEDOUT then return nil, "another process has long been making the copy" end
    if not fd then return nil, why end
    local file <close> = descriptor(fd)
    return write(target, file.fd, name, part, folder)
end

local function own_folder(folders)
    for _, folder in ipairs(folders) do
        if folder.own then return folder end
    end
end

-- The folders of the cache, to be closed. While a target is held they are those that `prepare` has
-- opened.
local function folders_for(target, may_make)
    if not files.is_held(target.pid) then return cache.folders(may_make) end
    return setmetatable(table.move(prepared.folders or {}, 1, #(prepared.folders or {}), 1, {}),
        { __close = function() end }), prepared.why
end

local function make_and_find(target, name, part)
    -- This process touches the memory first, so that its control groups are charged with it.
    local has_room, short = room.for_copy(part.stop - part.start)
    if not has_room then return nil, short end
    local folders <close>, why = folders_for(target, true)
    local folder = own_folder(folders)
    if not folder then return nil, why or "there is no folder for the copy" end
    -- Else copies of programs that are gone would fill the memory.
    if not files.is_held(target.pid) then cache.prune(folders) end
    local copy
    copy, why = make(target, folder, name, part)
    if copy then copy, why = find(target, folders, name, part) end
    return copy, why or "the copy has just been removed"
end

local function find_or_make(target, name, part)
    local folders <close> = folders_for(target, false)
    local copy, why = find(target, folders, name, part)
    if copy or why then return copy, why end
    return make_and_find(target, name, part)
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
    if hosts.is_at_least(host, 6, 1) then return nil, "the copy is no longer on huge pages" end
    return nil, "tmpfs has no huge pages here "
        .. "(needs Linux 6.1, or TIEXEC_CACHE on a tmpfs mounted with huge=always)"
end

local function replace(target, part, host)
    local address = part.start - part.original.bias
    local copy <close>, why = find_or_make(target, cache.name(part.original, address, part), part)
    if not copy then return nil, why end
    -- The original is opened before anything is changed, so that its pieces can be put back.
    local way_back <close>, closed = target.open(part.text)
    if not way_back then return nil, closed end
    local stat = core.stat("/proc/self/fd/" .. copy.fd)
    local opened <close>, refused = target.open_file(copy.path, stat, copy.fd)
    if not opened then return nil, refused end
    local ok
    ok, why = map_over(target, part, opened.fd, host)
    if ok then return true end
    local restored, lost = pieces.restore(target, part.pieces, way_back.fd)
    if not restored then why = ("%s; and what it was is not put back: %s"):format(why, lost) end
    return nil, why
end

local function is_there(folders, name)
    for _, folder in ipairs(folders) do
        if core.stat(folder:path_of(name)) then return true end
    end
    return false
end

-- Opens the folders of the cache, and reads what a copy of the range will have around its text,
-- unless there is such a copy.
local function prepare(target, range, host)
    local part = fit(target, range, host)
    if not part then return end
    if prepared.folders then getmetatable(prepared.folders).__close() end
    prepared.folders, prepared.why = cache.folders(true)
    local name = cache.name(part.original, part.start - part.original.bias, part)
    if is_there(prepared.folders, name) then return end
    cache.prune(prepared.folders)
    local before, after = around(target, name, part)
    prepared.around[name] = { before = before, after = after }
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
    replace = replace,
    rehearse = rehearse,
}
