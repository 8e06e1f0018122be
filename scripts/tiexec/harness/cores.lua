-- SPDX-License-Identifier: Apache-2.0
--- Core files of inferiors that live on, as the kernel writes them of those that are killed.

local core = require "tiexec.core"
local notes = require "tiexec.harness.notes"
local protection = require "tiexec.harness.protection"

local c = core.constants
local methods = {} -- of inferiors

-- The bits of /proc/PID/coredump_filter (core(5)): which memory is to be dumped.
local PRIVATE <const>, SHARED <const>, FILE_PRIVATE <const>, FILE_SHARED <const> = 1, 2, 4, 8
local ELF_HEADERS <const>, HUGE_PRIVATE <const>, HUGE_SHARED <const> = 16, 32, 64
local DEFAULT <const> = 0x33

local ELF_MAGIC <const> = "\127ELF"

local function has_flag(m, flag)
    return (" " .. m.vm_flags .. " "):find(" " .. flag .. " ", 1, true) ~= nil
end

-- Tells whether a shared mapping is of memory that has no name in a filesystem.
local function is_nameless(m)
    return m.path:find(" %(deleted%)$") ~= nil or m.path:find("^/memfd:") ~= nil
        or m.path:find("^/SYSV") ~= nil or m.path:find("^/dev/zero") ~= nil
end

-- Tells how many bytes of a mapping are dumped (vma_dump_size in fs/coredump.c).
local function dumped_size(inferior, m, filter, page)
    local size = m.stop - m.start
    local function whole(bit) return filter & bit ~= 0 and size or 0 end
    if m.path == "[vdso]" then return size end
    if has_flag(m, "io") or has_flag(m, "pf") or has_flag(m, "dd") then return 0 end
    local is_shared = protection.is_shared(m.perms)
    if has_flag(m, "ht") then return whole(is_shared and HUGE_SHARED or HUGE_PRIVATE) end
    if is_shared then return whole(is_nameless(m) and SHARED or FILE_SHARED) end
    if m.anonymous + m.swap > 0 and filter & PRIVATE ~= 0 then return size end
    if m.inode == 0 then return 0 end
    if filter & FILE_PRIVATE ~= 0 then return size end
    local has_headers = filter & ELF_HEADERS ~= 0 and m.offset == 0
        and protection.is_readable(m.perms) and inferior:read_memory(m.start, 4) == ELF_MAGIC
    return has_headers and page or 0
end

local function flags_of(perms)
    return (protection.is_readable(perms) and c.PF_R or 0)
        | (protection.is_writable(perms) and c.PF_W or 0)
        | (protection.is_executable(perms) and c.PF_X or 0)
end

local function segments_of(inferior, mappings, filter)
    local list, page = {}, core.page_size()
    for _, m in ipairs(mappings) do
        if m.start >= 0 then -- the vsyscall page is the kernel's
            list[#list + 1] = { start = m.start, stop = m.stop, flags = flags_of(m.perms),
                dumped = dumped_size(inferior, m, filter, page),
                sparse = m.inode == 0 and m.path ~= "[vdso]" }
        end
    end
    return list
end

--- Writes a core file of the inferior, which lives on: registers of all threads, signals, the
-- auxiliary vector, the files that are mapped, and memory. gdb opens it as one of the kernel's.
-- @string path the file has mode 600; it is replaced if it is there
-- @int[opt] filter which memory it has, as in /proc/PID/coredump_filter, which is used when absent
-- @treturn[1] int how many bytes of memory could not be read, and are zeros there
-- @treturn[2] nil, message, errno (EBUSY: a thread is running; ESRCH: one is gone);
-- then there is no file
-- @usage
-- print(inferior:core("example.core")) --> 0
-- os.execute("gdb -batch -ex bt ./example example.core 2>&1 | tail -1") --> #0 main …
function methods:core(path, filter)
    if filter ~= nil and math.type(filter) ~= "integer" then error("core: a filter of bits", 2) end
    local pid = self:pid()
    filter = filter or tonumber(core.read_file(("/proc/%d/coredump_filter"):format(pid)) or "", 16)
    local mappings, message, errno = self:mappings(true)
    if not mappings then return nil, message, errno end
    local bytes
    bytes, message, errno = notes.of(self, mappings)
    if not bytes then return nil, "core: " .. message, errno end
    return self:write_core(path, bytes, segments_of(self, mappings, filter or DEFAULT))
end

return { methods = methods }
