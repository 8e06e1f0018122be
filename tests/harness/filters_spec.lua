-- SPDX-License-Identifier: Apache-2.0
-- Seccomp filters of a process that tiexec has not started: root may read them, and asks them about each remote call.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local HUGE <const> = core.host().huge_page_size
local c = core.constants

-- Starts tests/programs/confined.c, which waits, under filters of tests/programs/deny.c.
local function start(...)
    local words = {}
    for _, filter in ipairs { ... } do
        words[#words + 1] = support.programs .. "deny"
        for word in filter:gmatch("%S+") do words[#words + 1] = word end
    end
    local folder <close> = support.folder()
    local process = support.start(support.concat(words, { support.programs .. "confined", "filter" }),
        (">%s/out 2>&1"):format(folder.path))
    assert(support.wait_for(function() return support.read_file(folder.path .. "/out") == "free\n" end))
    return process
end

-- Whether this process may read filters.
local function may_read()
    local process <close> = start "wait4 EPERM"
    local inferior <close> = assert(tiexec.attach(process.pid))
    return inferior:seccomp_action("getpid") ~= nil
end

describe("seccomp_action", function()
    local possible = may_read()
    local function asking(filters, asks)
        return function()
            if not possible then return pending "filters cannot be read here: not root, or this process has some" end
            local process <close> = start(table.unpack(filters))
            local inferior <close> = assert(tiexec.attach(process.pid))
            for _, ask in ipairs(asks) do
                assert.equal(ask[1], inferior:seccomp_action(table.unpack(ask, 2)))
            end
        end
    end

    it("tells each action", asking({ "madvise kill", "mremap trap", "munmap EPERM" },
        { { "kill_process", "madvise", 0, 0, 0 }, { "trap", "mremap" }, { "errno", "munmap" }, { "allow", "mmap" } }))

    it("tells the strongest of several filters", asking({ "madvise EPERM", "madvise kill", "madvise trap" },
        { { "kill_process", "madvise" } }))

    it("looks at arguments", asking({ "mprotect 2 0x4 EPERM", "mmap 3 0x40000 kill" }, {
        { "errno", "mprotect", 0, 4096, c.PROT_READ | c.PROT_EXEC }, { "allow", "mprotect", 0, 4096, c.PROT_READ },
        { "kill_process", "mmap", 0, 4096, 0, 0x40022 }, { "allow", "mmap", 0, 4096, 0, 0x22 } }))

    it("allows all where there is no filter", asking({}, { { "allow", "madvise" } }))

    it("raises for a call that there is not, and refuses a thread that runs", function()
        local process <close> = start()
        local inferior <close> = assert(tiexec.attach(process.pid))
        assert.has_error(function() inferior:seccomp_action("no_such_call") end)
        assert(inferior:cont())
        assert.equal(core.constants.EBUSY, select(3, inferior:seccomp_action("mmap")))
    end)

    it("is asked before a remote call: what is forbidden is not made", function()
        if not possible then return pending "filters cannot be read here: not root, or this process has some" end
        local process <close> = start "mprotect 2 0x4 kill"
        local inferior <close> = assert(tiexec.attach(process.pid))
        local result, why, errno = inferior:remote_syscall("mprotect", 0, 0, c.PROT_EXEC)
        assert.same({ nil, c.EPERM }, { result, errno })
        assert.truthy(why:find("seccomp filter does not allow mprotect", 1, true), why)
        assert.is_true(process:is_alive())
    end)
end)

describe("attached to from outside,", function()
    local possible = may_read()
    for _, source in ipairs { "file", "shared", "thp" } do
        it(("a process whose filter allows the calls is huge by %s, and undone"):format(source), function()
            local thp <close> = support.thp("madvise")
            if not (possible and thp) then return pending "neither filters nor the THP mode are this user's" end
            local cache <close> = support.folder("/dev/shm")
            local process <close> = start("perf_event_open kill", "mmap 3 0x40000 kill")
            local words = { "env", "TIEXEC_CACHE=" .. cache.path, support.tiexec, "--sources", source }
            local result = support.run(support.concat(words, { "--attach", tostring(process.pid) }))
            assert.same({ 0, "" }, { result.code, result.err })
            assert.is_true(support.huge_text(process.pid) >= 2 * HUGE)
            result = support.run_tiexec { "--undo", tostring(process.pid) }
            assert.equal(0, result.code, result.err)
            assert.is_true(process:is_alive())
        end)
    end

    for _, filter in ipairs { "mremap kill", "mprotect 2 0x4 kill", "munmap trap", "madvise EPERM" } do
        it(("a process whose filter says %s is left, with a line"):format(filter), function()
            if not possible then return pending "filters cannot be read here: not root, or this process has some" end
            local process <close> = start(filter)
            local result = support.run_tiexec { "--sources", "thp", "--attach", tostring(process.pid) }
            assert.equal(1, result.code, result.err)
            local words = "seccomp filter does not allow " .. filter:match("^%S+")
            assert.truthy(failure.one_line(result):find(words, 1, true), result.err)
            assert.is_true(process:is_alive())
        end)
    end

    it("a process that may not make memory executable by mprotect gets its file's pages", function()
        if not possible then return pending "filters cannot be read here: not root, or this process has some" end
        local folder <close> = support.folder()
        local path = folder.path .. "/program"
        assert(os.execute(("cp %sbigtext_no_pie %s && sync %s"):format(support.programs, path, path)))
        local process <close> = support.start { support.programs .. "deny", "mprotect", "2", "0x4", "kill", path,
            "wait" }
        assert(support.wait_for(function() return support.has_become(process.pid, path) end))
        local result = support.run_tiexec { "--sources", "file", "--attach", tostring(process.pid) }
        if result.err:find("no large folios", 1, true) then return pending "this filesystem has no large folios" end
        assert.same({ 0, "" }, { result.code, result.err })
        assert.is_true(support.huge_text(process.pid) >= 98 << 20)
        assert.is_true(process:is_alive())
    end)
end)
