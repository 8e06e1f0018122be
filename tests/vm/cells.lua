-- SPDX-License-Identifier: Apache-2.0
-- What a start comes to on this kernel, by default and with each page source alone, stage by stage, from smaps: one
-- line for each cell, "cell<TAB>source<TAB>stage<TAB>yes | no: why", or the source that has served by default.
-- Run as root in a guest of its own. Ends with status 1 if a program did not do under tiexec what it does alone.

local core = require "tiexec.core"
local folios = require "tests.lib.folios"
local planner = require "tiexec.planner"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size
local SMALLER <const> = core.host().contiguous_size -- 0: this CPU's TLB knows none
local POOL_BYTES <const> = 64 << 20
local XFS <const>, EXT4 <const> = "/tmp", "/home"
local XFS_MAGIC <const> = 0x58465342

-- The name, the options and the environment that select it (nil: the defaults of a host as it is installed), and the
-- folder that the program is in.
local sources = {
    { "by default, ext4", folder = EXT4 },
    { "by default, xfs", folder = XFS },
    { "file on ext4", "file", folder = EXT4 },
    { "file on xfs", "file", folder = XFS },
    { "shared, tmpfs", "shared", folder = EXT4, cache = "/dev/shm/cells" },
    { "shared, tmpfs huge=always", "shared", folder = EXT4, cache = "/mnt/cells" },
    { "shared, hugetlbfs", "shared", folder = EXT4, cache = "/dev/hugepages/cells", pool = true },
    { "thp", "thp", folder = EXT4 },
    { "hugetlb", "hugetlb", folder = EXT4, pool = true },
    { "thp, smaller", "thp", folder = EXT4, smaller = true },
    { "hugetlb, smaller", "hugetlb", folder = EXT4, smaller = true, pool = true },
}

-- exec: the kernel places it at random, so it has to be moved. entry: it lies where it is linked to.
local stages = { { "exec", "moved" }, { "entry", "moved-fixed-aligned" } }

-- What the report says of the largest text: why it is not huge, and by which source it is.
local function reason(path)
    local report = require "dkjson".decode(support.read_file(path) or "") or {}
    local largest
    for _, row in ipairs(report.mappings or {}) do
        if not largest or row.bytes > largest.bytes then largest = row end
    end
    local why = report.error or (largest and table.concat(largest.why, "; ") or "no report")
    return why ~= "" and why or "the report does not say why", largest and largest.source
end

local function words(source, more, path)
    local list = source[2] and { "env", "TIEXEC_CACHE=" .. (source.cache or "/nowhere"), support.tiexec, "--sources",
        source[2] } or { support.tiexec }
    if source.smaller then table.move({ "--page-size", tostring(SMALLER) }, 1, 2, #list + 1, list) end
    table.move(more, 1, #more, #list + 1, list)
    list[#list + 1] = "--"
    list[#list + 1] = path
    return list
end

local function with(list, word)
    list[#list + 1] = word
    return list
end

-- Whether the program under tiexec comes to the same as alone.
local function is_right(source, path)
    local plain, huge = support.run { path, "brk" }, support.run(with(words(source, {}, path), "brk"))
    local _, _, sum = plain.out:find("right %S+ (%x+)")
    return sum and plain.code == 0 and huge.code == 0 and huge.out:find(sum, 1, true)
end

local function cell(source, program)
    local path, report = source.folder .. "/" .. program, "/run/report"
    support.run { "cp", support.programs .. program, path }
    os.remove(report)
    if not is_right(source, path) then return nil, "the program did not run as it does alone" end
    local process = support.start(with(words(source, { "--report", report }, path), "wait"))
    local done = support.wait_for(function()
        return not process:is_alive() or core.readlink(("/proc/%d/exe"):format(process.pid)) == path
            and core.status(process.pid, "TracerPid") == 0
    end, 60)
    local alive = done and process:is_alive()
    local bytes, by = support.huge_text(process.pid)
    if source.smaller then bytes, by = folios.of_text(process.pid, SMALLER), "the page tables" end
    process:stop("KILL")
    os.remove(path)
    if not alive then return nil, "the program ended" end
    local why, used = reason(report)
    if not by or bytes < (source.smaller and 4 << 20 or HUGE) then return source[2] and "no: " .. why or "nothing" end
    local yes = source[2] and "yes" .. (source.smaller and ", " .. planner.size_text(SMALLER) or "") or used
    return ("%s (%d MiB of text, %s)"):format(yes, bytes >> 20, by)
end

-- Whether a source can be tried here. Guests whose kernel has no xfs have ext4 in its place.
local function is_here(source)
    return (not source.smaller or SMALLER > 0) and (source.folder ~= XFS or core.filesystem_type(XFS) == XFS_MAGIC)
end

-- Reserves the pool of a source, empties the others, and lets transparent huge pages of the smaller size be had.
local function arrange(source)
    local smaller = source.smaller and SMALLER
    for _, size in ipairs { HUGE, SMALLER > 0 and SMALLER or nil } do
        local pages = source.pool and size == (smaller or HUGE) and math.max(POOL_BYTES // size, 4) or 0
        support.write_file(("/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages"):format(size >> 10), tostring(pages))
    end
    local switch = ("/sys/kernel/mm/transparent_hugepage/hugepages-%dkB/enabled"):format(SMALLER >> 10)
    if smaller and support.read_file(switch) then support.write_file(switch, "madvise") end
end

os.execute("mount -t tmpfs -o huge=always,mode=755 tmpfs /mnt")
os.execute("mkdir -p -m 700 /mnt/cells /dev/shm/cells /dev/hugepages/cells")
local failed
local host = core.host()
print(("kernel\t%s\t%s\t%d KiB\t%d MiB"):format(host.kernel, host.arch, host.page_size >> 10, HUGE >> 20))
for _, source in ipairs(sources) do
    for _, stage in ipairs(stages) do
        local result, why = "-", nil
        if is_here(source) then
            arrange(source)
            result, why = cell(source, stage[2])
        end
        failed = failed or not result
        print(("cell\t%s\t%s\t%s"):format(source[1], stage[1], result or "FAILED: " .. why))
        io.stdout:flush()
    end
end
os.exit(failed and 1 or 0)
