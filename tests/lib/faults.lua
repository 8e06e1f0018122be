-- SPDX-License-Identifier: Apache-2.0
-- Strikes the system calls of tiexec, one in each run, and judges what becomes of the program: for
-- tests/program/faults_spec.lua, which strikes some, and tests/tools/faults, which strikes all.

local conversation = require "tests.lib.conversation"
local core = require "tiexec.core"
local support = require "tests.lib.support"

local faults = {}

local here <const> = support.shell("pwd").out:match("[^\n]+") .. "/"
local function absolute(path) return path:find("^/") and path or here .. path end

local tiexec <const> = absolute(support.tiexec)
local programs <const> = absolute(support.programs)
local AMPLE <const> = { programs .. "ample", "line" }
local FIXED <const> = { programs .. "ample_static", "line" }
local CONGRUENT <const> = { tiexec, "-s", "none", programs .. "ample", "line" }
local SEVERAL <const> = { "/bin/sh", "-c", '"$0" untold; [ $? = 3 ] || exit 137; exec "$0" line', programs .. "ample" }
local LOADING <const> = { programs .. "loader", "load", programs .. "loadable" }

--- What is done to a program, and how: `name`, `kind` for tests/faults, `options` of tiexec, `program`; `says`: what a
-- gdb says meanwhile; `empties`: the cache is emptied before each run.
faults.ways = {
    { name = "start plain", kind = "start", options = {}, program = AMPLE },
    { name = "start file", kind = "start", options = { "--follow=none", "--sources", "file" }, program = AMPLE },
    { name = "start shared", kind = "start", options = { "--follow=none", "--sources", "shared" }, program = AMPLE },
    { name = "start copying", kind = "start", options = { "--follow=none", "--sources", "shared" }, program = AMPLE,
        empties = true },
    { name = "start thp", kind = "start", options = { "--follow=none", "--sources", "thp" }, program = AMPLE },
    { name = "start hugetlb", kind = "start", options = { "--follow=none", "--sources", "hugetlb" }, program = AMPLE },
    { name = "launch plain", kind = "launch", options = {}, program = AMPLE },
    { name = "launch file", kind = "launch", options = { "--follow=none", "--sources", "file" }, program = AMPLE },
    { name = "follow all", kind = "follow", options = { "--follow=all" }, program = SEVERAL },
    { name = "follow auto", kind = "follow", options = { "--follow=auto:0" }, program = SEVERAL },
    { name = "follow dlopen", kind = "follow", options = { "--follow=dlopen" }, program = LOADING },
}
faults.ways[#faults.ways + 1] = { name = "serve", kind = "serve", options = { "--gdb", "-" }, program = FIXED,
    says = conversation.of(FIXED[1]) }
for _, kind in ipairs { "attach", "undo" } do
    for source, program in pairs { file = CONGRUENT, shared = CONGRUENT, thp = AMPLE, hugetlb = AMPLE } do
        faults.ways[#faults.ways + 1] = { name = kind .. " " .. source, kind = kind, program = program,
            options = { "--sources", source } }
    end
end
table.sort(faults.ways, function(a, b) return a.name < b.name end)

local POOL_PAGES <const> = 32 -- for two programs and what is copied for them

faults.kinds = { "EPERM", "ENOMEM", "EINTR", "ESRCH", "no-ptrace", "short", "SIGKILL", "SIGSTOP", "SIGKILL-program",
    "SIGSTOP-program" }

local LETHAL <const> = { SIGKILL = true, ["SIGKILL-program"] = true, ["no-ptrace"] = true }
local ERRORS <const> = { EPERM = true, ENOMEM = true, EINTR = true, ESRCH = true }
local KILLED <const> = { ptrace = true, wait4 = true, waitid = true, kill = true, tkill = true, tgkill = true,
    process_vm_readv = true, process_vm_writev = true }
local LOOKING <const> = { newfstatat = true, faccessat = true, faccessat2 = true }
local MAPPING <const> = { mmap = true, munmap = true }
local IS_SANITIZED <const> = os.getenv "TIEXEC_SANITIZED" ~= nil

