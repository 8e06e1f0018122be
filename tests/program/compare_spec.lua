-- SPDX-License-Identifier: Apache-2.0
-- --compare: what it runs, what it finds, and that nothing of it is left. Its statistics are tried in
-- tests/unit/compare_statistics_spec.lua, its verdicts on a real host by `make compare-honest`.

local json = require "dkjson"
local support = require "tests.lib.support"

local burning = support.programs .. "burning"

-- Compares a command for three seconds, or others; gives what --json has. `options` are words before the command.
local function compare(options, command, environment, seconds)
    local words = { "env", "TMPDIR=/var/tmp" }
    for _, variable in ipairs(environment or {}) do words[#words + 1] = variable end
    words = support.concat(words, { support.tiexec }, options, { "--json", "--seconds", seconds or "3" }, command)
    local result = support.run(words)
    local value, _, why = json.decode(result.out)
    assert(value, ("%s %s"):format(why, result.err))
    assert.equal("", result.err)
    return value, result.code
end

local function left_overs()
    return support.shell("ls -d /var/tmp/tiexec-* /tmp/tiexec-* 2>/dev/null").out
end

-- All runs of one way.
local function runs_of(found, way)
    local list = {}
    for i, round in ipairs(found.rounds) do list[i] = assert(round[way], way) end
    return list
end

-- Of the processes that a mark is in, the one whose parent is none of them; nil: there is none.
local function first_of(mark)
    local list, is_marked = support.processes_with("MARK", mark), {}
    for _, pid in ipairs(list) do is_marked[pid] = true end
    for _, pid in ipairs(list) do
        local status = support.read_file(("/proc/%d/status"):format(pid)) or ""
        if not is_marked[tonumber(status:match("PPid:%s*(%d+)"))] then return pid end
    end
end

describe("--compare", function()
    it("runs each way in each round, and shows what was measured", function()
        local before = left_overs()
        local found, code = compare({ "--compare" }, { burning, "5" })
        assert.equal(0, code)
        assert.same({ "plain", "warm" }, found.baselines)
        assert.same({}, found.wrong)
        assert.is_true(#found.rounds >= (support.patience > 1 and 2 or 10))
        assert.equal(#found.rounds, found.pairs)
        local places, count, switches = {}, 0, 0
        for _, way in ipairs { "plain", "warm", "tiexec" } do
            for _, run in ipairs(runs_of(found, way)) do
                assert.is_true(run.wall > 0 and run.user + run.system > 0)
                assert.is_true(run.faults > 20 and run.switches >= 0 and run.peak > 1 << 20)
                switches = switches + run.switches -- a run that has a CPU to itself has none
                assert.equal(0, run.status)
                if way == "warm" then places[run.place] = true end
            end
        end
        assert.is_true(switches > 0)
        for place in pairs(places) do
            assert.is_true(1 <= place and place <= 3)
            count = count + 1
        end
        local least = #found.rounds >= 30 and 3 or #found.rounds >= 10 and 2 or 1
        assert.is_true(count >= least) -- by chance not so once in 20,000 runs
        assert.equal(before, left_overs())
    end)

    it("has sets of options, which it gives to tiexec, and variables", function()
        local found, code = compare({ "--compare=default,thp+none,hot:max-pages=8,SAY=word,without+SAY=other" },
            { burning, "1" })
        assert.equal(1, code)
        local options = {}
        for _, way in ipairs(found.ways) do options[way.name] = table.concat(way.argv, " ") end
        assert.equal(("tiexec -- %s 1"):format(burning), options.default)
        assert.equal(("tiexec --strategy=none --sources=thp -- %s 1"):format(burning), options["thp+none"])
        assert.equal(("tiexec --strategy=hot:max-pages=8 -- %s 1"):format(burning), options["hot:max-pages=8"])
        assert.equal(("%s 1"):format(burning), options["without+SAY=other"])
        assert.equal(2, #found.wrong)
        assert.equal("SAY=word: standard output is not the same as without tiexec", found.wrong[1])
        assert.truthy(found.wrong[2]:find("^without%+SAY=other: standard output"))
    end)

    it("finds a slow-down", function()
        local is_slow = support.patience > 1 -- then a start takes longer than the ten million steps
        local found = compare({ "--compare=without+BURN=200" }, { burning, is_slow and "40" or "10" }, nil,
            is_slow and "15")
        for _, baseline in ipairs { "plain", "warm" } do
            local change = found.quantities["CPU time"].against[baseline]["without+BURN=200"]
            assert.equal("more", change.verdict)
            assert.is_true(change.low > 1.3 and change.ratio > 2 and change.ratio < 3.5)
        end
    end)

    it("tells of exit statuses, and of output that differs without tiexec, too", function()
        local found, code = compare({ "--compare=none+FAIL=4" }, { burning, "1" })
        assert.equal(1, code)
        assert.same({ "none+FAIL=4: the exit status is not the same as without tiexec" }, found.wrong)
        found, code = compare({ "--compare=none" }, { burning, "1" }, { "FAIL=3", "NOISE=1" })
        assert.equal(0, code)
        assert.truthy(found.notes[1]:find("standard output differs from run to run without tiexec", 1, true)
            or found.notes[2]:find("standard output differs from run to run without tiexec", 1, true))
    end)

    it("says what tiexec itself says of the command", function()
        local found = compare({ "--compare=none" }, { burning, "1" }, { "TIEXEC=unheard-of" })
        assert.truthy(table.concat(found.notes, "\n"):find("unheard-of", 1, true))
    end)

    it("ends early by a signal, with what there is, and ends the command", function()
        local mark, folder <close> = support.mark(), support.folder()
        local out = folder.path .. "/out"
        os.execute(("env MARK=%s %s --compare=without --seconds 600 %s 20 >%s 2>&1 &"):format(mark, support.tiexec,
            burning, out))
        local function processes() return support.processes_with("MARK", mark) end
        support.wait_for(function() return #processes() > 2 end) -- it, its supervisor, and the command
        os.execute("kill -INT " .. first_of(mark))
        support.wait_for(function() return #processes() == 0 end)
        local said = support.read_file(out)
        assert.truthy(said:find("ended before the first round", 1, true) or said:find("few pairs", 1, true), said)
    end)

    it("refuses what makes no sense, in one line", function()
        for words, said in pairs {
            ["--compare=nonsense true"] = "'nonsense' is no source",
            ["--compare=thp,thp true"] = "there can be no set 'thp'",
            ["--compare=plain true"] = "there can be no set 'plain'",
            ["--compare= true"] = "needs a set",
            ["--compare --verbose true"] = "exclude each other",
            ["--compare --seconds 1 true"] = "from 3 to",
            ["--seconds 5 true"] = "--seconds goes with",
            ["--compare"] = "a command is missing",
        } do
            local result = support.shell(support.tiexec .. " " .. words)
            assert.equal(125, result.code, words)
            assert.truthy(result.err:find(said, 1, true), result.err)
            local _, lines = result.err:gsub("\n", "")
            assert.equal(1, lines)
        end
        assert.equal(127, support.shell(support.tiexec .. " --compare /nonexistent").code)
        assert.equal(126, support.shell(support.tiexec .. " --compare /etc/passwd").code)
    end)

    it("does not measure what goes on after the command's end, and leaves it alone", function()
        local mark = support.mark()
        local result = support.run { "env", "LEAVE=" .. mark, support.tiexec, "--compare", burning, "1" }
        assert.equal(125, result.code)
        assert.truthy(result.err:find("leaves processes running", 1, true))
        local left = support.processes_with("LEAVE", mark)
        assert.equal(1, #left)
        os.execute("kill -KILL " .. left[1])
    end)
end)

describe("The copies of --compare", function()
    it("are what runs, by the file's path, and nobody else sees them", function()
        local folder <close> = support.folder()
        local inodes = folder.path .. "/inodes"
        -- what a program sees of itself, which must be the same in all runs; and its inode, which must not
        local found, code = compare({ "--compare=without" }, { "sh", "-c", "readlink /proc/$$/exe; pwd; id -u;"
            .. "stat -L -c '%d %i' /proc/$$/exe >> " .. inodes })
        assert.equal(0, code)
        assert.same({ "plain", "warm" }, found.baselines)
        assert.same({}, found.wrong)
        assert.is_true(found.copies.files > 0)
        local counts, files = {}, 0
        for inode in support.read_file(inodes):gmatch("[^\n]+") do
            if not counts[inode] then files = files + 1 end
            counts[inode] = (counts[inode] or 0) + 1
        end
        assert.equal(2, files)
        local own = support.shell("stat -L -c '%d %i' /bin/sh").out:match("[^\n]+")
        assert.is_true(#found.rounds >= 2)
        assert.is_true(counts[own] >= 2 * #found.rounds)
        assert.equal("", support.shell("grep tiexec- /proc/self/mountinfo").out)
    end)

    -- Compares as a user without rights.
    local function compare_as_nobody(words)
        local result = support.run(support.concat({ "setpriv", "--reuid", "65534", "--regid", "65534",
            "--clear-groups", "env", "TMPDIR=/var/tmp" }, words, { support.tiexec, "--compare=without", "--json",
            "--seconds", "3", "id", "-u" }))
        return assert(json.decode(result.out), result.err)
    end

    it("can be had by an ordinary user, in a user namespace", function()
        if not support.is_root then return pending("not root") end
        local found = compare_as_nobody()
        if #found.baselines == 1 then return pending("this host gives users no namespaces") end
        assert.same({ "plain", "warm" }, found.baselines)
        assert.same({}, found.wrong)
        assert.equal(#"65534\n", runs_of(found, "plain")[1].output_size)
    end)

    it("are done without, where no namespace can be had, and that is said", function()
        local result = support.run { support.programs .. "deny", "unshare", "EPERM", support.tiexec, "--json",
            "--compare=without", "--seconds", "3", burning, "1" }
        local found = assert(json.decode(result.out), result.err)
        assert.same({ "warm" }, found.baselines)
        assert.truthy(table.concat(found.notes, "\n"):find("there is no plain baseline", 1, true))
    end)

    it("go away when the comparison is killed", function()
        local mark = support.mark()
        local folder <close> = support.folder()
        os.execute(("env MARK=%s TMPDIR=%s %s --compare %s 2000 >/dev/null 2>&1 &"):format(mark, folder.path,
            support.tiexec, burning))
        support.wait_for(function() return support.shell("ls " .. folder.path).out ~= "" end)
        os.execute("kill -KILL " .. first_of(mark))
        support.wait_for(function() return support.shell("ls " .. folder.path).out == "" end)
        support.wait_for(function() return #support.processes_with("MARK", mark) == 0 end)
    end)
end)

describe("The counters of --compare", function()
    local MUCH <const> = 1000000
    -- With a perf_event_open of tests/programs/counting.c, which does as `answer` says: in the program that is linked
    -- dynamically, since the other one takes no preloaded libraries.
    local function counted(answer)
        local dynamic = support.tiexec:gsub("tiexec$", "dynamic/tiexec")
        local result = support.run { "env", "LD_PRELOAD=" .. support.programs .. "counting", "COUNTING=" .. answer,
            dynamic, "--compare=without", "--json", "--seconds", "3", burning, "1" }
        local found = assert(json.decode(result.out), result.err)
        return runs_of(found, "warm")[1], found
    end

    it("are scaled, where they shared a register", function()
        local run, found = counted("half")
        for _, name in ipairs { "instructions", "cycles", "iTLB misses", "dTLB misses" } do
            assert.same({ count = 2.0 * MUCH, share = 0.5 }, run.counters[name])
        end
        assert.equal(1, found.quantities["iTLB misses"].against.warm["without"].ratio)
    end)

    it("are left out, where they are refused or have not counted", function()
        for answer, errno in pairs { EACCES = 13, ENOENT = 2, EMFILE = 24 } do
            local run, found = counted(answer)
            assert.same({}, run.counters)
            assert.equal(errno, run.counters_errno)
            assert.is_nil(found.quantities.instructions)
        end
        assert.same({}, (counted("never")).counters)
    end)

    it("count alone, where the group has no room", function()
        local run = counted("alone")
        assert.same({ count = 1.0 * MUCH, share = 1 }, run.counters.instructions)
        assert.same({ count = 1.0 * MUCH, share = 1 }, run.counters["dTLB misses"])
    end)
end)
