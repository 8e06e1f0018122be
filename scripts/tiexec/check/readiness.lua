-- SPDX-License-Identifier: Apache-2.0
--- Judges whether a host is ready: what its facts mean, which sources work, and what would change
-- that. The functions are pure: facts in, a judgement out.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local sources = require "tiexec.sources"
local text = require "tiexec.base.text"

local c = core.constants
local readiness = {}

-- ---- facts, one by one --------------------------------------------------------------------------

local POOL_PAGES <const> = 64 -- advised where the size of the text is not known

-- Gives the command that makes a hugetlb pool of so many pages. `host` is a Host or SmallerPages.
local function pool_command(host, pages)
    return ("echo %d > /sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages"):format(pages,
        host.huge_page_size >> 10)
end

-- Functions by the names of the facts. Each is given Facts, and gives what a FactLine has: its
-- text, or nil if there is no such line; `good`; and `todo`.
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

-- These are for programs whose text is not worth a PMD-sized page.
tell["smaller pages"] = function(found)
    local smaller = found.smaller
    if not smaller then return nil end
    local usable = hosts.free_pages(smaller.pool)
    local said = ("%s: THP %s, %d of %d free in the hugetlb pool"):format(
        text.size(smaller.huge_page_size), smaller.thp == "" and "none" or smaller.thp, usable,
        smaller.pool.total)
    if usable > 0 or smaller.thp ~= "" and smaller.thp ~= "never" then return said, true end
    if smaller.thp == "" then return said, nil, pool_command(smaller, POOL_PAGES) end
    return said, nil, "echo madvise > " .. smaller.thp_switch
end

tell["THP"] = function(found)
    local mode, size = found.host.thp, found.host.huge_page_size
    if mode == "" and size ~= found.host.pmd_size then
        return "none of " .. text.size(size), false
    end
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

-- Gives how many pages the program's text takes if it is rounded outward.
local function pages_wanted(found)
    local bytes, size = (found.command or {}).text or 0, found.host.huge_page_size
    return bytes > 0 and bytes // size + 2 or POOL_PAGES
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
    local said = #words > 0 and table.concat(words, "; ")
        or ("%d of %d free"):format(pool.free, pool.total)
    if pool.overcommit > 0 then
        said = said .. ("; up to %d more on demand"):format(pool.overcommit)
    end
    if usable > 0 then said = said .. "; text there cannot be patched page by page" end
    if pool.reserved > 0 then said = said .. ("; %d promised"):format(pool.reserved) end
    if usable > 0 then return said, true end
    return said, false, pool_command(found.host, pages_wanted(found))
end

function tell.ptrace(found)
    if found.ptrace.ok then return "works", true end
    local todo = "a container or security module forbids it? (docker run --cap-add=SYS_PTRACE)"
    if found.host.yama >= 2 then todo = nil end -- the line of Yama has what to do
    return found.ptrace.why, false, todo
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
    local said = found.pid_namespace and "its own"
        or found.pid_namespace == false and "the host's" or "not known"
    return found.is_first and said .. "; as process 1 tiexec stays, as an init" or said
end

tell["memory limit"] = function(found)
    if not found.memory then return "no limit" end
    local left = found.memory.left
    return ("%s%s: private copies count"):format(text.size(found.memory.bytes),
        left and (" (%s left)"):format(text.size(left)) or "")
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

local order <const> = { "kernel", "huge page", "smaller pages", "THP", "THP of tmpfs",
    "hugetlb pool", "ptrace", "Yama", "container", "pid namespace", "memory limit", "hugetlb limit",
    "hardware counters" }

-- Tells what a start would go by. A strategy that is not there, or a wrong profile, shows here.
local function settings_line(settings)
    if settings.wrong then return { name = "settings", text = settings.wrong, good = false } end
    local said = ("strategy %s, sources %s"):format(settings.strategy,
        table.concat(settings.sources, ","))
    if settings.profile then said = ("%s, by %s"):format(said, settings.profile) end
    return { name = "settings", text = said }
end

