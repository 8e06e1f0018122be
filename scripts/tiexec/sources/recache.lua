-- SPDX-License-Identifier: Apache-2.0
--- Getting a part of a file onto huge pages of the page cache, for the source `file`: block by
-- block, one for each huge page.
--
-- Small pages stay small as long as they are cached, but a block of which nothing is cached is read
-- onto a huge page. So what is small is dropped, and all is read that is not cached then: each
-- block once. A page that has been dropped is gone if the disk has failed since it was read. So
-- what is to be dropped is read from the medium first, past the page cache, and compared.
--
-- All this is done in this process. The target only forgets its page table entries for what is to
-- be dropped: the kernel drops nothing that anybody maps.

local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"

local c = core.constants
local recache = {}

local HELD <const> = "its cached pages stay small (another process maps them, or they are locked)"
local NO_FOLIOS <const> = "its cached pages stay small (the filesystem has no large folios)"

local ahead -- what was last read ahead: `inode`, `from`, `to`

-- ---- this process's descriptors of the file -----------------------------------------------------

-- The file of a part: `fd` and `direct`, descriptors of this process; `from`, `to` and `huge`, the
-- part as the functions of blocks want it; `close`, what is to be closed.
local File = {}
File.__index = File

function File:__close()
    for _, fd in ipairs(self.close) do core.syscall("close", fd) end
end

-- Opens the file for reading, or past the page cache. While the target stands still no file is
-- opened: then there are descriptors already.
local function open_as(self, direct)
    local target, text = self.target, self.part and self.part.text
    local kept = target and target.descriptor(text, direct)
    if kept then return kept end
    local fd, why, errno = core.open_file(self.path, direct)
    if fd then table.insert(self.close, fd) end
    return fd, why, errno
end

local function open(self)
    setmetatable(self, File)
    self.close = {}
    local why
    self.fd, why = open_as(self, false)
    if not self.fd then return nil, why end
    return self
end

-- ---- dropping -----------------------------------------------------------------------------------

-- Calls `visit` with the addresses of what the target has mapped of [from, to) of the file, and has
-- not written to.
local function each_mapping(file, from, to, visit)
    local text = file.part.text
    for _, m in ipairs(file.target.mappings() or {}) do
        local size = m.stop - m.start
        local is_of_it = m.inode == text.inode and m.major == text.major and m.minor == text.minor
            and m.offset < to and m.offset + size > from
        if is_of_it and not protection.is_writable(m.perms) then
            local base = m.start - m.offset
            local start, stop = math.max(m.start, base + from), math.min(m.stop, base + to)
            local pages = file.target.pages(start, stop)
            if pages.anon_small + pages.anon_huge == 0 then visit(start, stop - start) end
        end
    end
end

-- Tells whether pages that the target maps are mapped elsewhere, too. If it maps the bytes twice,
-- this cannot tell, and gives false.
local function sees_others(file, from, to)
    local count, bytes = 0, 0
    each_mapping(file, from, to, function(start, size)
        count = count + 1
        bytes = core.pagemap_shared(file.target.pid, start, start + size) or 0
    end)
    return count == 1 and bytes > 0
end

-- Tells whether anybody but the target maps pages of the blocks. The target forgets its own. Gives
-- a boolean, or nil and why it is not known.
local function is_held(file, from, to)
    if file.target then
        if sees_others(file, from, to) then return true end
        each_mapping(file, from, to, function(start, size)
            file.target.call("madvise", start, size, c.MADV_DONTNEED)
        end)
    end
    return core.blocks_are_mapped(file.fd, from, to, file.huge)
end

-- Says why pages that the medium may not have are not dropped.
local function cannot_drop(why, errno)
    if errno == c.EOPNOTSUPP then why = "its filesystem reads from the page cache alone" end
    if errno == c.EILSEQ then why = "the medium has other bytes" end
    return nil, "its cached pages are small, and may not be had again: " .. why
end

-- Drops blocks. true, or nil and why they must stay. The kernel keeps a page that is in use at the
-- very moment: so what is left is dropped once more.
local function drop(file, from, to)
    local errno, why
    if not file.direct then
        file.direct, why, errno = open_as(file, true)
        if not file.direct then return cannot_drop(why, errno) end
    end
    for _ = 1, 2 do
        local ok
        ok, why, errno = core.blocks_drop(file.fd, from, to, file.huge, file.direct)
        if not ok then return cannot_drop(why, errno) end
        local left = core.blocks_look(file.fd, from, to, file.huge)
        if not left or not left:find("[sp]") then break end
    end
    return true
end

-- ---- reading ------------------------------------------------------------------------------------

-- Reads blocks, and tells their states; or nil, why not, and whether the file cannot be read.
local function read_states(file, from, to)
    local states, why, errno = core.blocks_read(file.fd, from, to, file.huge)
    if states then return states end
    if errno ~= c.EFAULT then return nil, why, false end
    return nil, "its file cannot be read (input/output error)", true
end

-- Reads blocks, of which nothing is cached, onto huge pages.
local function read(file, from, to)
    local states, why, unreadable = read_states(file, from, to)
    if not states then return nil, why, unreadable end
    if not states:find("s", 1, true) then return true end
    if core.blocks_collapse(file.fd, from, to, file.huge) then return true end
    return nil, NO_FOLIOS
end

-- Calls `visit` with the offsets of each run of blocks in one of the states of a pattern. Ends with
-- what `visit` gives, when that is false.
local function each_run(file, states, pattern, visit)
    for first, last in states:gmatch("()" .. pattern .. "+()") do
        local ok, why, state = visit(file.from + (first - 1) * file.huge,
            file.from + (last - 1) * file.huge)
        if not ok then return nil, why, state end
    end
    return true
