-- SPDX-License-Identifier: Apache-2.0
--- The target: a process as the sources and the executor act on it, with functions for system calls, for copying,
-- and for looking at its mappings. There are two kinds: a traced process, and this very process, in which the same
-- steps can be tried out. `types.lua` lists the functions (class Target).

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local targets = {}

-- The path that leads to the file of a mapping, for anybody with rights over the process; nil when the path leads
-- to another file.
local function find_path(pid, mapping)
    local exe = ("/proc/%d/exe"):format(pid)
    for _, path in ipairs { core.readlink(exe) == mapping.path and exe or mapping.path, mapping.path } do
        local image = images.of(path)
        if image and image.inode == mapping.inode then return path, image end
    end
end

local File = {}
File.__index = File

function File:__close() self.target.call("close", self.fd) end

-- Where the kernel cannot tell it of the range alone (before Linux 6.7), smaps of all mappings that the range
-- touches. That is too much where a mapping reaches beyond the range.
local function pages_by_smaps(pid, range)
    local sums = { file_huge = 0, anon_huge = 0, anon_small = 0 }
    for _, m in ipairs(core.mappings(pid, true) or {}) do
        if ranges.overlap(m, range) then
            local of_file = m.inode ~= 0
            sums.file_huge = sums.file_huge + m.file_huge + m.shmem_huge + (of_file and m.hugetlb or 0)
            sums.anon_huge = sums.anon_huge + m.anon_huge + (of_file and 0 or m.hugetlb)
            sums.anon_small = sums.anon_small + m.anonymous - m.anon_huge
        end
    end
    return sums
end

-- Adds what concerns the files of mappings.
local function add_files(self, pid)
    local known = {} -- by path: a file is looked for once, and checked again when it is opened

    function self.file(mapping)
        local found = known[mapping.path]
        if not found or found.inode ~= mapping.inode then
            local path, image = find_path(pid, mapping)
            found = { path = path, image = image, inode = mapping.inode }
            known[mapping.path] = found
        end
        return found.path, found.image
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

-- Adds what /proc tells of the process.
local function add_queries(self, pid)
    add_files(self, pid)

    function self.mappings() return core.mappings(pid) end

    function self.executable(start, stop)
        local extra, why, errno = core.extra_protection(pid, start, stop)
        if extra then return c.PROT_EXEC | extra end
        return nil, errno == c.EINVAL and "its memory has tags, which a copy would not have" or why
    end

    function self.thp_disabled() return core.status(pid, "THP_enabled") == 0 end

    function self.pages(start, stop)
        return core.pagemap(pid, start, stop) or pages_by_smaps(pid, { start = start, stop = stop })
    end

    function self.folios(start, stop, size) return core.folios(pid, start, stop, size) end
    return self
end

-- Adds what has the process open a file. Its path may lead to another file by the time that the process opens it:
-- so the inode is looked at then, and the device where it is known.
local function add_opening(self, inferior)
    local function open_checked(path, inode, device)
        local fd, why = inferior:remote_open(path)
        if not fd then return nil, why end
        local file = setmetatable({ target = self, fd = fd }, File)
        local stat = core.stat(("/proc/%d/fd/%d"):format(inferior:pid(), fd))
        if stat and stat.inode == inode and (not device or stat.device == device) then return file end
        file:__close()
        return nil, "its file has just been replaced"
    end

    function self.open(mapping)
        local path = self.file(mapping)
        if not path then return nil, "its file has been replaced or cannot be read" end
        return open_checked(path, mapping.inode)
    end

    function self.open_file(path, stat) return open_checked(path, stat.inode, stat.device) end
end

--- A traced process as the target.
-- @param inferior stopped when something is done to it
-- @func[opt] trace told of each system call: `trace(name, arguments, result, why)`, where `arguments` is a table
-- with `n`
-- @treturn Target
function targets.of(inferior, trace)
    local self = add_queries({
        call = function(name, ...)
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

    function self.name(address, size, name)
        local text <close> = inferior:lend(name .. "\0")
        if text then self.call("prctl", c.PR_SET_VMA, c.PR_SET_VMA_ANON_NAME, address, size, text.address) end
    end

    return self
end

--- This process as the target. It has nothing worth copying.
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
