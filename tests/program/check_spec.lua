-- SPDX-License-Identifier: Apache-2.0
-- --check agrees with the host, whichever fact is changed there, and what it says to do helps.

local core = require "tiexec.core"
local cpu = require "tests.lib.cpu"
local failure = require "tests.lib.failure"
local json = require "dkjson"
local support = require "tests.lib.support"

local ample = support.programs .. "ample"
local MM <const> = "/sys/kernel/mm/"
local POOL <const> = ("%shugepages/hugepages-%dkB/"):format(MM, core.host().huge_page_size >> 10)

-- What --check says, as JSON; `prefix`: words before.
local function check(words, prefix)
    local all = table.move(prefix or {}, 1, #(prefix or {}), 1, {})
    table.move({ support.tiexec, "--check", "--json" }, 1, 3, #all + 1, all)
    table.move(words or {}, 1, #(words or {}), #all + 1, all)
    local result = support.run(all)
    assert.equal("", result.err)
    local value, _, why = json.decode(result.out)
    assert(value, why)
    assert.equal(value.ready and 0 or 1, result.code)
    return value
end

local function chosen(path) return (support.read_file(path) or ""):match("%[(%w+)%]") end

-- Does what --check says, as a user would, in a shell.
local function obey(fact) assert.is_truthy(os.execute(assert(fact.todo, fact.text))) end

describe("--check agrees with the host:", function()
    it("kernel, page sizes, modes and pools", function()
        local facts = check().facts
        assert.truthy(facts.kernel.text:find(support.read_file("/proc/sys/kernel/osrelease"):match("%S+"), 1, true))
        assert.truthy(facts["huge page"].text:find("^" .. (core.host().huge_page_size >> 20) .. " MiB"))
        assert.truthy(facts.THP.text:find(chosen(MM .. "transparent_hugepage/enabled"), 1, true))
        assert.truthy(facts["THP of tmpfs"].text:find(chosen(MM .. "transparent_hugepage/shmem_enabled"), 1, true))
        assert.truthy(facts.ptrace.good)
    end)

    it("an empty pool, and the command that fills it", function()
        local pool <close> = support.pool(0)
        if not pool then return pending("the hugetlb pool cannot be set: not root?") end
        local before = check { ample }
        assert.is_false(before.sources.hugetlb.works)
        assert.is_false(before.facts["hugetlb pool"].good)
        obey(before.facts["hugetlb pool"])
        local pages = math.tointeger(tonumber(support.read_file(POOL .. "free_hugepages")))
        if pages == 0 then return pending("this host has no huge pages to give to the pool") end
        local after = check { ample }
        assert.is_true(after.sources.hugetlb.works)
        assert.truthy(after.facts["hugetlb pool"].text:find(("%d of %d free"):format(pages, pages), 1, true))
        local process <close> = support.start_tiexec { "--sources", "hugetlb", "--strict", ample, "wait" }
        assert.is_true(support.huge_text(process.pid) > 0) -- enough for the program that it was asked for
    end)

    it("THP never, and the command that changes it", function()
        local mode <close> = support.thp("never")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local before = check()
        assert.is_false(before.sources.thp.works)
        obey(before.facts.THP)
        assert.equal("madvise", chosen(MM .. "transparent_hugepage/enabled"))
        local after = check()
        assert.is_true(after.sources.thp.works)
        assert.is_nil(after.facts.THP.todo)
    end)

    it("THP always", function()
        local mode <close> = support.thp("always")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local found = check()
        assert.is_true(found.sources.thp.works)
        assert.equal("always", found.facts.THP.text)
    end)

    it("what works is what works: each source, on a real program", function()
        local mode <close> = support.thp("madvise")
        local pool <close> = support.pool(8)
        local works = check({ ample }).sources
        for _, source in ipairs { "shared", "thp", "hugetlb" } do
            local result = support.run_tiexec { "--strict", "--sources", source, ample }
            assert.equal(works[source].works, result.code ~= 125, source .. ": " .. result.err)
            assert.equal(works[source].works, works[source].why == nil, source)
        end
        if mode == nil then return pending("the THP mode could not be set, it was as it was") end
    end)

    it("a program on tmpfs", function()
        local folder <close> = support.folder("/dev/shm")
        support.run { "cp", ample, folder.path .. "/ample" }
        local found = check { folder.path .. "/ample" }
        assert.truthy(found.facts["its filesystem"].text:find("^tmpfs"))
    end)

    it("a folder for copies that is mounted noexec", function()
        local script = 'mount -t tmpfs -o noexec,mode=1777 tiexec-test /dev/shm || exit 99\n'
            .. 'mount -t tmpfs tiexec-test /run || exit 99\n' -- which may have a folder for copies
            .. 'unset TIEXEC_CACHE XDG_RUNTIME_DIR; exec "$@"'
        local prefix = { "unshare", "-m", "sh", "-c", script, "sh" }
        local probe = support.run { "unshare", "-m", "sh", "-c", script, "sh", "true" }
        if probe.code ~= 0 then return pending("nothing can be mounted: not root?") end
        local found = check({}, prefix)
        assert.is_false(found.sources.shared.works)
        assert.truthy(found.sources.shared.why:find("remount,exec", 1, true))
    end)

    it("under a tracer nothing works", function()
        local found = check({}, { "strace", "-f", "-o", "/dev/null" })
        assert.is_false(found.ready)
        assert.is_false(found.facts.ptrace.good)
        for _, source in pairs(found.sources) do assert.is_false(source.works) end
    end)

    for _, action in ipairs { "EPERM", "kill" } do
        it("where ptrace is forbidden, nothing works: " .. action, function()
            local found = check({}, { support.programs .. "deny", "ptrace", action })
            assert.is_false(found.ready)
            assert.is_false(found.facts.ptrace.good)
        end)
    end

    it("a private pid namespace", function()
        local prefix = { "unshare", "-p", "-f", "--mount-proc" }
        if support.run({ "unshare", "-p", "-f", "--mount-proc", "true" }).code ~= 0 then
            return pending("no pid namespace can be made: not root?")
        end
        local first = check({}, prefix)
        assert.truthy(first.facts["pid namespace"].text:find("process 1", 1, true))
        assert.is_true(first.ready)
        table.move({ "sh", "-c", '"$@"; exit $?', "sh" }, 1, 4, #prefix + 1, prefix)
        assert.equal("its own", check({}, prefix).facts["pid namespace"].text)
    end)

    it("nothing is left of it: no process, no mode, no pages", function()
        local function state()
            return { support.read_file(MM .. "transparent_hugepage/enabled"),
                support.read_file(POOL .. "nr_hugepages"), support.read_file(POOL .. "resv_hugepages"),
                support.shell("ls -d /dev/shm/tiexec-*").out }
        end
        local before = state()
        check { ample }
        assert.same(before, state())
    end)
end)

describe("--check goes by the settings that a start would have:", function()
    -- What is asked for, by --check, and by a start.
    local function asked(words, environment)
        local prefix = { "env", table.unpack(environment or {}) }
        local list = {}
        for name, source in pairs(check(words, prefix).sources) do
            if source.asked then list[#list + 1] = name end
        end
        table.sort(list)
        return table.concat(list, ",")
    end

    it("the command line, the environment", function()
        assert.equal("file,hugetlb,shared,thp", asked({}, { "TIEXEC=" }))
        assert.equal("shared,thp", asked({}, { "TIEXEC=sources=thp+shared" }))
        assert.equal("hugetlb", asked({ "--sources", "hugetlb" }, { "TIEXEC=sources=thp" }))
    end)

    it("a profile of the program, by its path without links", function()
        local config <close> = support.folder()
        os.execute(("mkdir -p %s/tiexec/profiles.d; ln -s %s %s/link"):format(config.path,
            support.shell("realpath " .. ample).out:match("[^\n]+"), config.path))
        local path = config.path .. "/tiexec/profiles.d/one.lua"
        support.write_file(path, "return { match = { basename = 'ample' }, sources = { 'thp' } }")
        local environment = { "TIEXEC=", "XDG_CONFIG_HOME=" .. config.path }
        assert.equal("thp", asked({ ample }, environment))
        assert.equal("thp", asked({ config.path .. "/link" }, environment))
        assert.equal("file,hugetlb,shared,thp", asked({ "sh" }, environment))
        assert.equal("file,hugetlb,shared,thp", asked({}, environment))
        local found = check({ ample }, { "env", table.unpack(environment) })
        assert.equal(("strategy aggressive, sources thp, by %s"):format(path), found.facts.settings.text)
    end)

    it("a host without what they ask for is not ready", function()
        local mode <close> = support.thp("never")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local found = check({ "--sources", "thp" })
        assert.is_false(found.ready)
        assert.is_true(check({ "--sources", "thp,shared" }).ready)
        assert.is_false(check({ "--strategy", "no-such" }).ready)
    end)

    it("a wrong word in the environment is told of in one line", function()
        local result = support.run { "env", "TIEXEC=colour=red", support.tiexec, "--check", "--json" }
        assert.truthy(failure.one_line(result):find("unknown setting 'colour'", 1, true))
    end)
end)

describe("--check CMD", function()
    local function wrong(words, what)
        local found = check(words)
        assert.is_false(found.ready)
        assert.truthy(found.facts.program.text:find(what, 1, true))
    end

    it("that cannot be done: exit status 1, with a reason", function()
        local folder <close> = support.folder()
        local script = folder.path .. "/script"
        support.write_file(script, "#!/bin/sh\n")
        assert(os.execute("chmod +x " .. script))
        wrong({ script }, "is a script")
        wrong({ "/nowhere/x" }, "No such file")
        support.write_file(folder.path .. "/small32", cpu.program32())
        assert(os.execute("chmod +x " .. folder.path .. "/small32"))
        wrong({ folder.path .. "/small32" }, "32-bit")
        wrong({ "/etc/passwd" }, "Permission denied")
    end)

    it("by a relative path, and in PATH", function()
        for _, name in ipairs { ample, "sh" } do
            local found = check { name }
            assert.equal(check().facts.filesystem == nil, found.facts["its filesystem"] == nil)
            assert.truthy(found.facts.program.text:find("KiB of text") or found.facts.program.text:find("MiB of text"))
        end
    end)

    it("says what it may load later, by its own folders", function()
        local folder <close> = support.folder()
        support.shell(("mkdir -p %s/bin %s/lib/server; cp %s %s/bin/small; cp %s %s/lib/server/libmuch.so")
            :format(folder.path, folder.path, support.programs .. "small", folder.path, ample, folder.path))
        local fact = check({ folder.path .. "/bin/small" }).facts["loads later"]
        assert.equal("loads-later", fact.code)
        assert.matches("^libmuch%.so, [%d.]+ MiB of text %(%-%-follow=auto", fact.text)
        assert.is_nil(check({ "sh" }).facts["loads later"])
        local java = core.find("java")
        if java then
            assert.matches("libjvm%.so", check({ "java" }).facts["loads later"].text)
            assert.matches("libjvm%.so", support.run_tiexec({ "--check", "java" }).out)
        end
    end)

    it("says in one line where it is not worth it", function()
        local function worth(program) return check({ program }).facts["worth it"] end
        assert.equal("worth-reach", worth("true").code)
        assert.equal("worth-others", worth("sh").code)
        assert.is_nil(worth(ample))
        assert.matches("\n  worth it +! +hardly: [%d.]+ KiB of text", support.run_tiexec({ "--check", "true" }).out)
    end)

    it("options may follow it", function()
        local result = support.run_tiexec { "--check", ample, "--json" }
        assert.truthy(json.decode(result.out))
    end)
end)

describe("--check shows people", function()
    it("columns that line up, without colours in a pipe", function()
        local out = support.run_tiexec({ "--check" }).out
        assert.is_nil(out:find("\27", 1, true))
        local column, rows = assert(out:match("\n(  kernel +)%S")), 0
        for line in out:match("\n(.-)where huge"):gmatch("[^\n]+") do
            assert.truthy(line:sub(#column + 1, #column + 1):find("%S"), line)
            assert.equal("  ", line:sub(#column - 1, #column))
            rows = rows + 1
        end
        assert.is_true(rows > 10)
    end)

    it("colours on a terminal, not against NO_COLOR", function()
        local command = support.quote { support.tiexec, "--check" }
        local function on_terminal(setting)
            return support.run { "env", "TERM=xterm", setting, "script", "-qec", command, "/dev/null" }.out
        end
        assert.truthy(on_terminal("COLOUR=1"):find("\27[", 1, true))
        assert.is_nil(on_terminal("NO_COLOR=1"):find("\27[", 1, true))
    end)

    it("a measurement, with --probe, that ends in a verdict", function()
        local mode <close> = support.thp("madvise")
        local words = { full = true, part = true, little = true, unsure = true, unknown = true }
        local probe = check({ "--probe" }).probe
        assert.is_true(words[probe.verdict])
        for _, case in ipairs(probe.cases) do
            assert.is_true(case.small.low <= case.small.median and case.small.median <= case.small.high)
            assert.is_true(case.huge.low > 0 and case.packed.low > 0)
        end
        assert.same({ "data", "data", "code" }, { probe.cases[1].kind, probe.cases[2].kind, probe.cases[3].kind })
        assert.truthy(support.run_tiexec({ "--check", "--probe" }).out:find("TLB reach", 1, true))
        if mode == nil then return pending("the THP mode could not be set, it was as it was") end
    end)

    it("why there is no measurement where THP is off", function()
        local mode <close> = support.thp("never")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        assert.truthy(check({ "--probe" }).probe.wrong:find("no huge pages", 1, true))
    end)
end)

describe("a wrong use of --check: 125, one line", function()
    for _, words in ipairs { { "--check", "a", "b" }, { "--check", "a", "--nope" }, { "--probe", "a" } } do
        it(table.concat(words, " "), function()
            local result = support.run_tiexec(words)
            failure.not_started(result)
            assert.truthy(failure.one_line(result):find("tiexec --help", 1, true))
        end)
    end

    it("and its output is full", function()
        for _, option in ipairs { "-v", "--json" } do
            local result = support.shell(support.quote { support.tiexec, option, "--check" } .. " >/dev/full")
            assert.equal(125, result.code)
            assert.truthy(failure.one_line(result):find("No space left", 1, true))
        end
    end)
end)
