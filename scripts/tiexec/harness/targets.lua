-- SPDX-License-Identifier: Apache-2.0
--- Targets (class Target): a target is a process that the sources and the executor act on. It has
-- functions for system calls, for copying, and for looking at its mappings: `types/target.lua` has
-- them all. There are two kinds: an inferior, and this very process, in which the same steps can be
-- tried out.

local core = require "tiexec.core"
local files = require "tiexec.harness.files"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local targets = {}

-- A file that the target has opened (class TargetFile). The target closes it at the end of its
-- scope.
local File = {}
File.__index = File

function File:__close() self.target.call("close", self.fd) end

-- The bytes of small pages of a range that the process has written to, of what smaps tells of one
-- mapping. The page tables tell how many of them lie in the range, where the mapping reaches beyond
-- it.
local function written(pid, m, range)
    local bytes = m.anonymous - m.anon_huge + m.swap
    local is_within = range.start <= m.start and m.stop <= range.stop
    if bytes == 0 or m.anon_huge > 0 or is_within then return bytes end
    return core.pagemap_written(pid, ranges.common(m, range)) or bytes
end

-- Counts the bytes in pages of each kind by smaps, for kernels before Linux 6.7, which lack the
-- ioctl PAGEMAP_SCAN. Huge pages of a mapping that overlaps the range are counted as a whole: their
-- sums are too large if it reaches beyond the range. If neither can be read, all of the range
-- counts as written to, and as small: what cannot be told is not taken for harmless.
local function pages_by_smaps(pid, range)
    local sums = { file_huge = 0, anon_huge = 0, anon_small = 0 }
    local mappings, why = core.mappings(pid, true, false, range.stop)
    if not mappings then
        sums.anon_small, sums.unknown = range.stop - range.start, why
        return sums
    end
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) then
            local file_hugetlb = m.inode ~= 0 and m.hugetlb or 0
            sums.file_huge = sums.file_huge + m.file_huge + m.shmem_huge + file_hugetlb
            sums.anon_huge = sums.anon_huge + m.anon_huge + m.hugetlb - file_hugetlb
            sums.anon_small = sums.anon_small + written(pid, m, range)
        end
    end
    return sums
end

-- Adds the functions that look at the files of mappings.
local function add_files(self, pid)
    local known = {} -- by path: each file is looked for once, and checked again when it is opened

    function self.file(mapping)
        local found = known[mapping.path]
        if not found or found.inode ~= mapping.inode or found.minor ~= mapping.minor then
            local file = files.of(pid, mapping) or {}
            found = { inode = mapping.inode, minor = mapping.minor, path = file.path,
                image = file.path and file.image, stat = file.stat, handle = file.handle }
            known[mapping.path] = found
        end
        return found.path, found.image, found
    end

    function self.descriptor(mapping, direct)
        local file = files.is_held(pid) and files.of(pid, mapping)
        return file and (direct and file.direct or not direct and file.handle) or nil
    end

    function self.file_size(mapping)
        local _, image = self.file(mapping)
        return image and image.size
    end

    function self.has_text_relocations(mapping)
        local _, image = self.file(mapping)
        return image ~= nil and image.text_relocations
    end
end

-- Adds the functions that look at the process through /proc.
local function add_queries(self, pid)
    self.pid = pid
    add_files(self, pid)

    function self.mappings() return core.mappings(pid, false, true) end

    function self.executable(start, stop)
        local extra, why, errno = core.extra_protection(pid, start, stop)
        if extra then return c.PROT_EXEC | extra end
        if errno == c.EINVAL then why = "its memory has tags, which a copy would not have" end
        return nil, why
    end

    function self.thp_disabled() return core.status(pid, "THP_enabled") == 0 end

    function self.pages(start, stop)
        return core.pagemap(pid, start, stop) or pages_by_smaps(pid, { start = start, stop = stop })
    end

    function self.folios(start, stop, size) return core.folios(pid, start, stop, size) end
    return self
end

