-- SPDX-License-Identifier: Apache-2.0
--- A part of a file, as this process sees it in the page cache: whether others map it, dropping it
-- and reading it. For `recache.lua`, which says when.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local files = require "tiexec.harness.files"
local protection = require "tiexec.harness.protection"

local c = core.constants

local cached = {}

local ANSWER_MS <const> = 1000

-- ---- this process's descriptors of the file -----------------------------------------------------

-- The file of a part: `fd` and `direct`, descriptors of this process; `from`, `to` and `huge`, the
-- part as the functions of blocks want it; `close`, what is to be closed.
local File = {}
File.__index = File

function File:__close()
    for _, fd in ipairs(self.close) do core.syscall("close", fd) end
end

--- Tells whether the target stands still: its filesystem might be what stands still.
function File:is_still() return self.target and files.is_held(self.target.pid) end

-- Opens the file for reading, or past the page cache. While the target stands still no file is
-- opened: then there are descriptors already. None past the page cache is there on a filesystem
-- that knows no such thing (tmpfs before Linux 6.6).
local function open_as(self, direct)
    local target, text = self.target, self.part and self.part.text
    local kept = target and target.descriptor(text, direct)
    if kept then return kept end
    if direct and self:is_still() then return nil, nil, c.EOPNOTSUPP end
    local fd, why, errno = core.open_file(self.path, direct)
    if fd then table.insert(self.close, fd) end
    return fd, why, errno
end

--- Opens the file of a part.
-- @tparam table self `path`, `from` and `to`, offsets in the file, and `huge`; and, unless nobody
-- has mapped it, `target` and `part`
-- @treturn[1] table the same, with methods; to be closed
-- @treturn[2] nil, string why it cannot be opened
function cached.open(self)
    setmetatable(self, File)
    self.close = {}
    local why
    self.fd, why = open_as(self, false)
    if not self.fd then return nil, why end
    return self
end

-- Reads a page of the file, past the page cache if that can be done.
local function read_page(file)
    local SIZE <const> = 4096
    local place = core.syscall("mmap", 0, SIZE, c.PROT_READ | c.PROT_WRITE,
        c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    core.stat("/proc/self/fd/" .. file.fd)
    core.syscall("pread64", open_as(file, true) or file.fd, place, SIZE, file.from)
end

--- Tells whether the file can be read. While the target stands still it may be the target that is
-- waited for: it serves the file (FUSE), or allows each reading (fanotify). So a copy of this
-- process tries that, for a limited time.
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not
function File:answers()
    if not self:is_still() or self.has_answered then return true end
    local _, why, errno = core.trial(function() read_page(self) end, ANSWER_MS)
    if why and not errno then return nil, codes.words("no-answer") end
    self.has_answered = true
    return true
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

--- Tells whether anybody but the target maps pages of blocks. The target forgets its own.
-- @int from offset of the first block
-- @int to offset where the last one ends
-- @treturn[1] boolean
-- @treturn[2] nil, string why it is not known
function File:is_held(from, to)
    if self.target then
        if sees_others(self, from, to) then return true end
        each_mapping(self, from, to, function(start, size)
            self.target.call("madvise", start, size, c.MADV_DONTNEED)
        end)
    end
    return core.blocks_are_mapped(self.fd, from, to, self.huge)
end

-- Says why pages that the medium may not have are not dropped.
local function cannot_drop(why, errno)
    if errno == c.EOPNOTSUPP then why = "its filesystem reads from the page cache alone" end
    if errno == c.EILSEQ then why = "the medium has other bytes" end
    return nil, codes.words("not-on-medium", why)
end

--- Drops blocks. The kernel keeps a page that is in use at the very moment: so what is left is
-- dropped once more.
-- @int from
-- @int to
-- @treturn[1] boolean true
-- @treturn[2] nil, string why they must stay
function File:drop(from, to)
    local errno, why
    if not self.direct then
        self.direct, why, errno = open_as(self, true)
        if not self.direct then return cannot_drop(why, errno) end
    end
    for _ = 1, 2 do
        local ok
        ok, why, errno = core.blocks_drop(self.fd, from, to, self.huge, self.direct)
        if not ok then return cannot_drop(why, errno) end
        local left = core.blocks_look(self.fd, from, to, self.huge)
        if not left or not left:find("[sp]") then break end
    end
    return true
end

-- ---- reading ------------------------------------------------------------------------------------

-- Reads blocks, and tells their states; or nil, why not, and whether the file cannot be read.
local function read_states(self, from, to)
    local states, why, errno = core.blocks_read(self.fd, from, to, self.huge)
    if states then return states end
    if errno ~= c.EFAULT then return nil, why, false end
    return nil, codes.words("file-error"), true
end

--- Reads blocks, of which nothing is cached, onto huge pages.
-- @int from
-- @int to
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string why they are not all huge
-- @treturn[2] boolean whether the file cannot be read
function File:read(from, to)
    local states, why, unreadable = read_states(self, from, to)
    if not states then return nil, why, unreadable end
    if not states:find("s", 1, true) then return true end
    if core.blocks_collapse(self.fd, from, to, self.huge) then return true end
    return nil, codes.words("no-large-folios")
end

--- Tells what is cached of the blocks. Where the kernel does not tell this user, all is read, which
-- costs nothing if it is huge already.
-- @treturn[1] string as core.blocks_look gives it
-- @treturn[2] nil, string why it cannot be told
function File:look()
    local states, why, errno = core.blocks_look(self.fd, self.from, self.to, self.huge)
    if states or errno ~= c.EPERM then return states, why end
    local ok, silent = self:answers()
    if not ok then return nil, silent end
    return read_states(self, self.from, self.to)
end

return cached
