-- SPDX-License-Identifier: Apache-2.0
-- --inspect agrees with smaps, whatever the process is, and says in one line why it cannot look.

local core = require "tiexec.core"
local cpu = require "tests.lib.cpu"
local failure = require "tests.lib.failure"
local inspected = require "tests.lib.inspected"
local support = require "tests.lib.support"

local decode <const>, inspect <const>, start <const> = inspected.decode, inspected.inspect, inspected.start
local ample = support.programs .. "ample"
local shareable = support.programs .. "shareable"
local HUGE <const> = core.host().huge_page_size
local letters <const> = { file = "F", shared = "S", thp = "T", hugetlb = "H" }

-- What smaps says of each executable mapping, as JSON has it.
local function expected(pid)
    local list = {}
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x") and m.path ~= "[vsyscall]" then
            local huge = support.huge_bytes(m)
            list[#list + 1] = ("%#x-%#x %s %d of %d"):format(m.start, m.stop, m.perms, huge, m.stop - m.start)
        end
    end
    return list
end

local function told(found)
    local list = {}
    for i, m in ipairs(found.mappings) do
        list[i] = ("%s-%s %s %d of %d"):format(m.start, m.stop, m.perms, m.huge_bytes, m.bytes)
    end
    return list
end

-- Asserts that the pages of each mapping cover it, that totals are sums, and that what is not huge has a reason.
local function assert_consistent(found)
    local bytes, huge, small = 0, 0, 0
    for _, m in ipairs(found.mappings) do
        local sum = 0
        local is_of_file = m.object ~= "" and not m.mapped:find("^%[v")
        for _, page in ipairs(m.pages) do
            sum = sum + page.size * page.count
            if is_of_file and page.from == "small" then small = small + page.count end
            if is_of_file and page.from ~= "small" then huge = huge + page.count end
        end
        assert.is_true(sum >= m.bytes and sum <= m.bytes + 2 * HUGE)
        assert.equal(m.huge_bytes < m.bytes, #m.why > 0)
        bytes = bytes + (is_of_file and m.bytes or 0)
    end
    assert.same({ bytes, huge, small }, { found.totals.bytes, found.totals.huge_pages, found.totals.small_pages })
end

-- The text of one object: bytes that are huge, by source.
local function huge_of(found, name)
    local sum, from = 0, nil
    for _, m in ipairs(found.mappings) do
        if m.object:match("[^/]*$") == name and m.huge_bytes > 0 then sum, from = sum + m.huge_bytes, m.from end
    end
    return sum, from
end

local function count_letters(found, letter)
    local count = 0
    for _, picture in ipairs(found.pictures) do count = count + select(2, picture.slots:gsub(letter, "")) end
    return count
end

describe("--inspect of a process that tiexec started:", function()
    for source, arrange in pairs {
        thp = function() return support.thp("madvise") end,
        hugetlb = function() return support.pool(8) end,
        shared = failure.as_it_is,
    } do
        it(source .. ", as smaps says", function()
            local host <close> = arrange()
            if not host then return pending("the host cannot be arranged for it: not root, or no memory") end
            local program = source == "shared" and shareable or ample
            local process <close> = start(program, { "--sources", source, "--strict" })
            local found = inspect(process.pid)
            assert.same(expected(process.pid), told(found))
            assert_consistent(found)
            local bytes, from = huge_of(found, program:match("[^/]*$"))
            assert.is_true(bytes >= 2 * HUGE)
            assert.equal(source, from)
            assert.equal(found.totals.huge_pages, count_letters(found, letters[source]))
        end)
    end
end)

describe("--inspect of a process that tiexec has started, and whose text is small:", function()
    it("is not told to start it with tiexec, but to attach", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local folder <close> = support.folder("/dev/shm") -- whose files are cached on small pages
        support.run { "cp", ample, folder.path .. "/ample" }
        for _, options in ipairs { { "--sources", "thp", "-s", "conservative" }, { "-s", "none" } } do
            local process <close> = start(folder.path .. "/ample", options) -- with none it is only moved
            local found, attached = inspect(process.pid, "--sources", "thp"), 0
            for _, m in ipairs(found.mappings) do
                assert.is_nil(m.advice and m.advice:find("start it with tiexec", 1, true))
                if m.advice then
                    assert.matches(("^tiexec %%-%%-attach %d: %%d+ × "):format(process.pid), m.advice)
                    assert.equal("attach", m.action)
                    attached = attached + 1
                end
            end
            if options[2] == "none" then
                assert.is_true(attached > 0)
                assert.equal(0, support.run_tiexec({ "--sources", "thp", "--attach", tostring(process.pid) }).code)
                assert.is_true(support.huge_text(process.pid) > 0)
            end
        end
    end)
end)

describe("--inspect of a process without tiexec:", function()
    it("as smaps says, with a reason for each text and what to do", function()
        local process <close> = start(ample)
        local found = inspect(process.pid)
        assert.same(expected(process.pid), told(found))
        assert_consistent(found)
        local small = 0
        for _, m in ipairs(found.mappings) do
            if m.bytes > HUGE and m.huge_bytes == 0 then
                assert.truthy(m.advice and m.advice:find("start it with tiexec", 1, true), m.object)
                small = small + 1
            end
        end
        assert.is_true(small > 0)
        assert.equal(process.pid, found.pid)
        assert.equal(core.readlink(("/proc/%d/exe"):format(process.pid)), found.executable)
    end)

    it("one at fixed addresses is told to attach, which it need not be started anew for", function()
        local folder <close> = support.folder() -- the pages of a copy were never huge
        os.execute(("cp %smoved-fixed %s/"):format(support.programs, folder.path))
        local process <close> = support.start { folder.path .. "/moved-fixed", "wait" }
        assert(support.wait_for(function()
            return (support.read_file(("/proc/%d/stat"):format(process.pid)) or ""):find("^%d+ %(moved%-fixed%) S ")
        end))
        local advised = 0
        for _, m in ipairs(inspect(process.pid).mappings) do
            if m.advice then
                assert.matches(("^tiexec %%-%%-attach %d: "):format(process.pid), m.advice)
                assert.equal("attach", m.action)
                advised = advised + 1
            end
        end
        assert.is_true(advised > 0)
    end)

    it("a start would move it: so these sources can serve", function()
        local process <close> = start(ample)
        for _, source in ipairs { "file", "shared" } do
            local text = 0
            for _, m in ipairs(inspect(process.pid, "--sources", source).mappings) do
                if m.bytes > HUGE and m.object:find("/ample$") then
                    assert.truthy(m.advice and m.advice:find(" by " .. source, 1, true), m.why[1])
                    text = text + 1
                end
            end
            assert.equal(1, text)
        end
    end)

    it("it is left alone: not stopped, not traced, the same mappings", function()
        local process <close> = start(ample)
        local before = support.read_file(("/proc/%d/maps"):format(process.pid))
        inspect(process.pid)
        assert.equal(before, support.read_file(("/proc/%d/maps"):format(process.pid)))
        assert.equal(0, core.status(process.pid, "TracerPid"))
        assert.truthy(support.read_file(("/proc/%d/stat"):format(process.pid)):match("%) S "))
    end)

    it("one that has disabled huge pages says so", function()
        local process <close> = support.start { support.programs .. "as", "no-huge-pages", "--", ample, "wait" }
        assert.is_truthy(support.wait_for(function()
            return (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):find("ample$")
        end))
        local found, large = inspect(process.pid), 0
        for _, m in ipairs(found.mappings) do
            if m.bytes > HUGE then
                assert.truthy(m.why[1]:find("PR_SET_THP_DISABLE", 1, true))
                large = large + 1
            end
        end
        assert.is_true(large > 0)
    end)

    it("the strategy that is named is asked", function()
        local process <close> = start(ample)
        local found = inspect(process.pid, "--strategy", "none")
        assert.equal("none", found.strategy)
        assert.is_true(#found.mappings > 0)
        for _, m in ipairs(found.mappings) do assert.same({ "not-named" }, m.codes) end
    end)

    -- The strategy and the sources that --inspect plans with, as "STRATEGY by SOURCES"; and all that it says.
    local function planned(process, environment, ...)
        local words = { "env", "TIEXEC=" .. environment[1], "XDG_CONFIG_HOME=" .. (environment[2] or "/nowhere"),
            support.tiexec, "--json", ... }
        table.move({ "--inspect", tostring(process.pid) }, 1, 2, #words + 1, words)
        local found = decode(support.run(words))
        return ("%s by %s"):format(found.strategy, table.concat(found.sources, ",")), found
    end

    it("the settings of a start are asked: command line, TIEXEC, profile", function()
        local process <close> = start(ample)
        local config <close> = support.folder()
        local path = config.path .. "/tiexec/profiles.d/one.lua"
        os.execute(("mkdir -p %s/tiexec/profiles.d"):format(config.path))
        support.write_file(path, "return { match = { basename = 'ample' }, strategy = 'none', sources = { 'shared' } }")
        local mode <close> = support.thp("madvise")
        assert.equal("aggressive by file,shared,thp,hugetlb", (planned(process, { "" })))
        assert.equal("conservative by thp", (planned(process, { "strategy=conservative,sources=thp" })))
        local text, found = planned(process, { "", config.path })
        assert.equal("none by shared", text)
        assert.equal(path, found.profile)
        assert.equal("aggressive by shared", (planned(process, { "strategy=aggressive", config.path })))
        assert.equal("none by thp", (planned(process, { "sources=hugetlb", config.path }, "--sources", "thp")))
        local shown = support.run { "env", "TIEXEC=", "XDG_CONFIG_HOME=" .. config.path, support.tiexec, "--inspect",
            tostring(process.pid) }.out
        assert.truthy(shown:find(("planned by the profile %s: strategy none, sources shared\n"):format(path), 1, true))
        if mode == nil then return pending("the THP mode could not be set, it was as it was") end
    end)

    it("nobody is told that a start would move it if the settings forbid that", function()
        local process <close> = start(ample)
        local function advised(environment)
            local _, found = planned(process, { environment })
            for _, m in ipairs(found.mappings) do
                if m.bytes > HUGE and m.object:find("/ample$") then return m.advice ~= nil end
            end
        end
        assert.is_true(advised("sources=file"))
        assert.is_false(advised("sources=file,align=0"))
    end)

    it("one on tmpfs, whose file's pages are to be had by file, or, where that is denied, are not", function()
        local folder <close> = support.folder("/dev/shm")
        local copy = folder.path .. "/ample"
        support.run { "cp", ample, copy }
        local process <close> = start(copy)
        local function large_text()
            for _, m in ipairs(inspect(process.pid, "--sources", "file").mappings) do
                if m.bytes > HUGE and m.object == copy then return m end
            end
        end
        local found = large_text()
        assert.equal(core.host().shmem_thp ~= "deny", found.advice ~= nil)
        local denied <close> = support.shmem_thp("deny")
        if not denied then return pending("shmem_enabled cannot be set: not root?") end
        found = large_text()
        assert.is_nil(found.advice)
        assert.truthy(found.why[1]:find("file: huge pages are denied to tmpfs", 1, true))
    end)

    for source, case in pairs {
        hugetlb = { function() return support.pool(0) end, "the hugetlb pool has no free page" },
        thp = { function() return support.thp("never") end, "transparent huge pages are off" },
    } do
        it("what stands in the way of " .. source, function()
            local host <close> = case[1]()
            if not host then return pending("the host cannot be arranged for it: not root?") end
            local process <close> = start(ample)
            local reasons = 0
            for _, m in ipairs(inspect(process.pid, "--sources", source).mappings) do
                if m.bytes > HUGE then
                    assert.is_nil(m.advice)
                    assert.truthy(m.why[1]:find(source .. ": " .. case[2], 1, true))
                    reasons = reasons + 1
                end
            end
            assert.is_true(reasons > 0)
        end)
    end
end)

describe("--inspect cannot look into", function()
    local function refused(pid, words, what)
        local line = failure.one_line { err = words.err }
        assert.equal(125, words.code)
        assert.equal("", words.out)
        assert.truthy(line:find("process " .. pid, 1, true), line)
        assert.truthy(line:find(what, 1, true), line)
    end

    local function try(pid, what) refused(pid, support.run_tiexec { "--inspect", tostring(pid) }, what) end

    it("a process that has ended", function()
        local process = start(ample)
        process:stop("KILL")
        try(process.pid, "there is no such process")
    end)

    it("one that nobody has collected", function()
        local process <close> = support.start { "sh", "-c", "sleep 0 & exec sleep 1000" }
        local zombie = support.wait_for(function()
            for pid in support.shell("pgrep -P " .. process.pid).out:gmatch("%d+") do
                if (support.read_file("/proc/" .. pid .. "/stat") or ""):find(") Z ", 1, true) then return pid end
            end
        end)
        try(assert(zombie), "it has ended")
    end)

    it("a thread of the kernel", function()
        for _, pid in ipairs(core.list_folder("/proc")) do
            local flags = pid:find("^%d+$") and (support.read_file("/proc/" .. pid .. "/stat") or "")
                :match("%) %a %S+ %S+ %S+ %S+ %S+ (%d+)")
            if flags and tonumber(flags) & 0x200000 ~= 0 then return try(pid, "a thread of the kernel") end
        end
        pending("no kernel thread is to be seen: another pid namespace")
    end)

    it("a 32-bit process", function()
        local folder <close> = support.folder()
        local small32 = folder.path .. "/small32"
        support.write_file(small32, cpu.program32())
        os.execute("chmod 755 " .. small32)
        local inferior <close> = core.launch { small32 } -- held at its first instruction
        if not inferior then return pending("this kernel, or this CPU, does not run 32-bit programs") end
        try(inferior:pid(), "32-bit")
        inferior:kill()
        local result = support.run_tiexec { "--inspect", "--", small32 }
        assert.equal(125, result.code)
        assert.truthy(failure.one_line(result):find("32-bit", 1, true))
    end)

    it("that of another user, without the right", function()
        if not support.is_root then return try(1, "CAP_SYS_PTRACE") end
        local process <close> = support.start { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            "sleep", "1000" }
        assert.is_truthy(support.wait_for(function()
            return (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):find("sleep$")
                and core.status(process.pid, "Uid") == 65534
        end))
        -- Without any capability, since CAP_PERFMON is enough to look on recent kernels.
        local result = support.run { "setpriv", "--inh-caps=-all", "--bounding-set=-all", support.tiexec,
            "--inspect", tostring(process.pid) }
        refused(process.pid, result, "it belongs to user 65534")
        assert.truthy(result.err:find("CAP_SYS_PTRACE", 1, true))
    end)
end)

describe("--inspect -- CMD", function()
    it("shows it at its entry point, and nothing of it has run", function()
        for _, program in ipairs { ample, support.programs .. "ample_static" } do
            local found = decode(support.run_tiexec { "--json", "--inspect", "--", program, "x" })
            assert_consistent(found)
            assert.equal(program, found.name)
            assert.is_nil((support.read_file(("/proc/%d/comm"):format(found.pid)) or ""):find("^ample"))
        end
    end)

    for what, case in pairs {
        ["that is not there"] = { "/nowhere/x", 127, "No such file" },
        ["that cannot be executed"] = { "/etc/passwd", 126, "Permission denied" },
    } do
        it(what, function()
            local result = support.run_tiexec { "--inspect", "--", case[1] }
            assert.equal(case[2], result.code)
            assert.truthy(failure.one_line(result):find(case[3], 1, true))
        end)
    end
end)

describe("--inspect shows people", function()
    local function show(process, environment)
        return support.run { "env", environment or "TIEXEC=", support.tiexec, "--inspect", tostring(process.pid) }.out
    end

    it("columns that line up, and a letter for each huge page", function()
        local mode <close> = support.thp("madvise")
        local process <close> = start(ample, { "--sources", "thp" })
        local out = show(process)
        local at = assert(out:match("\n(  object[^\n]*)\n")):find("mapping", 1, true)
        local rows = 0
        for line in out:gmatch("\n(  ample [^\n]*)") do
            assert.equal(at, (line:find("%x+%-%x+")))
            rows = rows + 1
        end
        assert.is_true(rows > 0)
        local picture = assert(out:match("%x+  ([FSTH._ ]+)  ample"))
        local huge = support.huge_text(process.pid)
        assert.equal(huge // HUGE, select(2, picture:gsub("T", "")))
        if mode == nil then return pending("the THP mode could not be set, it was as it was") end
    end)

    it("tables of a terminal's width", function()
        local process <close> = start(ample, { "--sources", "thp" })
        for _, words in ipairs { { "--inspect", tostring(process.pid), "-v" }, { "--inspect", "all" }, { "--check" },
            { "-n", ample }, { "-v", ample } } do
            local command = "stty cols 80; " .. support.quote(support.concat({ support.tiexec }, words))
            local out = support.run { "env", "TERM=xterm", "NO_COLOR=1", "script", "-qec", command, "/dev/null" }.out
            local rows = 0
            for line in out:gmatch("([^\r\n]+)") do
                rows = rows + 1
                assert.is_true((utf8.len(line) or #line) <= 80, line)
            end
            assert.is_true(rows > 3, out)
        end
    end)

    it("colours on a terminal alone, and not against NO_COLOR", function()
        local process <close> = start(ample)
        assert.is_nil(show(process):find("\27", 1, true))
        local command = support.quote { support.tiexec, "--inspect", tostring(process.pid) }
        local function on_terminal(setting)
            return support.run { "env", "TERM=xterm", setting, "script", "-qec", command, "/dev/null" }.out
        end
        assert.truthy(on_terminal("COLOUR=1"):find("\27[", 1, true))
        assert.is_nil(on_terminal("NO_COLOR=1"):find("\27[", 1, true))
        assert.is_nil(on_terminal("TERM=dumb"):find("\27[", 1, true))
    end)

    it("nothing more when its output is full: one line", function()
        local process <close> = start(ample)
        for _, option in ipairs { "-v", "--json" } do
            local result = support.shell(support.quote { support.tiexec, option, "--inspect", tostring(process.pid) }
                .. " >/dev/full")
            assert.equal(125, result.code)
            assert.truthy(failure.one_line(result):find("No space left", 1, true))
        end
    end)
end)