-- ---- the program --------------------------------------------------------------------------------

-- Says whether a filesystem's page cache has huge pages: in words, and as a boolean; nil: not
-- known.
local function filesystem_text(filesystem)
    if not filesystem then return "not found", nil end
    if filesystem.large_folios then return filesystem.type .. ", which has large folios", true end
    if filesystem.large_folios == false then return filesystem.why, false end
    return filesystem.type .. "; whether it has large folios is not known", nil
end

local function loses_rights(command) return command.privilege and not command.may_trace end

-- Gives the lines of the program; or, where none was asked about, that of the folder with programs.
local function command_lines(command, programs)
    if not command then
        local said, good = filesystem_text(programs.filesystem)
        local line = ("%s: %s"):format(programs.path, said)
        return { { name = "filesystem", text = line, good = good } }
    end
    if command.wrong then return { { name = "program", text = command.wrong, good = false } } end
    local said, good = filesystem_text(command.filesystem)
    if command.cached then
        said = said .. (good and ";" or ", but") .. " its pages are huge in the page cache"
        good = true
    end
    local about = ("%s, %s of text"):format(command.path, text.size(command.text))
    local lines = {
        { name = "program", text = about },
        { name = "its filesystem", text = said, good = good },
    }
    if loses_rights(command) then
        table.insert(lines, 2, { name = "its rights", good = false, todo = "start it as root",
            text = ("%s: it would lose its rights under a tracer"):format(command.privilege) })
    end
    return lines
end

-- ---- sources ------------------------------------------------------------------------------------

-- Tells whether the source `file` works for the program, or for programs as such. Gives true; false
-- and why not; or nil and why it is not known.
local function judge_file(found)
    local at = found.command or found.programs
    local said, good = filesystem_text(at.filesystem)
    if at.cached then return true end
    if at.wrong then return nil, "it is not known which program" end
    return good, said
end

-- Tells whether a source has pages of the size in question. Gives what `judge_file` gives.
local function judge_in_size(found, name)
    if found.host.huge_page_size == 0 then return false, "this kernel has no huge pages" end
    if not found.ptrace.ok then return false, "needs ptrace" end
    if name ~= "file" then return found.copies[name].ok, found.copies[name].why end
    local lack = sources.lacks(sources.get(name), found.host)
    if lack then return false, lack end
    return judge_file(found)
end

-- Tells whether a source works, with smaller pages at least. Gives what `judge_file` gives.
local function judge_source(found, name)
    local works, why = judge_in_size(found, name)
    local smaller = found.smaller and found.smaller.copies[name]
    if works == false and smaller and smaller.ok and found.ptrace.ok then works = true end
    if works and name == "shared" and found.copies_folder.wrong then
        return false, found.copies_folder.wrong
    end
    return works, not works and why or nil
end

-- Gives the names of all sources, those that the settings ask for first; and these as keys.
local function sources_in_order(settings)
    local names, asked = {}, {}
    for _, name in ipairs(settings.sources or {}) do
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
        local works, why = judge_source(found, name)
        list[i] = { name = name, works = works, why = why, asked = asked[name] or false }
    end
    return list
end

-- Whether a start would have huge pages. `judged` is a list of SourceVerdict.
local function is_ready(found, judged)
    local command = found.command or {}
    if command.wrong or loses_rights(command) then return false end
    for _, source in ipairs(judged) do
        if source.works and source.asked then return true end
    end
    return false
end

--- Tells what facts mean.
-- @tparam Facts found
-- @treturn Judgement
function readiness.judge(found)
    local lines = {}
    for _, name in ipairs(order) do
        local said, good, todo = tell[name](found)
        if said then lines[#lines + 1] = { name = name, text = said, good = good, todo = todo } end
    end
    local about = command_lines(found.command, found.programs)
    table.move(about, 1, #about, #lines + 1, lines)
    lines[#lines + 1] = settings_line(found.settings)
    local judged = judge_sources(found)
    return { lines = lines, sources = judged, ready = is_ready(found, judged) }
end

return readiness
