-- SPDX-License-Identifier: Apache-2.0
-- The scripts in scripts/examples, as somebody would run them; what they say is compared with what is seen from
-- outside.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local NAMES <const> = { "calls", "changes", "entry", "handover", "heap", "library", "limit", "opens", "patch",
    "sender" }
local example = support.programs .. "example"

local function words(name, ...)
    return { support.tiexec, "--script", "scripts/examples/" .. name .. ".lua", ... }
end

local function run(name, ...) return support.run(words(name, ...)) end

-- Starts a script; `text()` gives what it has said.
local function start(folder, name, ...)
    local out = folder.path .. "/out"
    local process = support.start(words(name, ...), ">" .. out .. " 2>&1")
    return process, function() return support.read_file(out) or "" end
end

local function symbol(name)
    local out = support.shell(("nm %s | grep ' %s$'"):format(example, name)).out
    return tonumber(out:match("^%x+"), 16)
end

-- Bytes of a running `example`, read from outside.
local function bytes_of(pid, name, size)
    for _, mapping in ipairs(support.smaps(pid)) do
        if mapping.path:find("/example$") then
            return support.memory_of(pid, mapping.start + symbol(name), size)
        end
    end
end

-- Starts `example forever`, and waits until it counts.
local function counting()
    local program = support.start { example, "forever" }
    assert(support.wait_for(function()
        local bytes = support.has_become(program.pid, "example") and bytes_of(program.pid, "counter", 4)
        return bytes and string.unpack("i4", bytes) > 41
    end))
    return program
end

