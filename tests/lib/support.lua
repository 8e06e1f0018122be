-- SPDX-License-Identifier: Apache-2.0
-- What most specs need: files and folders, running programs, looking at processes from outside, and settings of
-- the host that are put back.

local core = require "tiexec.core"

local support = {}

support.tiexec = os.getenv("TIEXEC_PROGRAM") or "build/tiexec"
-- The program that libraries can be preloaded into: the other one may be linked statically.
support.dynamic_tiexec = support.tiexec:gsub("[^/]*$", "dynamic/%0")
support.programs = (os.getenv("TIEXEC_BUILD") or "build") .. "/tests/" -- made from tests/programs
-- How many times longer than elsewhere things may take: for emulated CPUs.
support.patience = tonumber(os.getenv("TIEXEC_PATIENCE")) or 1

--- How many times to do what is done `n` times to meet a rare chance: fewer where things take long.
function support.rounds(n) return math.max(2, n // support.patience) end

--- All of a list of similar cases; where things take long every nth of them.
function support.some(list, n)
    local some = {}
    for i = 1, #list, support.patience > 1 and n or 1 do some[#some + 1] = list[i] end
    return some
end

--- busted's `pending` as modules need it to skip the test that is running. The global `pending` that a module sees is
-- another function: it declares a test, and does nothing within one.
function support.pending(why) return require "busted.core"().pending(why) end

--- Whether tiexec is built with sanitizers: these handle signals and take memory of their own.
support.sanitized = os.getenv("TIEXEC_SANITIZED") ~= nil

support.is_root = core.host().uid == 0

--- The lists one after the other, as a new one; nil counts as empty.
function support.concat(...)
    local all = {}
    for i = 1, select("#", ...) do
        local list = select(i, ...) or {}
        table.move(list, 1, #list, #all + 1, all)
    end
    return all
end

--- Quotes words for the shell.
function support.quote(words)
    local quoted = {}
    for i, word in ipairs(words) do quoted[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
    return table.concat(quoted, " ")
end

function support.read_file(path)
    local file = io.open(path, "rb")
    if not file then return nil end
    local text = file:read("a")
    file:close()
    return text
end

function support.write_file(path, text)
    local file <close> = assert(io.open(path, "wb"))
    assert(file:write(text))
end

--- A fresh folder of mode 700, removed when closed: `local folder <close> = support.folder()`; its `path`.
-- @string[opt] inside a folder; else where temporary files lie
function support.folder(inside)
    local pipe <close> = assert(io.popen("mktemp -d" .. (inside and " -p " .. inside or "")))
    local path = pipe:read("l")
    return setmetatable({ path = path }, { __close = function()
        os.execute("rm -rf " .. support.quote { path })
    end })
end

--- Runs a shell command to its end.
-- @treturn table `out`, `err`, `code` (exit status) or `signal`
function support.shell(command)
    local out, err = os.tmpname(), os.tmpname()
    local _, how, code = os.execute(("( %s\n) >%s 2>%s </dev/null"):format(command, out, err))
    if how == "exit" and code > 128 then how, code = "signal", code - 128 end -- as sh tells it
    local result = { out = support.read_file(out), err = support.read_file(err),
        [how == "exit" and "code" or "signal"] = code }
    os.remove(out)
    os.remove(err)
    return result
end

--- Runs a list of words to its end.
function support.run(words) return support.shell("exec " .. support.quote(words)) end

--- Runs tiexec with words appended to its name.
function support.run_tiexec(words) return support.run(support.concat({ support.tiexec }, words)) end

--- The words that start `words` under tiexec by some sources, "shared,thp", with a cache folder of its own.
function support.words_by(sources, cache, words, options, program)
    return support.concat({ "env", "TIEXEC_CACHE=" .. cache, program or support.tiexec, "--sources", sources },
        options, words)
end

-- Waits for 10 ms, without a process for that: what `check` waits for may need the CPU.
local epoll
local function pause()
    epoll = epoll or assert(core.syscall("epoll_create1", core.constants.O_CLOEXEC))
    core.syscall("epoll_pwait", epoll, 0, 1, 10, 0, 8)
end

local WAIT_S <const> = 30 -- a host may be busy; what goes well does not take a tenth of it

--- Waits until `check` gives something true, and returns it; nil after `seconds`.
function support.wait_for(check, seconds)
    local deadline = core.now() + (seconds or WAIT_S) * support.patience
    repeat
        local result = check()
        if result then return result end
        pause()
    until core.now() > deadline
end

local Process = {}
Process.__index = Process

--- Ends the process with SIGKILL and collects it, unless `stop` has done so.
function Process:__close()
    if io.type(self.pipe) ~= "file" then return end
    os.execute("kill -KILL " .. self.pid .. " 2>/dev/null")
    self.pipe:close()
end

--- Sends the process a signal by name, waits for its end, and gives its exit status or the number of the signal.
function Process:stop(signal)
    os.execute(("kill -%s %d 2>/dev/null"):format(signal or "TERM", self.pid))
    local _, _, code = self.pipe:close()
    return code
end

--- Whether the process is there and not a zombie.
function Process:is_alive()
    local state = (support.read_file("/proc/" .. self.pid .. "/stat") or ""):match("%) (%a)")
    return state ~= nil and state ~= "Z" and state ~= "X"
end

--- Starts a list of words and leaves it running; its standard output is the shell's `redirect`.
-- The words are exec'd, so `pid` is theirs. To be closed.
function support.start(words, redirect)
    local pipe = assert(io.popen(("echo $$; exec %s %s"):format(support.quote(words), redirect or ">/dev/null 2>&1")))
    return setmetatable({ pid = math.tointeger(pipe:read("l")), pipe = pipe }, Process)
end

--- Whether a process has become a program, and nobody traces it.
-- @int pid
-- @string file of the program, its whole real path or its last part alone
function support.has_become(pid, file)
    local exe = core.readlink(("/proc/%d/exe"):format(pid)) or ""
    if not file:find("/", 1, true) then exe = exe:match("[^/]*$") end
    return exe == file and core.status(pid, "TracerPid") == 0
end

--- Starts a process that has the id of one that has ended. nil and why: that cannot be had here.
function support.start_as(pid)
    local LAST <const> = "/proc/sys/kernel/ns_last_pid"
    if not support.is_root or not support.read_file(LAST) then return nil, "needs root" end
    for _ = 1, 100 do
        support.write_file(LAST, tostring(pid - 1))
        local process = support.start { "sleep", "60" }
        if process.pid == pid then return process end
        getmetatable(process).__close(process)
    end
    return nil, "the id was not given again"
end

--- Starts a program under tiexec and waits until the tracer has left it. The program must not be sh.
function support.start_tiexec(words, redirect)
    local process = support.start(support.concat({ support.tiexec }, words), redirect)
    local shell = core.readlink("/bin/sh")
    support.wait_for(function()
        local exe = (core.readlink("/proc/" .. process.pid .. "/exe") or ""):match("[^/]*$")
        return exe ~= shell and exe ~= "tiexec" and core.status(process.pid, "TracerPid") == 0
            or not process:is_alive()
    end)
    return process
end

--- What /proc/PID/smaps says, read without tiexec's own code: a list of mappings with `start`, `stop`, `perms`,
-- `path`, the fields by the kernel's names in bytes, and `VmFlags`, a string.
function support.smaps(pid)
    local list = {}
    for line in (support.read_file("/proc/" .. pid .. "/smaps") or ""):gmatch("[^\n]+") do
        local start, stop, perms, path = line:match("^(%x+)-(%x+) (%S+) %S+ %S+ %S+%s*(.*)$")
        if start and #start < 16 then
            list[#list + 1] = { start = tonumber(start, 16), stop = tonumber(stop, 16), perms = perms, path = path }
        elseif not start and #list > 0 then
            local name, kib = line:match("^([%w_]+):%s+(%d+) kB")
            if name then list[#list][name] = tonumber(kib) * 1024 end
            local flags = line:match("^VmFlags:(.*)")
            if flags then list[#list].VmFlags = flags end
        end
    end
    return list
end

--- Bytes of a process's memory, read without tiexec's own code.
function support.memory_of(pid, address, size)
    local file <close> = assert(io.open(("/proc/%d/mem"):format(pid), "rb"))
    file:setvbuf("no")
    file:seek("set", address)
    return file:read(size)
end

--- The fields of smaps that tell of huge pages.
support.huge_fields = { "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Private_Hugetlb", "Shared_Hugetlb" }

--- Bytes of a smaps entry on huge pages, and the name of the field that says so.
function support.huge_bytes(mapping)
    local sum, by = 0, nil
    for _, field in ipairs(support.huge_fields) do
        sum = sum + (mapping[field] or 0)
        if (mapping[field] or 0) > 0 then by = field end
    end
    return sum, by
end

--- Bytes of all executable memory of a process that is on huge pages, and the name of the field that says so.
function support.huge_text(pid)
    local sum, by = 0, nil
    for _, mapping in ipairs(support.smaps(pid)) do
        if mapping.perms:find("x") then
            local bytes, field = support.huge_bytes(mapping)
            sum, by = sum + bytes, field or by
        end
    end
    return sum, by
end

--- The largest text of an inferior that is a file's: a mapping, or nil.
function support.largest_text(inferior)
    local text
    for _, m in ipairs(inferior:mappings()) do
        local size = m.stop - m.start
        if m.perms == "r-xp" and m.inode ~= 0 and size > (text and text.stop - text.start or 0) then text = m end
    end
    return text
end

--- Whether the kernel happened to place a program where pages of its file that are cached in huge ones are huge
-- at once.
function support.is_congruent(pid)
    local path = core.readlink(("/proc/%d/exe"):format(pid))
    for _, m in ipairs(core.mappings(pid) or {}) do
        if m.path == path then return m.start - m.offset & core.huge_page_size() - 1 == 0 end
    end
end

-- Sets a kernel switch; what it was before is set again when closed.
local function setting(path, before, value)
    support.write_file(path, value)
    return setmetatable({}, { __close = function() support.write_file(path, before) end })
end

--- Reserves a hugetlb pool of exactly `pages`, of `size` bytes each (the PMD's); given back when closed. nil when the
-- host cannot.
function support.pool(pages, size)
    local path = ("/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages"):format((size or core.huge_page_size()) >> 10)
    local before = support.read_file(path)
    if not (before and support.is_root) then return nil end
    os.execute("echo 1 > /proc/sys/vm/compact_memory 2>/dev/null")
    local pool = setting(path, before, tostring(pages))
    if tonumber(support.read_file(path)) == pages then return pool end
    getmetatable(pool).__close()
end

--- Sets transparent huge pages, all or those of `size` bytes, to "always", "madvise" or "never" until closed. nil: not
-- allowed to, or there are none.
function support.thp(mode, size)
    local own = size and ("hugepages-%dkB/"):format(size >> 10) or ""
    local path = ("/sys/kernel/mm/transparent_hugepage/%senabled"):format(own)
    local before = (support.read_file(path) or ""):match("%[(%w+)%]")
    if not (before and support.is_root) then return nil end
    return setting(path, before, mode)
end

--- Sets shmem_enabled until closed. nil: not allowed to.
function support.shmem_thp(mode)
    local path <const> = "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
    local before = (support.read_file(path) or ""):match("%[(%w+)%]")
    if not (before and support.is_root) then return nil end
    return setting(path, before, mode)
end

--- Sets core_pattern, where the kernel writes cores to, until closed. nil: not allowed to.
function support.core_pattern(value)
    local path <const> = "/proc/sys/kernel/core_pattern"
    return support.is_root and setting(path, support.read_file(path), value) or nil
end

--- Sets randomize_va_space until closed. nil: not allowed to.
function support.randomization(value)
    local path <const> = "/proc/sys/kernel/randomize_va_space"
    return support.is_root and setting(path, support.read_file(path), tostring(value)) or nil
end

local marks = 0

--- The processes that have NAME=VALUE in their environment, as a list of ids. Others on this host, be they
-- tiexec's, are not looked at.
function support.processes_with(name, value)
    local wanted = support.quote { name .. "=" .. value }
    local found = support.shell(("grep -lzxF -- %s /proc/[0-9]*/environ 2>/dev/null"):format(wanted)).out
    local list = {}
    for pid in found:gmatch("/proc/(%d+)/environ\n") do list[#list + 1] = math.tointeger(pid) end
    return list
end

--- A value for a variable of the environment that no other process has: it marks a test's own processes.
function support.mark()
    marks = marks + 1
    return ("%d-%d-%d"):format(core.getpid(), marks, math.random(1 << 30))
end

return support