-- Judges a fate: "promised", "excused" or "broken". Whoever is killed is gone; a program dies with a tracer that is
-- killed while the program stands still half-changed, and may be lost where ptrace fails for good. Memory that was
-- mapped aside may be left over if munmap itself fails. A file at which the launcher cannot look is not executable:
-- status 126, and a line. The C library gives up before main if it cannot protect its data, as CMD's does.
-- AddressSanitizer gives up, in lines of its own, when it cannot map memory.
local function judge(job, call, fate, why)
    local fault = job.fault
    if fate == "right" then return "promised" end
    if call == "mprotect" and why:find("cannot apply additional memory protection", 1, true) then return "excused" end
    if LOOKING[call] and why:find("^ end, status 126, 0 bytes of output: tiexec: ") then return "excused" end
    -- A child that the kernel says is gone is let go as such; the program then tells of its end.
    if job.way.kind == "follow" and fault == "ESRCH" and KILLED[call] and why:find("^ end, status") then
        return "excused"
    end
    if fate == "gone" and (LETHAL[fault] or fault == "ESRCH" and KILLED[call]) then return "promised" end
    local gives_up = fate == "gone" or why:find("^ talkative") or why:find("AddressSanitizer failed to %l*allocate")
        or why:find(": =====", 1, true)
    if IS_SANITIZED and (MAPPING[call] and gives_up or why:find("AddressSanitizer: CHECK", 1, true)) then
        return "excused"
    end
    return ERRORS[fault] and fate == "leftover" and call == "munmap" and "excused" or "broken"
end

-- The shell command of a job: way, fault, `first`, `step`, `last`; `label` begins its lines.
local function command_of(job, folder)
    local way, cache = job.way, ("%s/%s"):format(folder, job.label)
    local words = { "env", "TIEXEC_CACHE=" .. cache, "FAULTS_LABEL=" .. job.label,
        "FAULTS_LIMIT=" .. 20 * support.patience }
    if way.says then
        local path = folder .. "/said"
        support.write_file(path, way.says)
        words[#words + 1] = "FAULTS_INPUT=" .. path
    end
    if way.empties then words[#words + 1] = "FAULTS_EMPTY=" .. cache end
    words = support.concat(words, { programs .. "faults", way.kind, job.fault, tostring(job.first),
        tostring(job.step), tostring(job.last) })
    words = support.concat(words, { tiexec }, way.options, { "--" }, way.program)
    local quoted = support.quote { cache }
    return ("mkdir -m 700 %s; %s 2>&1; rm -rf %s"):format(quoted, support.quote(words), quoted)
end

-- A run mostly waits: for the tracer to be at rest, for what was stopped. So there are more of them than CPUs.
local AT_A_TIME <const> = 4 * (tonumber(support.shell("nproc").out) or 1)

--- Carries out jobs, some at a time, and calls `each(job, result)` for each run, where `result` has `n`, `call`, its
-- name or "none", `calls`, how many were counted, `fate`, `why`, the rest of the line, and `verdict`.
function faults.run(jobs, each)
    local folder <close>, by_label, commands = support.folder("/dev/shm"), {}, {}
    for i, job in ipairs(jobs) do
        job.label = "job" .. i
        by_label[job.label] = job
        commands[i] = command_of(job, folder.path)
    end
    support.write_file(folder.path .. "/commands", table.concat(commands, "\0"))
    local command = ("xargs -0 -P %d -n 1 sh -c <%s/commands 2>&1"):format(AT_A_TIME, folder.path)
    local pipe <close> = assert(io.popen(command))
    for line in pipe:lines() do
        local label, n, call, calls, fate, why = line:match("^(job%d+) (%d+) (%S+) (%d+) (%a+)(.*)$")
        assert(fate, line)
        local job = by_label[label]
        each(job, { n = tonumber(n), call = call, calls = tonumber(calls), fate = fate, why = why,
            verdict = judge(job, call, fate, why) })
    end
end

--- How many calls each way has when nothing is struck: name of the way → count.
function faults.count(ways)
    local jobs, counts = {}, {}
    for i, way in ipairs(ways) do jobs[i] = { way = way, fault = "EPERM", first = 0, step = 1, last = 0 } end
    faults.run(jobs, function(job, result)
        assert(result.fate == "right", ("%s: %s%s"):format(job.way.name, result.fate, result.why))
        counts[job.way.name] = result.calls
    end)
    return counts
end

--- How one run is repeated by hand.
function faults.repeat_by(job, n) return ("make faults FAULTS='%s %s %d'"):format(job.way.name, job.fault, n) end

--- Sets up the host for those ways that are `wanted`, a predicate, as far as that is allowed. Gives the ways that
-- can be tried, a list of names of the others, and a value to be closed.
function faults.prepare(wanted)
    local ways, others, settings, needs_pool = {}, {}, {}, false
    for _, way in ipairs(faults.ways) do
        if not wanted or wanted(way) then
            ways[#ways + 1] = way
            needs_pool = needs_pool or way.name:find("hugetlb", 1, true) ~= nil
        end
    end
    if core.host().thp ~= "madvise" then settings[1] = support.thp("madvise") end
    local pool = needs_pool and support.pool(POOL_PAGES)
    settings[#settings + 1] = pool or nil
    for i = #ways, 1, -1 do
        if ways[i].name:find("hugetlb", 1, true) and not pool then
            others[#others + 1] = table.remove(ways, i).name
        end
    end
    return ways, others, setmetatable({}, { __close = function()
        for i = #settings, 1, -1 do getmetatable(settings[i]).__close() end
    end })
end

return faults
