-- SPDX-License-Identifier: Apache-2.0
--- Judges whether a host is ready: what its facts mean, which sources work, and what would change
-- that. The functions are pure: facts in, a judgement out.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local later = require "tiexec.check.later"
local sources = require "tiexec.sources"
local text = require "tiexec.base.text"
local worth = require "tiexec.check.worth"

local c = core.constants
local readiness = {}

-- ---- facts, one by one --------------------------------------------------------------------------

local POOL_PAGES <const> = 64 -- advised where the size of the text is not known

-- Gives the command that makes a hugetlb pool of so many pages. `host` is a Host or SmallerPages.
local function pool_command(host, pages)
    return ("echo %d > /sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages"):format(pages,
        host.huge_page_size >> 10)
end

-- Makes a function that makes a FactLine without its name, of the values for the words of a code.
local function fact(code, good, todo)
    return function(...)
        return { code = code, text = codes.facts[code]:format(...), good = good, todo = todo }
    end
end

-- Functions by the names of the facts. Each is given Facts, and gives a FactLine without its name,
-- or nil if there is no such line.
local tell = {}

function tell.kernel(found) return fact("kernel")(found.host.kernel, found.host.arch) end

tell["huge page"] = function(found)
    local size = found.host.huge_page_size
    if size == 0 then return fact("huge-page-none", false)() end
    if size > 32 << 20 and size == found.host.pmd_size then
        local todo = "a kernel with smaller base pages has smaller huge pages"
        return fact("huge-page-large", false, todo)(text.size(size))
    end
    return fact("huge-page", true)(text.size(size), text.size(found.host.page_size))
end

-- These are for programs whose text is not worth a PMD-sized page.
tell["smaller pages"] = function(found)
    local smaller = found.smaller
    if not smaller then return nil end
    local usable = hosts.free_pages(smaller.pool)
    local line = fact("smaller-pages", true)
    if usable == 0 and smaller.thp == "" then
        line = fact("smaller-pages-off", nil, pool_command(smaller, POOL_PAGES))
    elseif usable == 0 and smaller.thp == "never" then
        line = fact("smaller-pages-off", nil, "echo madvise > " .. smaller.thp_switch)
    end
    return line(text.size(smaller.huge_page_size), smaller.thp == "" and "none" or smaller.thp,
        usable, smaller.pool.total)
end

tell["THP"] = function(found)
    local mode, size = found.host.thp, found.host.huge_page_size
    if mode == "" and size ~= found.host.pmd_size then
        return fact("thp-other-size", false)(text.size(size))
    end
    if mode == "" then return fact("thp-none", false)() end
    if mode == "never" then
        return fact("thp-off", false, "echo madvise > " .. found.thp_switch)(mode)
    end
    return fact("thp", true)(mode)
end

tell["THP of tmpfs"] = function(found)
    local mode = found.host.shmem_thp
    local path = "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
    if mode == "" then return fact("tmpfs-none", false)() end
    if mode == "deny" then return fact("tmpfs-off", false, "echo never > " .. path)(mode) end
    if mode ~= "never" then return fact("tmpfs", true)(mode) end
    if hosts.is_at_least(found.host, 6, 1) then return fact("tmpfs-collapse", true)() end
    return fact("tmpfs-off", false, "echo advise > " .. path)(mode)
end

-- Gives how many pages the program's text takes if it is rounded outward.
local function pages_wanted(found)
    local bytes, size = (found.command or {}).text or 0, found.host.huge_page_size
    return bytes > 0 and bytes // size + 2 or POOL_PAGES
end

tell["hugetlb pool"] = function(found)
    local pool, words, pools = found.host.pool, {}, found.host.hugetlb
    if pools and not pools[found.host.huge_page_size] then
        return fact("pool-none", false)(text.size(found.host.huge_page_size))
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
    if usable > 0 then return fact("pool", true)(said) end
    return fact("pool-empty", false, pool_command(found.host, pages_wanted(found)))(said)
end

function tell.ptrace(found)
    if found.ptrace.ok then return fact("ptrace", true)() end
    local todo = "a container or security module forbids it? (docker run --cap-add=SYS_PTRACE)"
    if found.host.yama >= 2 then todo = nil end -- the line of Yama has what to do
    return fact("ptrace-refused", false, todo)(found.ptrace.why)
end

local function has_capability(found, bit) return found.host.capabilities >> bit & 1 == 1 end

tell["Yama"] = function(found)
    local scope = found.host.yama
    local words = { [-1] = "none", [0] = "0", [1] = "1, a program names its tracer",
        [2] = "2, tracers need CAP_SYS_PTRACE", [3] = "3, nobody traces" }
    local said = words[scope] or tostring(scope)
    if scope == 3 then return fact("yama-refuses", false, "reboot: it cannot be lowered")(said) end
    if scope == 2 and not has_capability(found, c.CAP_SYS_PTRACE) then
        return fact("yama-refuses", false, "sysctl kernel.yama.ptrace_scope=1")(said)
    end
    return fact("yama", true)(said)
