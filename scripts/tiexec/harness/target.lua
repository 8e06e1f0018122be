-- SPDX-License-Identifier: Apache-2.0
--- What the executor needs of a process: system calls, copying, a look at its mappings. There are two:
-- the target, and this very process, in which the same steps can be tried out.
--
--   call(name, ...) -> integer, or nil, message, errno
--   read(address, size) -> string, or nil, message, errno
--   copy(to, from, size) -> true, or nil, message: the copy is compared with the original
--   mappings() -> list
--   file_size(mapping) -> bytes of the mapped file, or nil
--   has_text_relocations(mapping) -> whether the dynamic linker writes to the text of the mapped file
--   file(mapping) -> path by which to read it, its image; or nil
--   open(mapping) -> to-be-closed `fd` of that file in the process, or nil, message
--   open_file(path, stat) -> the same for a file that `core.stat` has told of
--   cache_fill(fd, range), cache_compare(fd, range): see core/lua/cache.c
--   executable(start, stop) -> PROT_EXEC and what else the text there has, but for PROT_READ; or nil, message
--   name(address, size, name): what /proc/PID/maps calls anonymous memory, "[anon:NAME]", where the kernel
--     has that (CONFIG_ANON_VMA_NAME, Linux 5.17)
--   thp_disabled() -> whether it may not have huge pages (PR_SET_THP_DISABLE)
--   pages(start, stop) -> bytes by kind of page: `file_huge`, `anon_huge`, `anon_small`
--   folios(start, stop, size) -> bytes in pages of at least `size`, or nil, message, errno: it takes CAP_SYS_ADMIN

local core = require "tiexec.core"
local images = require "tiexec.harness.images"

local c = core.constants
local process = {}

-- The path that leads to a mapping's file, seen by anybody with rights over the process; nil when what
-- is there is another file.
local function find_path(pid, mapping)
    local exe = ("/proc/%d/exe"):format(pid)
    for _, path in ipairs { core.readlink(exe) == mapping.path and exe or mapping.path, mapping.path } do
        local image = images.of(path)
        if image and image.inode == mapping.inode then return path, image end
    end
end

local File = {}
File.__index = File

function File:__close() self.process.call("close", self.fd) end

local function add_queries(self, pid)
    local known = {} -- by path: its file is looked for once, and checked again when it is opened

    local function path_of(mapping)
        local found = known[mapping.path]
        if not found or found.inode ~= mapping.inode then
            local path, image = find_path(pid, mapping)
            found = { path = path, image = image, inode = mapping.inode }
            known[mapping.path] = found
        end
        return found.path, found.image
    end

    self.file = path_of

    function self.file_size(mapping)
        local _, image = path_of(mapping)
        return image and image.size
    end

    function self.has_text_relocations(mapping)
        local _, image = path_of(mapping)
        return image ~= nil and image.text_relocations
    end

    function self.mappings() return core.mappings(pid) end

    function self.executable(start, stop)
        local extra, why, errno = core.extra_protection(pid, start, stop)
        if extra then return c.PROT_EXEC | extra end
        return nil, errno == c.EINVAL and "its memory has tags, which a copy would not have" or why
    end

    -- Where the kernel cannot tell it of the range alone (before Linux 6.7), smaps of all mappings that
    -- the range touches. That errs for a mapping that reaches beyond.
    local function from_smaps(start, stop)
        local sums = { file_huge = 0, anon_huge = 0, anon_small = 0 }
        for _, m in ipairs(core.mappings(pid, true) or {}) do
            if m.start < stop and start < m.stop then
                local of_file = m.inode ~= 0
                sums.file_huge = sums.file_huge + m.file_huge + m.shmem_huge + (of_file and m.hugetlb or 0)
                sums.anon_huge = sums.anon_huge + m.anon_huge + (of_file and 0 or m.hugetlb)
                sums.anon_small = sums.anon_small + m.anonymous - m.anon_huge
            end
        end
        return sums
    end

    function self.thp_disabled() return core.status(pid, "THP_enabled") == 0 end

    function self.pages(start, stop) return core.pagemap(pid, start, stop) or from_smaps(start, stop) end

    function self.folios(start, stop, size) return core.folios(pid, start, stop, size) end
    return self
end

--- The target. `trace(name, args, result, message)`, if any, is told of each system call.
function process.of(inferior, trace)
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

    -- The path may have another file by the time that the process opens it: inode, or inode and device.
    local function open_checked(path, inode, device)
        local fd, why = inferior:remote_open(path)
        if not fd then return nil, why end
        local file = setmetatable({ process = self, fd = fd }, File)
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

    function self.name(address, size, name)
        local text <close> = inferior:lend(name .. "\0")
        if text then self.call("prctl", c.PR_SET_VMA, c.PR_SET_VMA_ANON_NAME, address, size, text.address) end
    end

    function self.open_file(path, stat) return open_checked(path, stat.inode, stat.device) end
    return self
end

--- This process; it has nothing worth copying.
function process.of_self()
    return add_queries({
        call = core.syscall,
        copy = function() return true end,
        name = function(address, size)
            core.syscall("prctl", c.PR_SET_VMA, c.PR_SET_VMA_ANON_NAME, address, size, 0)
        end,
    }, core.getpid())
end

return process
