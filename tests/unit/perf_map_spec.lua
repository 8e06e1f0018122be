-- SPDX-License-Identifier: Apache-2.0
-- The file /tmp/perf-PID.map: what is in it, whose it is, and what it does not overwrite.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local c = core.constants
local busy = support.programs .. "busy"
local BIAS <const>, NOBODY <const>, PAGE <const> = 0x7f0000000000, 65534, 4096

-- A process to write for, with words before it; its map is removed when closed.
local function target(prefix)
    local words = { table.unpack(prefix) }
    local process = support.start(table.move({ "sleep", "600" }, 1, 2, #words + 1, words))
    process.map = ("/tmp/perf-%d.map"):format(process.pid)
    os.remove(process.map)
    return setmetatable({ pid = process.pid, map = process.map }, { __index = process, __close = function()
        getmetatable(process).__close(process)
        os.remove(process.map)
    end })
end

local as_nobody <const> = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }

local function started(process, name)
    return support.wait_for(function()
        return (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):match("[^/]*$") == name
    end)
end

local function text(from, to, path)
    return { { path = path or busy, start = BIAS + from, stop = BIAS + to, bias = BIAS } }
end

local function nm(name) return tonumber(support.shell("nm " .. busy).out:match("(%x+) %a " .. name .. "\n"), 16) end

local function lines_of(path)
    local list = {}
    for start, size, name in support.read_file(path):gmatch("(%x+) (%x+) ([^\n]+)\n") do
        list[#list + 1] = { start = math.tointeger("0x" .. start), size = math.tointeger("0x" .. size), name = name }
    end
    return list
end

local function temporaries(pid)
    return support.shell(("ls -A /tmp | grep '^[.]perf-%d[.]' || true"):format(pid)).out
end

describe("a perf map", function()
    it("has the functions of a range, in order, one name for each address, where they lie", function()
        local process <close> = target {}
        local from, to = nm "work_00010", nm "work_00020"
        assert.equal(process.map, core.perf_map(process.pid, text(from, to)))
        local lines = lines_of(process.map)
        assert.equal(4, #lines) -- 10 to 13, in base 4
        for i, line in ipairs(lines) do
            assert.equal(BIAS + from + (i - 1) * PAGE, line.start)
            assert.equal("work_0001" .. i - 1, line.name)
            assert.is_true(line.size > 16 and line.size < PAGE)
        end
    end)

    it("has a function that begins before the range, and of several ranges all", function()
        local process <close> = target {}
        local from = nm "work_00010"
        local texts = { text(from + 8, from + PAGE)[1], text(nm "work_00100", nm "work_00101")[1] }
        assert(core.perf_map(process.pid, texts))
        local lines = lines_of(process.map)
        assert.same({ "work_00010", "work_00100" }, { lines[1].name, lines[2] and lines[2].name })
        assert.equal(BIAS + from, lines[1].start)
    end)

    it("is the user's own, readable by all, and leaves no temporary", function()
        if not support.is_root then return pending("only root can be another") end
        local process <close> = target(as_nobody)
        assert(started(process, "sleep"))
        assert(core.perf_map(process.pid, text(0, 1 << 30)))
        local stat = core.stat(process.map, true)
        assert.same({ NOBODY, 420 }, { stat.uid, stat.mode & 511 })
        assert.equal("", temporaries(process.pid))
        assert.is_true(#lines_of(process.map) >= 1024)
    end)

    it("does not touch what a link of its name leads to", function()
        local folder <close> = support.folder()
        local victim = folder.path .. "/victim"
        for _, append in ipairs { false, true } do
            local process <close> = target {}
            support.write_file(victim, "mine")
            assert(os.execute(("ln -s %s %s"):format(victim, process.map)))
            assert(core.perf_map(process.pid, text(0, 1 << 30), append))
            assert.equal("mine", support.read_file(victim))
            assert.is_nil(core.readlink(process.map))
            assert.is_true(#lines_of(process.map) >= 1024)
        end
    end)

    it("is refused where another user's file is in its place, which stays", function()
        if not support.is_root then return pending("only root can be another") end
        for _, append in ipairs { false, true } do
            local process <close> = target(as_nobody)
            assert(started(process, "sleep"))
            support.write_file(process.map, "root's")
            local name, why, errno = core.perf_map(process.pid, text(0, 1 << 30), append)
            assert.is_nil(name)
            assert.equal(c.EPERM, errno)
            assert.truthy(why:find(process.map, 1, true))
            assert.equal("root's", support.read_file(process.map))
            assert.equal("", temporaries(process.pid))
        end
    end)

    it("takes the place of an old one, or goes on in it", function()
        local process <close> = target {}
        support.write_file(process.map, "1000 10 old\n")
        assert(core.perf_map(process.pid, text(nm "work_00010", nm "work_00011"), true))
        local names = {}
        for i, line in ipairs(lines_of(process.map)) do names[i] = line.name end
        assert.same({ "old", "work_00010" }, names)
        assert(core.perf_map(process.pid, text(nm "work_00020", nm "work_00021"), false))
        assert.equal("work_00020", lines_of(process.map)[1].name)
        assert.equal(1, #lines_of(process.map))
    end)

    it("is in the process's own /tmp, under the id that it has there", function()
        local process <close> = target { "unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c",
            "mount -t tmpfs none /tmp && exec \"$@\"", "sh" }
        local inner
        support.wait_for(function()
            local pid = support.shell("pgrep -P " .. process.pid).out:match("%d+")
            inner = pid and (core.readlink("/proc/" .. pid .. "/exe") or ""):find("/sleep$") and math.tointeger(pid)
            return inner or not process:is_alive()
        end)
        if not inner then return pending("no namespaces here: not root?") end
        assert.equal("/tmp/perf-1.map", core.perf_map(inner, text(0, 1 << 30)))
        assert.is_true(#lines_of(("/proc/%d/root/tmp/perf-1.map"):format(inner)) >= 1024)
        assert.is_nil(support.read_file(("/tmp/perf-%d.map"):format(inner)))
    end)

    it("cannot be made of what is no ELF file, nor for a process that is gone", function()
        local process <close> = target {}
        assert.equal(c.ENOEXEC, select(3, core.perf_map(process.pid, text(0, 1, "/etc/passwd"))))
        assert.equal(c.ENOENT, select(3, core.perf_map(process.pid, text(0, 1, "/no/such/file"))))
        assert.is_nil(support.read_file(process.map))
        assert.is_nil((core.perf_map(0x3fffffff, text(0, 1 << 30))))
    end)

    it("raises for what is no list of texts", function()
        assert.has_error(function() core.perf_map(1, "x") end)
        assert.has_error(function() core.perf_map(1, { 3 }) end)
        assert.has_error(function() core.perf_map(1, { { path = busy, start = 1.5, stop = 2, bias = 0 } }) end)
        assert.has_error(function() core.perf_map(1, { { start = 1, stop = 2, bias = 0 } }) end)
    end)
end)