describe("the scripts in scripts/examples", function()
    it("are ten, of 10 to 40 lines, and open with what they show", function()
        local list = {}
        for path in support.shell("ls scripts/examples/*.lua").out:gmatch("[^\n]+") do
            local text = support.read_file(path)
            local _, lines = text:gsub("\n", "")
            assert.is_true(lines >= 10 and lines <= 40, path)
            assert.truthy(text:find("\n%-%- %u[^\n]+:?\n.-%-%-   tiexec %-%-script %w+.lua "), path)
            list[#list + 1] = path:match("(%w+)%.lua$")
        end
        assert.same(NAMES, list)
    end)

    for _, name in ipairs(NAMES) do
        it("say in one line how they are used: " .. name, function()
            local result = run(name)
            assert.equal(2, result.code)
            assert.truthy(result.err:find("^usage: tiexec %-%-script " .. name .. "%.lua [^\n]+\n$"), result.err)
        end)
    end

    it("say in one line what cannot be had", function()
        for _, name in ipairs { "calls", "entry", "heap", "opens" } do
            local result = run(name, "/no/such/program")
            assert.equal(127, result.code)
            assert.equal(name .. ".lua: /no/such/program: No such file or directory\n", result.err)
        end
        for _, name in ipairs { "sender", "limit", "patch", "library" } do
            local result = run(name, "99999999", "nofile", "00", "1")
            assert.equal(1, result.code)
            assert.truthy(result.err:find("^" .. name .. "%.lua: 99999999: [^\n]+\n$"), result.err)
        end
    end)
end)

describe("opens.lua", function()
    it("says what strace says, of children too, and ends as the program does", function()
        local shell = "cat /etc/passwd /no/such/file >/dev/null 2>&1; cat /etc/hostname >/dev/null; exit 3"
        local command = { "sh", "-c", shell }
        local result = run("opens", table.unpack(command))
        assert.equal(3, result.code)
        local ours, theirs = {}, {}
        for path, outcome in result.err:gmatch("%d+ ([^\n]-) = (%w+)\n") do ours[#ours + 1] = path .. " " .. outcome end
        local strace = support.run(support.concat({ "strace", "-f", "-qq", "-e", "trace=open,openat" }, command)).err
        for path, outcome in strace:gmatch('open[at]*%([^"\n]*"([^"]*)"[^\n]-%) = ([^\n]+)') do
            theirs[#theirs + 1] = path .. " " .. (outcome:match("^%-1 (%u+)") or outcome:match("^%d+"))
        end
        assert.is_true(#ours > 6)
        assert.same(theirs, ours)
    end)
end)

describe("calls.lua", function()
    it("counts as strace does", function()
        local result = run("calls", example)
        assert.same({ 43, "hello\n" }, { result.code, result.out })
        local traced = "trace=openat,close,rt_sigaction,tgkill,wait4"
        local strace = support.run { "strace", "-qq", "-e", traced, example }
        for _, name in ipairs { "openat", "close", "rt_sigaction", "tgkill", "wait4" } do
            local _, count = strace.err:gsub("%f[%w]" .. name .. "%(", "")
            assert.equal(count, tonumber(result.err:match("(%d+) +%d+  " .. name .. "\n")), name)
        end
    end)
end)

describe("sender.lua", function()
    it("names who sends a signal, which the process gets, and ends with it", function()
        local folder <close> = support.folder()
        local program <close> = counting()
        local script <close>, text = start(folder, "sender", tostring(program.pid))
        assert(support.wait_for(function() return core.status(program.pid, "TracerPid") == script.pid end))
        local sh = support.run { "sh", "-c", "kill -USR1 " .. program.pid .. "; echo $$" }.out:match("%d+")
        assert(support.wait_for(function() return text():find("USR1") end))
        local told = ("^SIGUSR1 to thread %d: process %s %%([%%w ]+%%) of user %%d+\n$"):format(program.pid, sh)
        assert.truthy(text():find(told), text())
        assert.is_true(program:is_alive())
        os.execute("kill -TERM " .. program.pid)
        assert(support.wait_for(function() return not script:is_alive() end))
        assert.truthy(text():find("\nSIGTERM "))
        assert.is_false(program:is_alive())
    end)
end)

describe("limit.lua", function()
    local function limits(pid)
        return support.read_file(("/proc/%d/limits"):format(pid)):match("Max open files +(%w+) +(%w+)")
    end

    it("shows and changes a limit of a running process", function()
        local program <close> = counting()
        local soft, hard = limits(program.pid)
        local result = run("limit", tostring(program.pid), "nofile")
        assert.same({ 0, ("nofile was %s, at most %s\n"):format(soft, hard) }, { result.code, result.out })
        result = run("limit", tostring(program.pid), "nofile", "64", "128")
        assert.same({ 0, ("nofile was %s, at most %s\nnofile is 64, at most 128\n"):format(soft, hard) },
            { result.code, result.out })
        assert.same({ "64", "128" }, { limits(program.pid) })
        result = run("limit", tostring(program.pid), "nofile", "128", "64")
        assert.same({ 1, "limit.lua: prlimit64: Invalid argument\n" }, { result.code, result.err })
        assert.is_true(program:is_alive())
    end)
end)

describe("heap.lua", function()
    it("tells of each brk that moves the heap's end, and who asked", function()
        local command = { "perl", "-e", "@x = map { 'x' x 1000 } 1 .. 2000; exit 5" }
        local alike <const> = { "env", "PERL_HASH_SEED=0" } -- or its tables differ from run to run
        local result = support.run(support.concat(alike, words("heap", table.unpack(command))))
        assert.equal(5, result.code)
        local ours, sum, last = 0, 0, nil
        for kib in result.err:gmatch("([+-][%d.]+) KiB: [^\n]*sbrk") do ours, sum = ours + 1, sum + tonumber(kib) end
        local strace, first = support.run(support.concat(alike, { "strace", "-qq", "-e", "trace=brk" },
            command)).err, nil
        local theirs = -1 -- the first that asks where the end is is the dynamic linker's
        for asked, value in strace:gmatch("brk%((%w+)%) += (0x%x+)") do
            value = tonumber(value)
            if asked ~= "NULL" and value ~= last then theirs = theirs + 1 end
            first, last = first or value, value
        end
        assert.equal((last - first) / 1024, sum)
        assert.is_true(ours > 5 and theirs >= ours - 1)
    end)
end)

describe("patch.lua", function()
    it("patches data of a running process, and puts it back in time", function()
        local folder <close> = support.folder()
        local program <close> = counting()
        local script <close>, text = start(folder, "patch", tostring(program.pid), "greeting", "4849", "600")
        assert(support.wait_for(function() return text():find("patched 2 bytes") end))
        assert.equal("HIllo", bytes_of(program.pid, "greeting", 5))
        os.execute("kill -INT " .. script.pid)
        assert(support.wait_for(function() return not script:is_alive() end))
        assert.equal("tiexec: interrupted by SIGINT\n", text():match("\n(.*)$"))
        assert.equal("hello", bytes_of(program.pid, "greeting", 5))
        assert.is_true(program:is_alive())
    end)

    it("patches code: a function of a running process does nothing for a while", function()
        local folder <close> = support.folder()
        local program <close> = counting()
        local ret = core.host().arch == "x86-64" and "c3" or "c0035fd6"
        local before = bytes_of(program.pid, "count", 4)
        local script <close>, text = start(folder, "patch", tostring(program.pid), "count", ret, "1")
        assert(support.wait_for(function() return text():find("patched") end))
        local value = bytes_of(program.pid, "counter", 4)
        core.pause(100)
        assert.equal(value, bytes_of(program.pid, "counter", 4))
        assert(support.wait_for(function() return not script:is_alive() end))
        assert.equal(before, bytes_of(program.pid, "count", 4))
        assert(support.wait_for(function() return bytes_of(program.pid, "counter", 4) ~= value end))
    end)
end)

describe("changes.lua", function()
    it("shows the one variable that a function changes", function()
        local result = run("changes", "count", example)
        assert.equal(0, result.code, result.err)
        assert.truthy(result.out:find("^0x%x+ counter +0*28 %-> 0*2a\n$"), result.out)
    end)

    it("leaves out what the kernel writes: the number of the thread's CPU", function()
        local result = run("changes", "migrate", support.programs .. "migrating")
        assert.equal(0, result.code, result.err)
        assert.truthy(result.out:find("^0x%x+ moves +0* %-> 0*2\n$"), result.out)
    end)

    it("says which function it cannot show", function()
        local result = run("changes", "no_such_function", example)
        assert.same({ 1, "changes.lua: no_such_function: there is no symbol 'no_such_function'\n" },
            { result.code, result.err })
        result = run("changes", "scale", example)
        assert.same({ 1, "changes.lua: scale: it was not called\n" }, { result.code, result.err })
    end)
end)

describe("entry.lua", function()
    it("measures the time to the entry point and to main", function()
        local result = run("entry", example)
        assert.equal(0, result.code)
        local entry, main = result.out:match("^entry\t([%d.]+) ms %([%d.]+ to [%d.]+%)\nmain\t([%d.]+) ms")
        assert.is_true(tonumber(entry) > 0 and tonumber(main) > 0)
    end)
end)

describe("library.lua", function()
    it("puts the text of one library onto huge pages, and the program goes on", function()
        local mode <close> = support.thp("madvise")
        if not mode then return support.pending("not root, or no transparent huge pages") end
        local folder <close> = support.folder()
        os.execute("mkfifo " .. folder.path .. "/in")
        local input <close> = io.open(folder.path .. "/in", "r+")
        local out = folder.path .. "/out"
        local program <close> = support.start({ support.programs .. "ample", "line" },
            ("<%s/in >%s"):format(folder.path, out))
        assert(support.wait_for(function() return (support.read_file(out) or ""):find("ready") end))
        local before = support.huge_text(program.pid)
        local result = run("library", tostring(program.pid), "ample")
        assert.same({ 0, "" }, { result.code, result.err })
        local huge, all = result.out:match("^ample: (%d+) of (%d+) KiB are on huge pages\n$")
        assert.is_true(tonumber(all) > 0)
        assert.equal(huge, all)
        assert.is_true(support.huge_text(program.pid) >= math.max(before, tonumber(huge) * 1024))
        input:write("go on\n")
        input:flush()
        assert(support.wait_for(function() return not program:is_alive() end))
        local seen = support.read_file(out):match("result %x+ text %x+")
        assert.truthy(support.read_file(out):find("line 1, threads 0 0, " .. seen, 1, true))
    end)
end)

describe("handover.lua", function()
    it("hands over to gdb where a call fails, and goes on after it", function()
        local folder <close> = support.folder()
        local missing = folder.path .. "/missing"
        local script <close>, text = start(folder, "handover", "ENOTDIR", "cat", "/etc/passwd/x", missing)
        local place = assert(support.wait_for(function() return text():match("target remote ([%d.:]+)'\n") end))
        local gdb = support.run { "gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex",
            "target remote " .. place, "-ex", "info inferiors", "-ex", "detach" }
        assert.truthy(gdb.out:find("process %d+"), gdb.out)
        assert(support.wait_for(function() return not script:is_alive() end))
        assert.truthy(text():find("^openat: ENOTDIR; it waits for\n"))
        assert.truthy(text():find("missing"), "cat did not go on")
    end)
end)
