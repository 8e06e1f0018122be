-- SPDX-License-Identifier: Apache-2.0
-- What --attach and --undo do while a process stands still, counted: however many threads, mappings and bytes of text
-- it has, each costs little.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local crowd <const> = support.programs .. "crowd"
local MIB <const> = 1 << 20
-- strace takes long for each call where CPUs are emulated.
local is_slow <const> = support.patience > 1
local NO_SCAN <const> = "details alone tell which pages are huge before Linux 6.7 (PAGEMAP_SCAN)"
local THREADS <const>, MAPPINGS <const> = is_slow and 50 or 200, is_slow and 1000 or 4000

-- Starts the program, and calls a function with its process id.
local function with_crowd(threads, mappings, f)
    local folder <close> = support.folder()
    local output = folder.path .. "/out"
    local process <close> = support.start({ crowd, tostring(threads), tostring(mappings) }, (">%s 2>&1"):format(output))
    assert(support.wait_for(function() return (support.read_file(output) or ""):find("ready", 1, true) end))
    return f(process.pid)
end

-- The calls of tiexec's from when all threads are seized to when the last one is let go.
local function calls_of(cache, ...)
    local folder <close> = support.folder()
    local log = folder.path .. "/trace"
    local words = { "strace", "-f", "-o", log, "-e", "signal=none", "env", "TIEXEC_CACHE=" .. cache, support.tiexec,
        "--page-size", "2M", ... }
    local limit = ("%d"):format(60 * support.patience)
    local result = support.run(support.concat({ "timeout", "-s", "KILL", limit }, words))
    assert.equal(0, result.code, result.err)
    local list, last = {}, nil
    for line in support.read_file(log):gmatch("[^\n]+") do
        if line:find("PTRACE_SEIZE", 1, true) then list = {} end
        list[#list + 1] = line
        if line:find("PTRACE_DETACH", 1, true) then last = #list end
    end
    return { table.unpack(list, 1, last) }
end

local function count(list, pattern)
    local n = 0
    for _, line in ipairs(list) do
        if line:find(pattern) then n = n + 1 end
    end
    return n
end

-- How many bytes calls that a pattern fits have returned.
local function bytes(list, pattern)
    local sum = 0
    for _, line in ipairs(list) do
        if line:find(pattern) then sum = sum + (tonumber(line:match("= (%d+)$")) or 0) end
    end
    return sum
end

-- Remaps a crowd's text by a source and puts it back. Gives the calls of each.
local function both(threads, mappings, source)
    return with_crowd(threads, mappings, function(pid)
        local cache <close> = support.folder("/dev/shm")
        local attach = calls_of(cache.path, "--sources", source, "--attach", tostring(pid))
        return attach, calls_of(cache.path, "--undo", tostring(pid))
    end)
end

describe("while a process stands still", function()
    local function test(name, f)
        it(name, function()
            if support.run({ "strace", "-V" }).code ~= 0 then return pending("no strace") end
            return f()
        end)
    end

    test("each of its threads costs a few calls, and none is looked for among the others", function()
        local few, many = { both(8, 0, "file") }, { both(8 + THREADS, 0, "file") }
        for i, what in ipairs { "attach", "undo" } do
            local each = (count(many[i], "ptrace%(") - count(few[i], "ptrace%(")) / THREADS
            -- On AArch64 the number of a system call is in a register set of its own.
            local most = core.host().arch == "aarch64" and 6.5 or 5.3
            assert.is_true(each <= most, ("%s: %.1f requests for each thread"):format(what, each))
            local any = count(many[i], "wait4%(%-1")
            assert.is_true(any <= 8, ("%s: %d waits for any thread"):format(what, any))
        end
    end)

    test("its mappings are read a few times, and their details once", function()
        if not core.pagemap(core.syscall "getpid", 0, 4096) then return pending(NO_SCAN) end
        local attach, undo = both(1, 0, "file")
        assert.same({ true, 1 }, { count(attach, '/maps"') <= 4, count(attach, '/smaps"') })
        assert.same({ true, 1 }, { count(undo, '/maps"') <= 3, count(undo, '/smaps"') })
    end)

    test("no timer is set for each of its calls", function()
        local attach, undo = both(1, 0, "file")
        for what, list in pairs { attach = attach, undo = undo } do
            local set = count(list, "timer_settime")
            assert.is_true(set <= 4, ("%s: %d"):format(what, set))
            assert.is_true(count(list, "PTRACE_SYSCALL") >= 4)
        end
    end)

    test("the details of mappings above the text are not read", function()
        if not core.pagemap(core.syscall "getpid", 0, 4096) then return pending(NO_SCAN) end
        local few, many = both(1, 0, "file"), both(1, MAPPINGS, "file")
        -- A read gives the details of five mappings, or 80 lines of maps.
        local more = count(many, " read%(") - count(few, " read%(")
        assert.is_true(more < MAPPINGS / 5, ("%d reads more"):format(more))
    end)

    test("the file's own text is not read to be put back", function()
        local _, undo = both(4, 0, "file")
        assert.is_true(bytes(undo, "process_vm_readv") + bytes(undo, " p?read[v6]?4?%(") < MIB)
    end)

    test("a copy is read once to be put back, in pieces that the caches hold", function()
        local _, undo = both(4, 0, "shared")
        local read = bytes(undo, "process_vm_readv")
        assert.is_true(4 * MIB <= read and read < 10 * MIB, ("%d bytes"):format(read))
        assert.equal(0, count(undo, "process_vm_readv.*= %d%d%d%d%d%d%d"))
    end)
end)

describe("mappings", function()
    it("side by side, of memory alone, are one if that is asked for; nothing else is left out", function()
        with_crowd(1, 1000, function(pid)
            local all, joined, total = core.mappings(pid), core.mappings(pid, false, true)
            assert.equal(#all, total)
            assert.is_true(#joined < #all - 900, #joined .. " of " .. #all)
            local i = 1
            if all[#all].start < 0 then table.remove(all) end -- the vsyscall page, above all others
            for _, m in ipairs(all) do
                while joined[i].stop <= m.start do i = i + 1 end
                assert.is_true(joined[i].start <= m.start and m.stop <= joined[i].stop)
                if m.path ~= "" or m.perms:find("x", 1, true) then assert.same(m, joined[i]) end
            end
        end)
    end)

    it("are read up to a limit", function()
        with_crowd(1, 1000, function(pid)
            local all = core.mappings(pid, true)
            for _, i in ipairs { 1, 2, 5, #all // 2, #all - 2 } do
                local some = core.mappings(pid, true, false, all[i].start + 1)
                assert.same({ i, all[i].stop }, { #some, some[i].stop })
                assert.same(all[i].vm_flags, some[i].vm_flags)
            end
            assert.same({}, core.mappings(pid, true, true, all[1].start))
        end)
    end)
end)
