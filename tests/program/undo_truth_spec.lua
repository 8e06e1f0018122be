-- SPDX-License-Identifier: Apache-2.0
-- Unknown is not harmless: --undo claims what can be seen afterwards, says what it cannot tell, and leaves alone what
-- the program itself has done to its mappings.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size

local function maps(pid) return support.read_file(("/proc/%d/maps"):format(pid)) end

local function undo(pid) return support.run_tiexec { "--undo", tostring(pid) } end

-- Starts a copy of a program that has said `line` when it waits, and attaches to it by thp. Gives the process, with
-- `folder`, where the copy lies with those of the further `names`.
local function attached_copy(name, line, names)
    local folder = support.folder()
    for _, each in ipairs(support.concat({ name }, names)) do
        os.execute(("cp %s%s %s"):format(support.programs, each, folder.path))
    end
    local process = support.start(support.concat({ folder.path .. "/" .. name }, not names and { "wait" } or nil),
        (">%s/out"):format(folder.path))
    local self = setmetatable({ pid = process.pid, process = process, folder = folder.path }, { __close = function()
        getmetatable(process).__close(process)
        getmetatable(folder).__close(folder)
    end })
    local ready = support.wait_for(function()
        return (support.read_file(folder.path .. "/out") or ""):find(line, 1, true)
    end)
    local result = support.run_tiexec { "--sources", "thp", "--attach", tostring(process.pid) }
    if ready and result.code == 0 then return self end
    getmetatable(self).__close()
    error(result.err)
end

-- Runs lines of Lua with the process as `inferior`, and `call` for remote calls. `at` is the address of a page in the
-- midst of its executable's text.
local function script(pid, lines)
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/script.lua", ([[
        local inferior <close> = assert(tiexec.attach(tonumber(arg[1])))
        local function call(...) return assert(inferior:remote_syscall(...)) end
        local at
        for _, m in ipairs(inferior:mappings()) do
            if m.perms == "r-xp" then at = at or (m.start + m.stop) // 2 & -4096 end
        end
        %s
        inferior:detach()]]):format(lines))
    local result = support.run_tiexec { "--script", folder.path .. "/script.lua", tostring(pid) }
    assert.equal(0, result.code, result.err)
end

describe("undo", function()
    it("of copies that all processes share: the second time there is nothing to undo", function()
        local cache <close> = support.folder("/dev/shm")
        local process <close> = support.start { "env", "TIEXEC_CACHE=" .. cache.path, support.tiexec, "--strategy",
            "conservative", "--sources", "shared", support.programs .. "waiting", "idle" }
        assert.truthy(support.wait_for(function()
            return support.huge_text(process.pid) >= HUGE and core.status(process.pid, "TracerPid") == 0
        end))
        local result = undo(process.pid)
        assert.equal(0, result.code, result.err)
        assert.equal(0, support.huge_text(process.pid))
        local after = maps(process.pid)
        assert.is_nil(after:find(cache.path, 1, true))
        result = undo(process.pid)
        assert.equal(0, result.code, result.err)
        assert.truthy(failure.one_line(result):find("there is nothing to undo", 1, true), result.err)
        assert.equal(after, maps(process.pid))
    end)

    it("of such copies whose files have been removed", function()
        local cache <close> = support.folder("/dev/shm")
        local process <close> = support.start { "env", "TIEXEC_CACHE=" .. cache.path, support.tiexec, "--strategy",
            "conservative", "--sources", "shared", support.programs .. "waiting", "idle" }
        assert.truthy(support.wait_for(function()
            return support.huge_text(process.pid) >= HUGE and core.status(process.pid, "TracerPid") == 0
        end))
        support.shell("rm " .. cache.path .. "/*")
        local result = undo(process.pid)
        assert.equal(0, result.code, result.err)
        assert.is_nil(maps(process.pid):find(cache.path, 1, true))
        result = undo(process.pid)
        assert.truthy(failure.one_line(result):find("there is nothing to undo", 1, true), result.err)
    end)

    for name, lines in pairs {
        mlock = 'call("mlock", at, 4096)',
        madvise = 'call("madvise", at, 4096, 15)', -- MADV_NOHUGEPAGE
        ["madvise for huge pages"] = 'call("madvise", at, 4096, 14)', -- and there are none
        mprotect = 'call("mprotect", at, 4096, 1)',
    } do
        it("leaves alone what is only split, by " .. name, function()
            local process <close> = support.start { support.programs .. "ample", "wait" }
            assert(support.wait_for(function() return (maps(process.pid) or ""):find("libc", 1, true) end))
            local whole = maps(process.pid)
            script(process.pid, lines)
            local before = maps(process.pid)
            assert.are_not.equal(whole, before)
            local result = undo(process.pid)
            assert.equal(0, result.code, result.err)
            assert.truthy(failure.one_line(result):find("there is nothing to undo", 1, true), result.err)
            assert.equal(before, maps(process.pid))
        end)
    end

    it("of text whose file has been replaced says so", function()
        local thp <close> = support.thp("madvise")
        if not thp then return pending("the THP mode cannot be set: not root?") end
        local copy <close> = attached_copy("ample", "child")
        os.remove(copy.folder .. "/ample")
        os.execute(("cp %sample %s"):format(support.programs, copy.folder))
        local before = maps(copy.pid)
        local result = undo(copy.pid)
        local exe = core.readlink(("/proc/%d/exe"):format(copy.pid))
        assert.truthy(exe:find("deleted", 1, true))
        if result.code == 0 then -- /proc/PID/exe leads to the file all the same
            assert.equal(0, support.huge_text(copy.pid))
        else
            assert.equal(1, result.code)
            assert.truthy(failure.one_line(result):find("replaced or cannot be read", 1, true), result.err)
            assert.equal(before, maps(copy.pid))
        end
    end)

    it("of text whose file has been cut short puts nothing back, and says so", function()
        local thp <close> = support.thp("madvise")
        if not thp then return pending("the THP mode cannot be set: not root?") end
        local copy <close> = attached_copy("needy", "result", { "loadable" })
        os.execute("kill -STOP " .. copy.pid) -- what is left of its file's pages is gone
        os.execute(("truncate -s 1000000 %s/loadable"):format(copy.folder))
        local before = support.huge_text(copy.pid)
        assert.is_true(before > 0)
        local result = undo(copy.pid)
        assert.equal(1, result.code, result.err)
        assert.truthy(failure.one_line(result):find("cut short", 1, true), result.err)
        assert.equal(before, support.huge_text(copy.pid))
    end)

    it("in a process that can open nothing more puts nothing back, and says so", function()
        local thp <close> = support.thp("madvise")
        if not thp then return pending("the THP mode cannot be set: not root?") end
        local copy <close> = attached_copy("ample", "child")
        local before = maps(copy.pid)
        assert.equal(0, support.run { "prlimit", "--nofile=3:3", "--pid", tostring(copy.pid) }.code)
        local result = undo(copy.pid)
        assert.equal(1, result.code, result.err)
        assert.truthy(failure.one_line(result):find("Too many open files", 1, true), result.err)
        assert.equal(before, maps(copy.pid))
    end)
end)
