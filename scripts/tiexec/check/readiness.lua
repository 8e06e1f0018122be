-- SPDX-License-Identifier: Apache-2.0
--- Is a host ready? What its facts mean, what works there, and what would make more of it work. Pure
-- functions of facts.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local sources = require "tiexec.sources"
local text = require "tiexec.base.text"

local c = core.constants
local readiness = {}

-- ---- facts, one by one -----------------------------------------------------------------------------

local function pool_command(host, pages)
    return ("echo %d > /sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages"):format(pages, host.huge_page_size >> 10)
end

-- Each gives the text of a line, nil: there is none; whether that is good: true, false, or nil, neither; and what
-- to do.
local tell = {}

function tell.kernel(found) return ("%s, %s"):format(found.host.kernel, found.host.arch) end

tell["huge page"] = function(found)
    local size = found.host.huge_page_size
    if size == 0 then return "none: this kernel is built without", false end
    if size > 32 << 20 and size == found.host.pmd_size then
        return text.size(size) .. ": few programs have that much text", false,
            "a kernel with smaller base pages has smaller huge pages"
    end
    return ("%s, of %s pages"):format(text.size(size), text.size(found.host.page_size)), true
end

-- Pages smaller than the PMD's, which programs get whose text is not worth one of these.
tell["smaller pages"] = function(found)
    local smaller = found.smaller
    if not smaller then return nil end
    local usable = hosts.free_pages(smaller.pool)
    local said = ("%s: THP %s, %d of %d free in the hugetlb pool"):format(text.size(smaller.huge_page_size),
        smaller.thp == "" and "none" or smaller.thp, usable, smaller.pool.total)
    if usable > 0 or smaller.thp ~= "" and smaller.thp ~= "never" then return said, true end
    if smaller.thp == "" then return said, nil, pool_command(smaller, 64) end
    return said, nil, "echo madvise > " .. smaller.thp_switch
end

tell["THP"] = function(found)
    local mode, size = found.host.thp, found.host.huge_page_size
    if mode == "" and size ~= found.host.pmd_size then return "none of " .. text.size(size), false end
    if mode == "" then return "none: this kernel is built without", false end
    if mode == "never" then return mode, false, "echo madvise > " .. found.thp_switch end
    return mode, true
end

tell["THP of tmpfs"] = function(found)
    local mode = found.host.shmem_thp
    local path = "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
    if mode == "" then return "none: this kernel is built without", false end
    if mode == "deny" then return mode, false, "echo never > " .. path end
    local collapses = hosts.is_at_least(found.host, 6, 1)
    if mode == "never" and not collapses then return mode, false, "echo advise > " .. path end
    return mode == "never" and "never, which MADV_COLLAPSE overrides" or mode, true
end

-- As many pages as the program's text takes, rounded outward.
local function pages_wanted(found)
    local bytes, size = (found.command or {}).text or 0, found.host.huge_page_size
    return bytes > 0 and bytes // size + 2 or 64
end

tell["hugetlb pool"] = function(found)
    local pool, words, pools = found.host.pool, {}, found.host.hugetlb
    if pools and not pools[found.host.huge_page_size] then
        return "this kernel has none of " .. text.size(found.host.huge_page_size), false
    end
    local usable = hosts.free_pages(pool)
    for i, node in ipairs(found.nodes) do
        words[i] = ("node %d: %d of %d free"):format(node.node, node.free, node.total)
    end
    local said = #words > 0 and table.concat(words, "; ") or ("%d of %d free"):format(pool.free, pool.total)
    if pool.overcommit > 0 then said = said .. ("; up to %d more on demand"):format(pool.overcommit) end
    if pool.reserved > 0 then said = said .. ("; %d promised"):format(pool.reserved) end
    if usable > 0 then return said, true end
    return said, false, pool_command(found.host, pages_wanted(found))
end

function tell.ptrace(found)
    if found.ptrace.ok then return "works", true end
    local what = "a container or security module forbids it? (docker run --cap-add=SYS_PTRACE)"
    if found.host.yama >= 2 then what = nil end
    return found.ptrace.why, false, what
end

local function has_capability(found, bit) return found.host.capabilities >> bit & 1 == 1 end

tell["Yama"] = function(found)
    local scope = found.host.yama
    local words = { [-1] = "none", [0] = "0", [1] = "1, a program names its tracer",
        [2] = "2, tracers need CAP_SYS_PTRACE", [3] = "3, nobody traces" }
    local said = words[scope] or tostring(scope)
    if scope == 3 then return said, false, "reboot: it cannot be lowered" end
    if scope == 2 and not has_capability(found, c.CAP_SYS_PTRACE) then
        return said, false, "sysctl kernel.yama.ptrace_scope=1"
    end
    return said, true
end

function tell.container(found) return found.container or "none seen" end

tell["pid namespace"] = function(found)
    local said = found.pid_namespace and "its own" or found.pid_namespace == false and "the host's" or "not known"
    return found.is_first and said .. "; as process 1 tiexec stays, as an init" or said
end

tell["memory limit"] = function(found)
    if not found.memory then return "no limit" end
    return text.size(found.memory.bytes) .. ": private copies count"
end