end

function tell.container(found) return fact("container")(found.container or "none seen") end

tell["pid namespace"] = function(found)
    local said = found.pid_namespace and "its own"
        or found.pid_namespace == false and "the host's" or "not known"
    if found.is_first then said = said .. "; as process 1 tiexec stays, as an init" end
    return fact("pid-namespace")(said)
end

tell["memory limit"] = function(found)
    if not found.memory then return fact("memory-limit-none")() end
    local left = found.memory.left
    return fact("memory-limit")(text.size(found.memory.bytes)
        .. (left and (" (%s left)"):format(text.size(left)) or ""))
end

tell["hugetlb limit"] = function(found)
    local limit = found.hugetlb
    if not limit then return fact("hugetlb-limit-none")() end
    local size = text.size(limit.bytes)
    if limit.bytes >= found.host.huge_page_size then return fact("hugetlb-limit")(size) end
    return fact("hugetlb-limit-low", false, ("echo max > %s"):format(limit.file))(size)
end

tell["hardware counters"] = function(found)
    local counter = found.counter
    if counter.ok then return fact("counters")() end
    if counter.errno == c.EACCES or counter.errno == c.EPERM then
        return fact("counters-refused", false, "sysctl kernel.perf_event_paranoid=2")()
    end
    return fact("counters-none")()
end

local order <const> = { "kernel", "huge page", "smaller pages", "THP", "THP of tmpfs",
    "hugetlb pool", "ptrace", "Yama", "container", "pid namespace", "memory limit", "hugetlb limit",
    "hardware counters" }

local function named(name, line)
    line.name = name
    return line
end

-- Tells what a start would go by. A strategy that is not there, or a wrong profile, shows here.
local function settings_line(settings)
    if settings.wrong then
        return named("settings", fact("settings-wrong", false)(settings.wrong))
    end
    local by = settings.profile and ", by " .. settings.profile or ""
    return named("settings", fact("settings")(settings.strategy,
        table.concat(settings.sources, ","), by))
end

-- ---- the program --------------------------------------------------------------------------------

-- Says whether a filesystem's page cache has huge pages: in words, and as a boolean; nil: not
-- known.
local function filesystem_text(filesystem)
    if not filesystem then return codes.words("filesystem-unknown"), nil end
    if filesystem.joins_text then return codes.words("text-joined", filesystem.type), true end
    if filesystem.large_folios then return filesystem.type .. ", which has large folios", true end
    if filesystem.large_folios == false then return filesystem.why, false end
    return codes.words("filesystem-small", filesystem.type), nil
end

local filesystem_codes <const> = { [true] = "filesystem", [false] = "filesystem-small" }

local function filesystem_line(name, said, good)
    return named(name, fact(filesystem_codes[good] or "filesystem-unknown", good)(said))
end

local function loses_rights(command) return command.privilege and not command.may_trace end

-- Gives the line that says that hardly anything is to be gained, or nil.
local function worth_line(command, found)
    local function line_of(code, good, ...)
        return code and named("worth it", fact(code, good)(...))
    end
    return line_of(worth.judge(command, found))
end

-- Gives the lines of the program; or, where none was asked about, that of the folder with programs.
local function command_lines(found)
    local command, programs = found.command, found.programs
    if not command then
        local said, good = filesystem_text(programs.filesystem)
        return { filesystem_line("filesystem", ("%s: %s"):format(programs.path, said), good) }
    end
    if command.wrong then
        return { named("program", fact("program-wrong", false)(command.wrong)) }
    end
    local said, good = filesystem_text(command.filesystem)
    if command.cached then
        said = said .. (good and ";" or ", but") .. " its pages are huge in the page cache"
        good = true
    end
    local lines = {
        named("program", fact("program")(command.path, text.size(command.text))),
        filesystem_line("its filesystem", said, good),
    }
    if command.later and #command.later > 0 then
        lines[3] = named("loads later", fact("loads-later")(later.text(command.later)))
    end
    lines[#lines + 1] = worth_line(command, found)
    if loses_rights(command) then
        local line = fact("rights-lost", false, "start it as root")(command.privilege)
        table.insert(lines, 2, named("its rights", line))
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
    if at.wrong then return nil, codes.words("program-unknown") end
    return good, said
end

-- Tells whether a source has pages of the size in question. Gives what `judge_file` gives.
local function judge_in_size(found, name)
    if found.host.huge_page_size == 0 then return false, codes.words("no-huge-pages") end
    if not found.ptrace.ok then return false, codes.words("needs-ptrace") end
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
        local line = tell[name](found)
        if line then lines[#lines + 1] = named(name, line) end
    end
    local about = command_lines(found)
    table.move(about, 1, #about, #lines + 1, lines)
    lines[#lines + 1] = settings_line(found.settings)
    local judged = judge_sources(found)
    return { lines = lines, sources = judged, ready = is_ready(found, judged) }
end

return readiness