-- Adds the functions that make the inferior open a file, or hand it one that this process has open.
-- The inferior opens it by a path of its own. That may lead to another file by then. So device and
-- inode of the opened file are compared.
local function add_opening(self, inferior)
    local pid = inferior:pid()

    local function open_checked(path, wanted)
        local fd, why = inferior:remote_open(path)
        if not fd then return nil, why end
        local file = setmetatable({ target = self, fd = fd }, File)
        local stat = core.stat(("/proc/%d/fd/%d"):format(pid, fd))
        if stat and stat.inode == wanted.inode and stat.device == wanted.device then return file end
        file:__close()
        return nil, "its file has just been replaced"
    end

    function self.hand_over(file)
        local fd, why, errno = inferior:take_file(file)
        if not fd then return nil, why, errno end
        return setmetatable({ target = self, fd = fd }, File)
    end

    -- While the target stands still it opens nothing itself, if that can be helped: it might wait
    -- for itself, and then nothing but its end would help.
    local function hand_or_open(path, wanted, handle)
        local file, why, errno = nil, "its file cannot be opened", nil
        if handle then file, why, errno = self.hand_over(handle) end
        if file then return file end
        if errno == c.ESRCH then return nil, "it has ended" end
        local cannot_hand = errno == c.ENOSYS or errno == c.EPERM
        if files.is_held(pid) and not cannot_hand then return nil, why end
        return open_checked(path, wanted)
    end

    function self.open(mapping)
        local path, _, file = self.file(mapping)
        if not path then return nil, "its file has been replaced or cannot be read" end
        local is_exe = path:find("^/proc/%d+/exe$") ~= nil
        local opened, why
        if is_exe then opened, why = hand_or_open("/proc/self/exe", file.stat, file.handle) end
        if opened or is_exe and files.is_held(pid) then return opened, why end
        return hand_or_open(mapping.path, file.stat, not is_exe and file.handle or nil)
    end

    function self.open_file(path, stat, handle)
        if files.is_held(pid) then return hand_or_open(path, stat, handle) end
        local file, why = open_checked(path, stat)
        if file or not handle then return file, why end
        return self.hand_over(handle)
    end
end

-- Whether the kernel knows names of anonymous memory: they are an option of Linux 5.17. To find out
-- here, by a name for no memory, costs less than to have another process try.
local function can_name()
    return core.syscall("prctl", c.PR_SET_VMA, c.PR_SET_VMA_ANON_NAME, 0, 0, 0) ~= nil
end

-- The system calls after which all mappings are as they were before, and those that change only
-- what they are given and what lies beside it.
local KEEPING <const> = { openat = true, close = true }
local LOCAL <const> = { mprotect = true, madvise = true, munmap = true }
local KEEPING_ADVICE <const> = { [c.MADV_DONTNEED] = true, [c.MADV_POPULATE_READ] = true }

-- The mappings of an inferior that stands still, as far as the system calls of the target's own
-- have left them as they were when they were read.
local Known = {}
Known.__index = Known

-- Notes what a system call may have changed.
function Known:note(name, address, size, advice)
    if KEEPING[name] or name == "madvise" and KEEPING_ADVICE[advice] then return end
    if not LOCAL[name] then
        self.list = nil
        return
    end
    local changed = self.changed or { start = address, stop = address }
    self.changed = { start = math.min(changed.start, address),
        stop = math.max(changed.stop, address + size) }
end

-- Whether the mappings of a range, or else all, are as they were read. Those that meet may have
-- become one.
function Known:has(range)
    local changed = self.changed
    if not self.list or not range then return self.total ~= nil and self.list and not changed end
    if not changed then return true end
    local start, stop = range.start, range.stop
    for _, m in ipairs(self.list) do
        if ranges.overlap(m, range) then
            start, stop = math.min(start, m.start), math.max(stop, m.stop)
        end
    end
    return changed.stop < start or stop < changed.start
end

--- Makes an inferior a target.
-- @tparam Inferior inferior stopped whenever the target is acted on; an Observed can only be
-- looked at
-- @func[opt] trace is called after each system call: `trace(name, arguments, result, why)`,
-- where `arguments` is a table as table.pack gives it
-- @tparam[opt] table mappings its mappings, joined, if the caller has just read them
-- @treturn Target
function targets.of(inferior, trace, mappings)
    local known = setmetatable({ list = mappings }, Known) -- all threads stand still
    local self = add_queries({
        call = function(name, ...)
            known:note(name, ...)
            local result, message, errno = inferior:remote_syscall(name, ...)
            if trace then trace(name, table.pack(...), result, message) end
            return result, message, errno
        end,
        read = function(address, size) return inferior:read_memory(address, size) end,
        copy = function(to, from, size) return inferior:copy_memory(to, from, size) end,
        cache_fill = function(fd, range) return inferior:cache_fill(fd, range) end,
        cache_compare = function(fd, range) return inferior:cache_compare(fd, range) end,
    }, inferior:pid())
    add_opening(self, inferior)

    function self.mappings(range)
        local errno
        if not known:has(range) then
            known.list, known.total, errno = core.mappings(inferior:pid(), false, true)
            known.changed = nil
        end
        return known.list, known.total, errno
    end

    function self.name(address, size, name)
        if not can_name() then return end
        local text <close> = inferior:lend(name .. "\0")
        if not text then return end
        self.call("prctl", c.PR_SET_VMA, c.PR_SET_VMA_ANON_NAME, address, size, text.address)
    end

    return self
end

--- Makes this process a target, in which steps are tried out. `copy` does nothing, and there are no
-- functions that read memory or open files.
-- @treturn Target
function targets.of_self()
    return add_queries({
        call = core.syscall,
        copy = function() return true end,
        name = function(address, size)
            core.syscall("prctl", c.PR_SET_VMA, c.PR_SET_VMA_ANON_NAME, address, size, 0)
        end,
    }, core.getpid())
end

return targets
