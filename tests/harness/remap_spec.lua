-- SPDX-License-Identifier: Apache-2.0
-- tiexec.remap and tiexec.undo: the main job in one call. What comes of it is read from smaps, and compared with what
-- the command line does.

local core = require "tiexec.core"
local json = require "dkjson"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = tiexec.constants
local ample = support.shell("realpath " .. support.programs .. "ample").out:gsub("\n", "")
local ample_static = support.programs .. "ample_static"
local HUGE <const> = tiexec.host().huge_page_size

local mode, config
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

local function launch(words)
    return assert(tiexec.launch { words, stdout = false, aslr = false })
end

-- A report without what differs from run to run.
local function plain(report)
    local copy = json.decode(json.encode(report))
    copy.pid, copy.command, copy.totals.seconds = nil, nil, nil
    for _, row in ipairs(copy.mappings) do row.seconds = nil end
    return copy
end

-- The mappings of a process in words, without their addresses' meaning.
local function mappings_of(inferior)
    local lines = {}
    for i, m in ipairs(inferior:mappings()) do
        lines[i] = ("%x-%x %s %x %d %s"):format(m.start, m.stop, m.perms, m.offset, m.inode, m.path)
    end
    return lines
end

describe("tiexec.remap", function()
    for _, program in ipairs { ample, ample_static } do
        it("gives what --report writes: " .. program:match("[^/]*$"), function()
            local folder <close> = support.folder()
            local path = folder.path .. "/report"
            local result = support.run { "setarch", "-R", support.tiexec, "--sources", "thp", "-s", "conservative",
                "--report", path, program }
            assert.equal(3, result.code, result.err)
            local inferior <close> = launch { program }
            local report, complaint = tiexec.remap(inferior, { sources = { "thp" }, strategy = "conservative" })
            assert.is_nil(complaint)
            assert.is_true(report.totals.huge_bytes > 0)
            assert.equal("entry", report.stage)
            assert.same(plain(json.decode(support.read_file(path))), plain(report))
            assert.equal(report.totals.huge_bytes, (support.huge_text(inferior:pid())))
            assert.equal(inferior:auxv().AT_ENTRY, inferior:read_register("pc"))
            assert.equal(3, stopped.run_out(inferior).exit_code)
        end)
    end

    it("remaps a program that is at its entry point, and lies where the kernel has put it", function()
        local inferior <close> = stopped.at_entry { ample }
        local before = inferior:auxv().AT_ENTRY
        local report = assert(tiexec.remap(inferior, { sources = "thp", strategy = "conservative" }))
        assert.equal("entry", report.stage)
        assert.equal(before, inferior:auxv().AT_ENTRY)
        assert.equal(report.totals.huge_bytes, (support.huge_text(inferior:pid())))
        assert.is_true(report.totals.huge_bytes >= HUGE)
        assert.equal(3, stopped.run_out(inferior).exit_code)
    end)

    it("remaps a process that was attached to; tiexec.undo puts it back", function()
        local folder <close> = support.folder()
        local process <close> = support.start({ ample, "wait" }, ">" .. folder.path .. "/out")
        support.wait_for(function()
            return (support.read_file(folder.path .. "/out") or ""):find("child 5\n", 1, true)
        end)
        local inferior <close> = assert(tiexec.attach(process.pid))
        local before = mappings_of(inferior)
        assert.is_true(inferior:cont()) -- so they are stopped by the call
        local report, complaint = tiexec.remap(inferior, { sources = { "thp" }, strategy = "conservative" })
        assert.is_nil(complaint)
        assert.equal("attach", report.stage)
        assert.equal(report.totals.huge_bytes, (support.huge_text(process.pid)))
        assert.is_true(report.totals.huge_bytes >= HUGE)
        local bytes, left = tiexec.undo(inferior)
        assert.is_true(bytes >= HUGE)
        assert.same({}, left)
        assert.same({}, (select(2, tiexec.undo(inferior))))
        assert.equal(0, (support.huge_text(process.pid)))
        assert.same(before, mappings_of(inferior))
        assert.is_false(inferior:exit_kill())
        assert(inferior:detach())
        assert.is_true(support.wait_for(function() return core.status(process.pid, "TracerPid") == 0 end))
        assert.is_true(process:is_alive())
    end)

    it("keeps breakpoints: those to come are hit, the one that was hit is not hit anew", function()
        local inferior <close> = stopped.at_entry { ample }
        local here = assert(inferior:breakpoint("main", "software"))
        assert.is_true(inferior:cont())
        assert.same({ here }, inferior:wait(20000).points)
        local fork = assert(inferior:breakpoint("fork", "software"))
        local compute = assert(inferior:breakpoint("compute", "software"))
        local report = assert(tiexec.remap(inferior, { sources = { "thp" }, objects = "ample" }))
        assert.is_true(report.totals.huge_bytes >= HUGE)
        assert.is_true(here.enabled and compute.enabled and fork.enabled)
        for _, wanted in ipairs { compute, fork } do
            assert.is_true(inferior:cont())
            local event = inferior:wait(20000)
            assert.equal("breakpoint-hit", event.reason)
            assert.equal(wanted.address, event.address)
            assert.same({ wanted }, event.points)
            compute:delete()
        end
        assert(tiexec.undo(inferior))
        assert.equal("fork", inferior:symbolize(inferior:read_register("pc")):match("fork"))
        fork:delete()
        assert.equal(3, stopped.run_out(inferior).exit_code)
    end)

    it("remaps the objects that are named, and as many pages", function()
        local inferior <close> = stopped.at_entry { ample }
        local report, complaint = tiexec.remap(inferior, { sources = { "thp" }, objects = { "amp*", "/no/where" },
            max_pages = 1 })
        assert.equal("no object is '/no/where'", complaint)
        for _, row in ipairs(report.mappings) do assert.equal(ample, row.object) end
        assert.equal(HUGE, (support.huge_text(inferior:pid())))
        assert(tiexec.remap(inferior, { sources = { "thp" }, objects = ample }))
        assert.is_true((support.huge_text(inferior:pid())) > HUGE)
        stopped.finish(inferior)
    end)

    it("takes a strategy that the script has, with parameters; what it is given are copies", function()
        local inferior <close> = stopped.at_entry { ample }
        local planner, seen = require "tiexec.planner", nil
        local function plan(description, host, options)
            seen = { description = description, options = options }
            local operations = planner.plan_texts(description, host, planner.inward)
            for _, mapping in ipairs(description.mappings) do mapping.kind, mapping.perms = "text", "rwxp" end
            return operations
        end
        local given = { plan = plan, name = "mine", parameters = { count = { type = "integer", default = 8 } } }
        local report, complaint = tiexec.remap(inferior, { strategy = given, parameters = { count = 3 },
            sources = { "thp" } })
        assert.is_nil(complaint)
        assert.equal("mine", report.strategy)
        assert.same({ count = 3 }, report.parameters)
        assert.same({ sources = { "thp" }, parameters = { count = 3 } }, seen.options)
        assert.equal(inferior:pid(), seen.description.pid)
        assert.is_true((support.huge_text(inferior:pid())) >= HUGE)
        assert.equal("none", tiexec.remap(inferior, { strategy = "none" }).strategy)
        local _, why, errno = tiexec.remap(inferior, { strategy = function() error("on purpose") end })
        assert.matches("on purpose", why)
        assert.equal(c.EOPNOTSUPP, errno)
        stopped.finish(inferior)
    end)

    it("goes by the executable's profile, unless the script says no", function()
        config = support.folder()
        local path = config.path .. "/profile.lua"
        support.write_file(path, "return { strategy = 'none', verbose = true, strict = true }")
        local inferior <close> = stopped.at_entry { ample }
        assert.equal("none", tiexec.remap(inferior, { profile = path }).strategy)
        assert.equal(0, (support.huge_text(inferior:pid())))
        assert.equal("aggressive", tiexec.remap(inferior, { profile = false, sources = { "thp" } }).strategy)
        stopped.finish(inferior)
        getmetatable(config).__close(config)
    end)

    it("does not move a static program in which breakpoints stand", function()
        local inferior <close> = launch { support.programs .. "static_pie" }
        local entry = inferior:auxv().AT_ENTRY
        local point = assert(inferior:breakpoint("main", "software"))
        assert.equal("entry", assert(tiexec.remap(inferior, { sources = { "thp" } })).stage)
        assert.equal(entry, inferior:auxv().AT_ENTRY)
        inferior:cont()
        assert.same({ point }, inferior:wait(20000).points)
        stopped.finish(inferior)
    end)

    it("refuses what it cannot do", function()
        local inferior <close> = launch { ample }
        local point = assert(inferior:breakpoint(inferior:auxv().AT_ENTRY))
        local _, why, errno = tiexec.remap(inferior)
        assert.matches("^it has breakpoints", why)
        assert.equal(c.EBUSY, errno)
        point:delete()
        _, why, errno = tiexec.remap(inferior, { strategy = "no-such-strategy" })
        assert.matches("^no strategy 'no%-such%-strategy'", why)
        assert.equal(c.EOPNOTSUPP, errno)
        _, why, errno = tiexec.remap(inferior, { strategy = "aggressive:x=1" })
        assert.equal("strategy aggressive: it takes no parameters ('x')", why)
        assert.equal(c.EINVAL, errno)
        assert.equal(3, stopped.run_out(inferior).exit_code)
        _, why, errno = tiexec.remap(inferior)
        assert.equal(c.ESRCH, errno, why)
    end)

    it("tells of a program that ends on its way", function()
        local inferior <close> = assert(tiexec.launch { support.programs .. "state_constructed", "/dev/null",
            env = { CONSTRUCTOR = "exit" } })
        local report, why, errno, event = tiexec.remap(inferior)
        assert.is_nil(report)
        assert.equal("it ended before its entry point", why)
        assert.equal(c.ESRCH, errno)
        assert.equal("exited", event.reason)
    end)

    it("raises on misuse", function()
        local inferior <close> = stopped.at_entry { ample }
        local function raises(given, line) assert.has_error(function() tiexec.remap(inferior, given) end, line) end
        raises({ stragety = "none" }, "remap: unknown option 'stragety'")
        raises({ sources = "gold" }, "remap: sources: unknown source 'gold' (there are: file, shared, thp, hugetlb)")
        raises({ sources = 3 }, "remap: sources cannot be a number")
        raises({ max_pages = -1 }, "remap: max_pages: a count expected")
        raises({ max_pages = 1.5 }, "remap: max_pages: a count expected")
        raises({ objects = { 3 } }, "remap: objects: names, paths and patterns expected")
        raises("none", "remap: options: a table expected, got a string")
        assert.has_error(function() tiexec.remap({}) end, "remap: an inferior of launch or attach expected")
        stopped.finish(inferior)
    end)
end)

it("tiexec.remap is there for --script, and a signal breaks into nothing", function()
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/script.lua", [[
        local inferior <close> = assert(tiexec.launch { arg[1] })
        assert(tiexec.remap(inferior, { sources = { "thp" } }).totals.huge_bytes > 0)
        inferior:cont()
        repeat local event = inferior:wait() inferior:cont() until event.reason:find "^exited"
        return 7]])
    local result = support.run_tiexec { "--script", folder.path .. "/script.lua", ample }
    assert.equal("", result.err)
    assert.equal(7, result.code)
end)
