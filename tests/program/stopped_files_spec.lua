-- SPDX-License-Identifier: Apache-2.0
-- The host's files while a process stands still: none is opened, and nothing is written, since whoever serves or reads
-- it may be the process that stands still.

local core = require "tiexec.core"
local disk = require "tests.lib.disk"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local T <const> = core.realpath(support.tiexec)

-- Words that run a command behind a time limit.
local function limited(words) return support.concat({ "timeout", "-s", "KILL", "60" }, words) end

-- The calls that tiexec makes, from the first thread that it seizes to the last that it lets go, and that have to do
-- with files, except those of /proc and /sys, which are the kernel's own.
local function calls_while_stopped(trace)
    local list, first, last = {}, nil, 0
    for line in trace:gmatch("[^\n]+") do
        list[#list + 1] = line
        if line:find("PTRACE_SEIZE", 1, true) then first = first or #list end
        if line:find("PTRACE_DETACH", 1, true) then last = #list end
    end
    local found = {}
    for i = first or 1, last do
        local is_link = false -- which leads to a file elsewhere
        for _, link in ipairs { "exe", "fd/", "root/", "map_files/", "cwd/" } do
            is_link = is_link or list[i]:find('open[^"]*"/proc/%w+/' .. link) ~= nil
        end
        -- lines of signals begin with "-", the rest of an interrupted call with "<"
        local is_known = list[i]:find("^[-+<]") or list[i]:find("ptrace(", 1, true)
            or list[i]:find('"/proc/', 1, true) and not is_link
            or list[i]:find("cachestat(", 1, true) or list[i]:find("syscall_0x1c3(", 1, true) -- of a file that is open
            or list[i]:find('"/sys/', 1, true) or list[i]:find('statx?a?t?%(%d+, ""')
        if not is_known then found[#found + 1] = list[i] end
    end
    return found
end

describe("a plan that is made before the stop, to see what will be needed,", function()
    it("is not heard of", function()
        local folder <close> = support.folder()
        local cache <close> = support.folder("/dev/shm")
        local own = folder.path .. "/own.lua"
        support.write_file(own, [[return { sources = { "shared" }, plan = function(description)
            print("planned", description.stage)
            return {}
        end }]])
        local process <close> = support.start_tiexec { "-s", "none", support.programs .. "ample", "wait" }
        assert(support.wait_for(function() return core.status(process.pid, "TracerPid") == 0 end))
        local result = support.run(limited { "env", "TIEXEC_CACHE=" .. cache.path, T, "--page-size", "2M", "-s", own,
            "--attach", tostring(process.pid) })
        local _, count = result.err:gsub("planned\tattach\n", "")
        assert.same({ 0, 1 }, { result.code, count }, result.err)
    end)
end)

describe("a strategy that is not there", function()
    it("is told of without a stop", function()
        if support.run({ "strace", "-V" }).code ~= 0 then return pending("no strace") end
        local folder <close> = support.folder()
        local process <close> = support.start { "sleep", "60" }
        local log = folder.path .. "/trace"
        local result = support.run(limited { "strace", "-f", "-o", log, "-e", "trace=ptrace", T,
            "-s", "no-such-strategy", "--attach", tostring(process.pid) })
        assert.equal(1, result.code)
        assert.truthy(failure.one_line(result):find("no-such-strategy", 1, true))
        assert.is_nil(support.read_file(log):find("ptrace(", 1, true))
    end)
end)

describe("while a process stands still", function()
    local strace = support.run { "strace", "-V" }.code == 0

    for _, source in ipairs { "file", "shared", "thp" } do
        it(("%s: only files of /proc are opened, and nothing is written"):format(source), function()
            if not strace then return pending("no strace") end
            local thp <close> = support.thp("madvise")
            if not thp then return pending("the THP mode cannot be set: not root?") end
            local folder <close> = support.folder()
            local cache <close> = support.folder("/dev/shm")
            -- a strategy outside of tiexec's own folders
            support.write_file(folder.path .. "/own.lua", support.read_file("scripts/strategies/conservative.lua"))
            -- What lld has linked is never on huge pages of the page cache, as which nothing would be done.
            local name = source == "shared" and "shareable-lld" or "ample"
            local process <close> = support.start_tiexec { "-s", "none", support.programs .. name, "wait" }
            local function traced(words)
                local log = folder.path .. "/trace"
                local result = support.run(limited(support.concat({ "env", "TIEXEC_CACHE=" .. cache.path, "strace",
                    "-o", log, "-e", "trace=file,ptrace,write,rename,unlink,openat,close_range", T }, words)))
                assert.equal(0, result.code, result.err)
                return calls_while_stopped(support.read_file(log)), result
            end
            -- the first one makes the cache's copy
            local words = { "-v", "--debug", "maps,plan,syscalls,timing", "--perf-map", "--strategy",
                folder.path .. "/own.lua", "--report", folder.path .. "/report", "--sources", source, "--attach",
                tostring(process.pid) }
            local calls, result = traced(words)
            for _, call in ipairs(calls) do
                -- the copy gets its name, in a folder on tmpfs that is open already: nobody is asked for that
                assert.truthy(source == "shared" and call:find("^renameat.*%(%d+, \"shareable%-lld@"), call)
            end
            assert.truthy(result.err:find("timing: stopped %d+%.%d%d ms"), result.err)
            assert.truthy(support.huge_text(process.pid) > 0)
            assert.truthy((support.read_file(folder.path .. "/report") or ""):find('"huge_bytes"', 1, true))
            assert.same({}, (traced { "--debug", "timing", "--undo", tostring(process.pid) }))
            assert.same({}, (traced(words))) -- now there is a copy
            os.remove(("/tmp/perf-%d.map"):format(process.pid))
        end)
    end
end)

-- Starts a listener to a filesystem that has its own file, in a mount namespace of its own.
local function listener()
    local folder = support.folder()
    local script = ([[mount -t tmpfs none '%s' && cp '%s' '%s/listening' && exec '%s/listening' '%s']]):format(
        folder.path, core.realpath(support.programs .. "listening"), folder.path, folder.path, folder.path)
    local process = support.start({ "unshare", "-m", "--propagation", "private", "sh", "-c", script },
        (">%s.out 2>&1 </dev/null"):format(folder.path))
    local ready = support.wait_for(function()
        return (support.read_file(folder.path .. ".out") or ""):find("listening\n", 1, true)
            or not process:is_alive()
    end)
    return setmetatable({ pid = process.pid, process = process, ready = ready and process:is_alive() }, {
        __close = function()
            getmetatable(process).__close(process)
            os.remove(folder.path .. ".out")
            getmetatable(folder).__close(folder)
        end })
end

describe("a listener of fanotify that is asked for each reading of its own file", function()
    it("is attached to in limited time, and goes on", function()
        local here <close>, why = disk.make("listening")
        if not here then return pending(why) end
        local program <close> = support.start({ here.path, here.mount, "reads" }, ">" .. here.folder.path .. "/out")
        local ready = support.wait_for(function()
            return (support.read_file(here.folder.path .. "/out") or ""):find("listening\n", 1, true)
                or not program:is_alive()
        end)
        if not ready or not program:is_alive() then return pending("no fanotify") end
        local result = support.run(limited { T, "--sources", "file", "--attach", tostring(program.pid) })
        assert.same({ 1, true }, { result.code, program:is_alive() }, result.err)
        assert.truthy(failure.one_line(result):find("cannot be read while the program stands still", 1, true))
        assert.equal(0, core.status(program.pid, "TracerPid"))
        assert.equal("listening", support.read_file(here.path):match("listening")) -- for which it is asked
    end)
end)

describe("a listener of fanotify that is asked for each opening of its own file", function()
    for _, source in ipairs { "file", "shared", "thp" } do
        it(("is attached to by %s, and undone"):format(source), function()
            local thp <close> = support.thp("madvise")
            if not thp then return pending("the THP mode cannot be set: not root?") end
            local program <close> = listener()
            if not program.ready then return pending("no fanotify, or no tmpfs can be mounted") end
            local cache <close> = support.folder("/dev/shm")
            -- within its mount namespace, where opening its file waits for it
            local function tiexec(words)
                return support.run(limited(support.concat({ "nsenter", "-m", "-t", tostring(program.pid), "env",
                    "TIEXEC_CACHE=" .. cache.path, T }, words)))
            end
            local result = tiexec { "--sources", source, "--attach", tostring(program.pid) }
            assert.equal(0, result.code, result.err)
            assert.is_true(support.huge_text(program.pid) > 0)
            result = tiexec { "--undo", tostring(program.pid) }
            assert.equal(0, result.code, result.err)
            assert.is_true(program.process:is_alive())
            assert.truthy(result.err == "" or failure.one_line(result))
        end)
    end
end)