end

-- Drops and reads again what is small of one run. The first block alone comes first: if it stays
-- small, the others would, too.
local function renew(file, from, to)
    local first = file.renewed and to or from + file.huge
    file.renewed = true
    for _, run in ipairs { { from, first }, { first, to } } do
        if run[1] < run[2] then
            local ok, why, lost = drop(file, run[1], run[2])
            if ok then ok, why, lost = read(file, run[1], run[2]) end
            if not ok then return nil, why, lost and "lost" or nil end
        end
    end
    return true
end

-- Tells what is cached of the blocks. Where the kernel does not tell this user, all is read, which
-- costs nothing if it is huge already.
local function look(file)
    local states, why, errno = core.blocks_look(file.fd, file.from, file.to, file.huge)
    if states or errno ~= c.EPERM then return states, why end
    return read_states(file, file.from, file.to)
end

-- Says why blocks must stay as they are; nil: they may be dropped.
local function reason_to_keep(file, states, options)
    if not states:find("[sp]") then return nil end
    if options.recache == "never" then return "its cached pages are small" end
    local why
    each_run(file, states, "[sp]", function(from, to)
        local held, unknown = is_held(file, from, to)
        why = unknown or held and HELD or nil
        return not why
    end)
    return why
end

-- Gets all blocks onto huge pages. First those that are small, since they may have to stay so: then
-- nothing else is read in vain. true; or nil, why not, and "lost" if what was dropped cannot be
-- read.
local function make_huge(file, options)
    local states, why = look(file)
    if not states then return nil, why end
    if states:find("s", 1, true)
        and core.blocks_collapse(file.fd, file.from, file.to, file.huge) then
        return true
    end
    why = reason_to_keep(file, states, options)
    if why then return nil, why end
    local ok, lost
    ok, why, lost = each_run(file, states, "[sp]", function(from, to)
        return renew(file, from, to)
    end)
    if not ok then return nil, why, lost end
    ok, why = each_run(file, states, "%.", function(from, to) return read(file, from, to) end)
    return ok, why
end

-- Says what has come of it if pages that were dropped could not be read again after all.
local function failed(target, part, why)
    for _, m in ipairs(part.mappings) do
        local start, stop = math.max(m.start, part.start), math.min(m.stop, part.stop)
        if start < stop then
            local ok, _, errno = target.call("madvise", start, stop - start, c.MADV_POPULATE_READ)
            if not ok and errno == c.EFAULT then return nil, why, "broken" end
        end
    end
    return nil, why
end

-- The file of a part, by the target's descriptor of it.
local function open_part(target, part, fd, huge)
    return open { target = target, part = part, huge = huge,
        path = ("/proc/%d/fd/%d"):format(target.pid, fd),
        from = part.start - part.base, to = part.stop - part.base }
end

--- Tells whether all of a part is cached, on whatever pages: then the target may read it. Where the
-- kernel does not tell this user, what was read ahead counts as cached.
-- @tparam Target target
-- @tparam FilePart part
-- @int fd the target's descriptor of the file
-- @int huge the size of a huge page, in bytes
-- @treturn boolean
function recache.is_cached(target, part, fd, huge)
    local file <close> = open_part(target, part, fd, huge)
    if not file then return false end
    local is, _, errno = core.blocks_are_cached(file.fd, file.from, file.to, huge)
    local was_read = ahead and ahead.inode == part.text.inode and ahead.from <= file.from
        and ahead.to >= file.to
    return is or errno == c.EPERM and was_read or false
end

--- Gets the blocks of a part onto huge pages of the page cache.
-- @tparam Target target
-- @tparam FilePart part
-- @int fd the target's descriptor of the file
-- @int huge the size of a huge page, in bytes
-- @tparam RunOptions options `recache`: "never" leaves all that is cached as it is
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string why some of them stay small
-- @treturn[2] ?string "broken": the text of the process is not whole any more
function recache.make_huge(target, part, fd, huge, options)
    local file <close>, why = open_part(target, part, fd, huge)
    if not file then return nil, why end
    local ok, lost
    ok, why, lost = make_huge(file, options)
    if lost then return failed(target, part, why) end
    return ok, why
end

--- Reads a part of a file that nobody has mapped yet, before somebody touches a page here and
-- there: each of those would keep its block small. Only a file of which something is missing in
-- the page cache is dealt with. What comes of it is seen later, by `make_huge`.
-- @string path
-- @int from offset of the part, a multiple of the huge page
-- @int to offset of its end, another
-- @int huge the size of a huge page, in bytes
-- @tparam RunOptions options as above
function recache.read_ahead(path, from, to, huge, options)
    local file <close> = open { path = path, from = from, to = to, huge = huge }
    if not file then return end
    local is_cached, _, errno = core.blocks_are_cached(file.fd, from, to, huge)
    if is_cached or errno and errno ~= c.EPERM then return end
    make_huge(file, options)
    ahead = { inode = (core.stat(path) or {}).inode, from = from, to = to }
end

--- Makes the system calls of this file, on what is no part of any file.
-- @int huge the size of a huge page, in bytes
function recache.rehearse(huge)
    local FAR <const> = 1 << 40
    local fd = core.open_file("/proc/self/exe")
    if not fd then return end
    for _, name in ipairs { "are_cached", "look", "read", "collapse", "are_mapped", "drop" } do
        core["blocks_" .. name](fd, FAR, FAR + huge, huge, fd)
    end
    core.syscall("close", fd)
end

return recache
