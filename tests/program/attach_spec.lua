-- SPDX-License-Identifier: Apache-2.0
-- --attach and --undo: a process that runs gets huge pages, and gives them back; its threads notice nothing.

local attached = require "tests.lib.attached"
local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size
local ROUNDS <const> = tonumber(os.getenv("TIEXEC_SOAK")) or support.rounds(10)

-- tiexec starts the program without remapping it: then it lies where its file's pages can be huge.
local CONGRUENT <const> = { support.tiexec, "-s", "none" }

-- The program's children map the file's pages, too. Small cached pages can be dropped only when no child is there.
local function cached_in_huge_pages()
    local process <close> = support.start { support.tiexec, "--sources", "file", support.programs .. "waiting", "idle" }
    -- Some pages are huge before all are, and what is read later by a program without tiexec stays small.
    assert(support.wait_for(function()
        return support.huge_text(process.pid) >= 2 * HUGE and core.status(process.pid, "TracerPid") == 0
    end))
    return failure.as_it_is()
end

local sources = {
    { "file", "FilePmdMapped", cached_in_huge_pages, CONGRUENT },
    { "shared", "ShmemPmdMapped", failure.as_it_is, CONGRUENT },
    { "thp", "AnonHugePages", function() return support.thp("madvise") end },
    { "hugetlb", "_Hugetlb", function() return support.pool(16) end }, -- shared with children, or private
}

-- Asserts that tiexec said nothing, or one line with `words`.
local function said(words, result)
    assert.equal(0, result.code, result.err)
    if not words then return assert.equal("", result.err) end
    assert.truthy(failure.one_line(result):find(words, 1, true), result.err)
end

it("--attach prepares no copy of text whose file will serve", function()
    local host <close> = cached_in_huge_pages()
    local busy <close> = attached.start(CONGRUENT)
    local folder <close> = support.folder("/dev/shm")
    local cache = folder.path .. "/cache"
    local result = support.run { "env", "TIEXEC_CACHE=" .. cache, support.tiexec, "--attach", tostring(busy.pid) }
    assert.equal(0, result.code, result.err) -- some kernels have made its text huge by themselves
    assert.is_true(host and select(2, support.huge_text(busy.pid)) == "FilePmdMapped")
    assert.is_nil(core.stat(cache))
end)

describe("64 threads in the midst of something:", function()
    for _, case in ipairs(sources) do
        local source, field, arrange, words = table.unpack(case)
        it(("attached to by %s and undone, over and over"):format(source), function()
            local host <close> = arrange()
            if not host then return pending("the host cannot be arranged for it: not root, or no memory") end
            local busy <close> = attached.start(words)
            local before, memory, remapped = busy:maps(), attached.memory(busy.pid), 0
            for _ = 1, ROUNDS do
                local result = busy:tiexec("--attach", { "--sources", source })
                -- some kernels map what the page cache has in huge pages so, unasked
                local already = result.err:find("on huge pages already", 1, true)
                said(already and "already" or nil, result)
                remapped = remapped + (already and 0 or 1)
                local bytes, by = support.huge_text(busy.pid)
                assert.is_true(bytes >= 2 * HUGE)
                assert.truthy(by:find(already and "FilePmdMapped" or field, 1, true), by)
                said(already and "nothing to undo" or nil, busy:tiexec("--undo"))
                assert.equal(before, busy:maps())
                attached.same_memory(memory, busy.pid)
                bytes, by = support.huge_text(busy.pid)
                assert.is_true(bytes == 0 or by == "FilePmdMapped", by) -- the page cache may have huge pages
            end
            local code, output = busy:finish()
            assert.equal(0, code, output)
            if remapped == 0 then return pending("this kernel has made its text huge by itself") end
        end)
    end

    it("done twice, the second time is told to be nothing", function()
        local mode <close> = support.thp("madvise")
        local busy <close> = attached.start()
        if mode then said(nil, busy:tiexec("--attach", { "--sources", "thp" })) end
        local maps = busy:maps()
        if mode then said("on huge pages already", busy:tiexec("--attach", { "--sources", "thp" })) end
        assert.equal(maps, busy:maps())
        busy:tiexec("--undo")
        said("nothing to undo", busy:tiexec("--undo"))
        assert.equal(0, (busy:finish()))
    end)

    it("stopped by a signal, they stay stopped, and go on when told to", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local busy <close> = attached.start()
        local function state() return support.read_file(("/proc/%d/stat"):format(busy.pid)):match("%) (%a)") end
        os.execute("kill -STOP " .. busy.pid)
        assert.truthy(support.wait_for(function() return state() == "T" end))
        said(nil, busy:tiexec("--attach", { "--sources", "thp" }))
        assert.is_true(support.huge_text(busy.pid) >= 2 * HUGE)
        local function stopped() return state() == "T" end -- which it is a moment after it was let go
        assert.truthy(support.wait_for(stopped))
        said(nil, busy:tiexec("--undo"))
        assert.truthy(support.wait_for(stopped))
        os.execute("kill -CONT " .. busy.pid)
        assert.truthy(support.wait_for(function() return state() ~= "T" end))
    end)

    it("with huge pages disabled, they have them for their text, and stay as they were", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local busy <close> = attached.start { support.programs .. "as", "no-huge-pages", "--" }
        local function enabled() return core.status(busy.pid, "THP_enabled") end
        assert.equal(0, enabled())
        said(nil, busy:tiexec("--attach", { "--sources", "thp" }))
        assert.equal(0, enabled())
        assert.is_true(support.huge_text(busy.pid) >= 2 * HUGE)
        said(nil, busy:tiexec("--undo"))
        assert.equal(0, support.huge_text(busy.pid))
        assert.equal(0, (busy:finish()))
    end)

    it("with huge pages disabled, and a seccomp filter, nothing is done, and one line tells", function()
        local busy <close> = attached.start { support.programs .. "as", "no-huge-pages", "--",
            support.programs .. "deny", "mremap", "kill" }
        local result = busy:tiexec("--attach", { "--sources", "thp" })
        assert.equal(1, result.code)
        assert.truthy(failure.one_line(result):find("seccomp", 1, true), result.err)
        assert.equal(0, (busy:finish()))
    end)

    it("several processes at once", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local one <close> = attached.start()
        local other <close> = attached.start()
        local result = support.run_tiexec { "--sources", "thp", "--attach", tostring(one.pid), tostring(other.pid) }
        said(nil, result)
        assert.is_true(support.huge_text(one.pid) >= 2 * HUGE)
        assert.is_true(support.huge_text(other.pid) >= 2 * HUGE)
        said(nil, support.run_tiexec { "--undo", ("%d,%d"):format(one.pid, other.pid) })
        assert.same({ 0, 0 }, { (one:finish()), (other:finish()) })
    end)
end)

