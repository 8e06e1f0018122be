-- SPDX-License-Identifier: Apache-2.0
-- The kernel's records of a family of processes, which nobody traces.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local c = core.constants
local LEAST <const> = 128 << 10

-- Starts a shell that waits for a line, and rings that it is in. To be closed.
local function start(script, size)
    local folder = support.folder()
    assert(os.execute("mkfifo " .. folder.path .. "/in"))
    local process = support.start({ "sh", "-c", "read x; " .. script }, ("<>%s/in"):format(folder.path))
    assert(support.wait_for(function()
        return (support.read_file(("/proc/%d/cmdline"):format(process.pid)) or ""):find("^sh%z%-c%zread x")
    end))
    local rings = assert(core.rings(size or 32768))
    assert(rings:begin(process.pid))
    assert(rings:ready(10000))
    local self = { pid = process.pid, rings = rings, path = folder.path }
    function self.send() support.write_file(folder.path .. "/in", "\n") end
    return setmetatable(self, { __close = function()
        rings:close()
        getmetatable(process).__close(process)
        getmetatable(folder).__close()
    end })
end

-- Reads until all have ended. Returns the records, and whether some were lost.
local function read_all(family, threads)
    local all, lost = {}, false
    local ok, why, errno
    repeat
        ok, why, errno = family.rings:wait(10000)
        local records, some = family.rings:read(LEAST, threads)
        table.move(records, 1, #records, #all + 1, all)
        lost = lost or some
    until not ok
    assert.equal(c.ESRCH, errno, why)
    return all, lost
end

local function count(records, kind)
    local n = 0
    for _, record in ipairs(records) do n = n + (record.kind == kind and 1 or 0) end
    return n
end

describe("rings", function()
    it("tell in order of time what has happened on several CPUs", function()
        -- forked on the second CPU, where there is one, and exec'd on the first
        local script = "taskset -p 2 $$ >/dev/null 2>&1; i=0; while [ $i -lt 60 ]; do i=$((i + 1));"
            .. " taskset 1 /bin/true & done; wait"
        local family <close> = start(script, 1 << 20)
        family.send()
        local records, last = read_all(family), 0
        local seen = { [family.pid] = true }
        for _, record in ipairs(records) do
            assert.is_true(record.time >= last)
            last = record.time
            if record.kind == "forked" then seen[record.pid] = true end
            assert.is_true(seen[record.pid], record.kind)
            if record.kind == "ended" then seen[record.pid] = nil end
        end
        assert.is_true(count(records, "exec") >= 120)
    end)

    it("tell of each fork, exec, mapping of text and end, and of the end of all", function()
        local family <close> = start [[for i in 1 2 3; do /bin/true; done; (sh -c 'exec /bin/true') & wait]]
        family.send()
        local records, lost = read_all(family)
        assert.is_false(lost)
        assert.equal(5, count(records, "exec"))
        assert.equal(4, count(records, "forked"))
        assert.equal(5, count(records, "ended"))
        assert.is_true(count(records, "mapped") >= 5) -- the C library at least
        local seen = { [family.pid] = true }
        for _, record in ipairs(records) do
            if record.kind == "forked" then
                assert.is_true(seen[record.parent])
                assert.is_nil(seen[record.pid])
                seen[record.pid] = true
            end
            assert.is_true(seen[record.pid], record.kind)
            assert.is_true(record.kind ~= "mapped" or record.stop - record.start >= LEAST)
        end
    end)

    it("tell of threads where that is asked for", function()
        local family <close> = start(support.quote { support.programs .. "threads", "exit" } .. "; true")
        family.send()
        local threads = 0
        for _, record in ipairs((read_all(family, true))) do
            if record.kind == "forked" and record.parent == record.pid then threads = threads + 1 end
        end
        assert.is_true(threads > 0)
    end)

    it("tell when they were full", function()
        local family <close> = start("for i in $(seq 200); do /bin/true; done; echo x >out; read x", 8192)
        family.send()
        assert(support.wait_for(function()
            return support.shell("pgrep -P " .. family.pid).out == "" and select(2, family.rings:read(LEAST))
        end))
    end)

    it("take in a thread, and refuse what has ended", function()
        local family <close> = start "true"
        local other <close> = support.start { "sleep", "60" }
        assert.is_true(family.rings:add(other.pid))
        other:stop "KILL"
        local ok, _, errno = family.rings:add(other.pid)
        assert.is_nil(ok)
        assert.equal(c.ESRCH, errno)
        family.send()
        local records = read_all(family)
        assert.is_true(count(records, "ended") == 2)
        assert.is_nil(family.rings:grow())
    end)

    it("are refused by the kernel where it has reasons to", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/script.lua", [[local core = require "tiexec.core"
            local rings <close> = core.rings(8192)
            assert(rings:begin(core.getpid()))
            print(select(3, rings:ready(5000)))]])
        local result = support.run { support.programs .. "deny", "perf_event_open", "EACCES", support.tiexec,
            "--script", folder.path .. "/script.lua" }
        assert.equal(c.EACCES .. "\n", result.out, result.err)
    end)

    it("are not asked for where there are very many CPUs", function()
        local permission = require "tiexec.watch.permission"
        assert.truthy(permission.refusal(0):find("each new thread would cost too much on a host with %d+ CPU"))
        local refused = permission.refusal() or ""
        assert.is_nil(refused:find("CPUs", 1, true) and tonumber(support.shell("nproc").out) < 64 or nil)
    end)
end)