tell["hugetlb limit"] = function(found)
    local limit = found.hugetlb
    if not limit then return "no limit" end
    if limit.bytes >= found.host.huge_page_size then return text.size(limit.bytes) end
    return text.size(limit.bytes), false, ("echo max > %s"):format(limit.file)
end

tell["hardware counters"] = function(found)
    local counter = found.counter
    if counter.ok then return "work (perf stat -e iTLB-load-misses)" end
    if counter.errno == c.EACCES or counter.errno == c.EPERM then
        return "not allowed", false, "sysctl kernel.perf_event_paranoid=2"
    end
    return "none: a virtual machine without a PMU? Measure by time"
end

local order <const> = { "kernel", "huge page", "smaller pages", "THP", "THP of tmpfs", "hugetlb pool", "ptrace",
    "Yama", "container", "pid namespace", "memory limit", "hugetlb limit", "hardware counters" }

-- What a start would go by: a strategy that is not there, or a wrong profile, is told here.
local function settings_line(chosen)
    if chosen.wrong then return { name = "settings", text = chosen.wrong, good = false } end
    local said = ("strategy %s, sources %s"):format(chosen.strategy, table.concat(chosen.sources, ","))
    if chosen.profile then said = ("%s, by %s"):format(said, chosen.profile) end
    return { name = "settings", text = said }
end

-- ---- the program -----------------------------------------------------------------------------------

local function filesystem_text(filesystem)
    if not filesystem then return "not found", nil end
    if filesystem.large_folios then return filesystem.type .. ", which has large folios", true end
    if filesystem.large_folios == false then return filesystem.why, false end
    return filesystem.type .. "; whether it has large folios is not known", nil
end

local function command_lines(command, programs)
    if not command then
        local said, good = filesystem_text(programs.filesystem)
        return { { name = "filesystem", text = ("%s: %s"):format(programs.path, said), good = good } }
    end
    if command.wrong then return { { name = "program", text = command.wrong, good = false } } end
    local said, good = filesystem_text(command.filesystem)
    if command.cached then
        said, good = said .. (good and ";" or ", but") .. " its pages are huge in the page cache", true
    end
    local lines = { { name = "program", text = ("%s, %s of text"):format(command.path, text.size(command.text)) },
        { name = "its filesystem", text = said, good = good } }
    if command.privilege and not command.may_trace then
        table.insert(lines, 2, { name = "its rights", good = false, todo = "start it as root",
            text = ("%s: it would lose its rights under a tracer"):format(command.privilege) })
    end
    return lines
end

-- ---- sources ---------------------------------------------------------------------------------------

local function judge_file(found)
    local at = found.command or found.programs
    local said, good = filesystem_text(at.filesystem)
    if at.cached then return true, "" end
    if at.wrong then return nil, "it is not known which program" end
    if good == nil then return nil, said end
    return good, good and "" or said
end

-- The sources by name, those that the settings ask for first, in their order.
local function sources_in_order(chosen)
    local names, asked = {}, {}
    for _, name in ipairs(chosen.sources or {}) do
        if not asked[name] then names[#names + 1] = name end
        asked[name] = true
    end
    for _, name in ipairs(sources.default()) do
        if not asked[name] then names[#names + 1] = name end
    end
    return names, asked
end

local function judge_sources(found)
    local list = {}
    local names, asked = sources_in_order(found.settings)
    for i, name in ipairs(names) do
        local works, why
        if found.host.huge_page_size == 0 then
            works, why = false, "this kernel has no huge pages"
        elseif not found.ptrace.ok then
            works, why = false, "needs ptrace"
        elseif name == "file" then
            why = sources.lacks(sources.get(name), found.host)
            if why then works = false else works, why = judge_file(found) end
        else
            works, why = found.copies[name].ok, found.copies[name].why
        end
        local smaller = found.smaller and found.smaller.copies[name]
        if works == false and smaller and smaller.ok and found.ptrace.ok then works = true end
        if works and name == "shared" and found.copies_folder.wrong then
            works, why = false, found.copies_folder.wrong
        end
        list[i] = { name = name, works = works, why = not works and why or nil, asked = asked[name] or false }
    end
    return list
end

local function is_ready(found, judged)
    local command = found.command or {}
    if command.wrong or (command.privilege and not command.may_trace) then return false end
    for _, source in ipairs(judged) do
        if source.works and source.asked then return true end
    end
    return false
end

--- What the facts mean.
-- @tparam table found what `check.gather` gives
-- @treturn table `lines`: list of `name`, `text`, `good` (true, false or nil), `todo`; `sources`: list of `name`,
-- `works` (true, false; nil: not known), `why`, `asked`: whether a start would try it; `ready`
function readiness.judge(found)
    local lines = {}
    for _, name in ipairs(order) do
        local said, good, todo = tell[name](found)
        if said then lines[#lines + 1] = { name = name, text = said, good = good, todo = todo } end
    end
    for _, line in ipairs(command_lines(found.command, found.programs)) do lines[#lines + 1] = line end
    lines[#lines + 1] = settings_line(found.settings)
    local judged = judge_sources(found)
    return { lines = lines, sources = judged, ready = is_ready(found, judged) }
end

return readiness