describe("the tracer killed at any moment:", function()
    -- Strikes the Nth call of the tracer. Gives what became of the program, and of the call.
    local function strike(n)
        local busy <close> = attached.start()
        local log = busy.folder.path .. "/log"
        support.run { "env", "KILLER_PID=" .. busy.pid, "KILLER_AT=" .. n, "KILLER_LOG=" .. log,
            "LD_PRELOAD=" .. support.programs .. "killer", "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0",
            support.dynamic_tiexec, "--sources", "thp", "--attach", tostring(busy.pid) }
        if not support.read_file(log) then return nil end
        if not busy.process:is_alive() then return "gone" end
        local code, output = busy:finish()
        if code == 9 then return "gone" end -- SIGKILL, which has come only now
        -- a tracer that dies cannot mend a call that it has stopped
        local is_right = code == 0 or code == 1 and attached.is_right_but_interrupted(output)
        return is_right and "right" or ("wrong, exit status %s: %s"):format(code, output)
    end

    it("the program serves on, or is gone; it is never wrong", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local counts = { right = 0, gone = 0 } -- how many of each is a matter of time
        local n = 1
        while true do
            local fate = strike(n)
            if not fate then break end
            assert.truthy(counts[fate], ("call %d: %s"):format(n, fate))
            counts[fate] = counts[fate] + 1
            n = support.patience > 1 and n * 3 or n + 1 + n // 8
        end
        io.stdout:write(("[%d right, %d gone]\n"):format(counts.right, counts.gone))
        assert.is_true(counts.right > 0 and counts.right + counts.gone > 5)
    end)
end)

describe("--attach refuses, with one line,", function()
    local function refused(words, why)
        local result = support.run(words)
        assert.equal(125, result.code)
        assert.truthy(failure.one_line(result):find(why, 1, true), result.err)
    end
    local function both(pid, why)
        for _, option in ipairs { "--attach", "--undo" } do refused({ support.tiexec, option, tostring(pid) }, why) end
    end

    it("what is no process", function()
        both("zork", "not a process id")
        both(0, "not a process id")
        both(2 ^ 22 | 0, "there is no such process")
        refused({ support.tiexec, "--attach" }, "a process id is needed")
        refused({ support.tiexec, "--attach", "1", "--undo", "1" }, "exclude each other")
    end)

    it("a thread of the kernel", function()
        if (support.read_file("/proc/2/comm") or "") ~= "kthreadd\n" then return pending("none is seen here") end
        both(2, "thread of the kernel")
    end)

    it("a process that has ended", function()
        local process <close> = support.start { "sh", "-c", "true & exec sleep 60" }
        local zombie = support.wait_for(function()
            local child = support.shell("pgrep -P " .. process.pid).out:match("%d+")
            return child and (support.read_file(("/proc/%s/stat"):format(child)) or ""):find(") Z", 1, true) and child
        end)
        both(zombie, "has ended")
    end)

    it("a process that is traced already", function()
        local busy <close> = attached.start()
        local tracer <close> = support.start { "strace", "-f", "-o", "/dev/null", "-p", tostring(busy.pid) }
        assert.truthy(support.wait_for(function() return core.status(busy.pid, "TracerPid") ~= 0 end))
        both(busy.pid, ("traced already, by strace (process %d)"):format(tracer.pid))
    end)

    it("another user's process", function()
        if not support.is_root then return pending("needs root, to be another user") end
        local busy <close> = attached.start()
        local reachable, remove = require "tests.lib.reachable".folder()
        local nobody = { "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups" }
        for _, option in ipairs { "--attach", "--undo" } do
            local words = table.move({ reachable .. "build/tiexec", option, tostring(busy.pid) }, 1, 3, #nobody + 1,
                { table.unpack(nobody) })
            refused(words, "user 0")
        end
        remove()
        assert.equal(0, (busy:finish()))
    end)
end)
