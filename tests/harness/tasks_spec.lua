-- SPDX-License-Identifier: Apache-2.0
-- Tasks that are born, that end, and that exec at awkward moments: each is told of or let go, and nothing is waited
-- for without a limit.

local core = require "tiexec.core"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local raw = core.extend_inferior {} -- methods as they are in C, which refuse no call
local threads = support.programs .. "threads"
local SIGCHLD <const> = 17

-- Starts the program and waits until it says that it is ready.
local function ready(what)
    local folder <close> = support.folder()
    local out = folder.path .. "/out"
    local process = support.start({ threads, what }, ">" .. out)
    assert(support.wait_for(function() return (support.read_file(out) or ""):find("ready") end))
    return process
end

local function launch(...) return assert(tiexec.launch { ... }) end

-- Waits for an event of a kind; other events are passed over.
local function wait_for(inferior, reason)
    for _ = 1, 10000 do
        local event = assert(inferior:wait(10000))
        if event.reason == reason then return event end
        assert(not event.reason:find("^exited"), event.reason)
        assert(inferior:cont())
    end
end

describe("a launched process", function()
    for _, what in ipairs { "exit", "exec" } do
        it("is told to the end, while threads are born: " .. what, function()
            for _ = 1, support.rounds(20) do
                local inferior <close> = launch(threads, what)
                assert(inferior:cont())
                local event
                repeat
                    event = assert(inferior:wait(10000))
                    if not event.reason:find("^exited") then assert(inferior:cont()) end
                until event.reason:find("^exited")
                assert.equal(6, event.exit_code)
            end
        end)
    end

    it("is killed with its threads, and leaves none behind", function()
        for _ = 1, support.rounds(10) do
            local inferior <close> = launch(threads, "born")
            local pid = inferior:pid()
            assert(inferior:cont())
            while #inferior:threads() < 3 do
                assert(inferior:wait(10000))
                assert(inferior:cont())
            end
            assert(inferior:kill())
            wait_for(inferior, "exited-signalled")
            assert.is_nil(support.read_file(("/proc/%d/stat"):format(pid)))
        end
    end)

    it("that cannot be started leaves no child behind", function()
        local pid = core.getpid()
        local function children() return support.read_file(("/proc/%d/task/%d/children"):format(pid, pid)) end
        local before = children()
        assert.is_nil((tiexec.launch { "/dev/null" }))
        assert.equal(before, children())
    end)
end)

describe("a remote call", function()
    it("that makes a process is told of, once the thread goes on", function()
        local inferior <close> = launch("sleep", "60")
        assert(inferior:follow_fork(true))
        local pid = assert(inferior:remote_syscall("clone", SIGCHLD, 0, 0, 0, 0))
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
        assert(inferior:cont())
        local event = assert(inferior:wait(10000))
        assert.same({ "fork", pid }, { event.reason, event.child })
        local child <close> = assert(inferior:adopt(pid))
        assert(child:kill())
        wait_for(child, "exited-signalled")
        assert(inferior:kill())
        wait_for(inferior, "exited-signalled")
    end)

    -- A program's twin by a remote fork. Both go on to their ends, of which it gives the exit codes.
    local function twin_of(inferior)
        assert(inferior:follow_fork(true))
        local before, mask = inferior:registers "all", inferior:sigmask()
        local pid = assert(inferior:remote_syscall("clone", SIGCHLD, 0, 0, 0, 0))
        assert.same(before, inferior:registers "all")
        assert(inferior:cont { thread = inferior:pid() })
        assert.equal(pid, assert(inferior:wait(10000)).child)
        local child = assert(inferior:adopt(pid))
        assert(inferior:follow_fork(false))
        assert.same(mask, child:sigmask())
        return child, before
    end

    local function ends_of(inferior, child)
        assert(child:cont())
        local its = wait_for(child, "exited").exit_code
        assert(inferior:cont())
        return { wait_for(inferior, "exited").exit_code, its }
    end

    it("that makes a process leaves that where its parent was, with its registers", function()
        local inferior <close> = launch("sh", "-c", "exit 3")
        assert(inferior:advance(inferior:auxv().AT_ENTRY))
        local child <close>, before = twin_of(inferior)
        assert.same(before, child:registers "all")
        assert.same({ 3, 3 }, ends_of(inferior, child))
    end)

    it("that makes a process leaves that where its parent was, at the entry of a system call or in one", function()
        local at_entry <close> = launch("sh", "-c", "cd /; exit 3")
        repeat
            assert(at_entry:cont("syscall"))
            local event = assert(at_entry:wait(10000))
        until event.reason == "syscall-entry" and core.syscall_name(event.syscall) == "chdir"
        do
            local child <close> = twin_of(at_entry)
            assert.same({ 3, 3 }, ends_of(at_entry, child))
        end
        local waits <close> = launch("sleep", "1")
        assert(waits:cont())
        assert(support.wait_for(function()
            return (support.read_file(("/proc/%d/syscall"):format(waits:pid())) or ""):match("^%d+")
                == tostring(core.syscall_number "clock_nanosleep")
        end))
        assert(waits:interrupt())
        local child <close> = twin_of(waits)
        assert.same({ 0, 0 }, ends_of(waits, child))
    end)

    it("that becomes another program is told of", function()
        local inferior <close> = launch("sleep", "60")
        local path <close> = assert(inferior:lend("/bin/true\0"))
        local _, _, errno = raw.remote_syscall(inferior, "execve", path.address, 0, 0)
        assert.equal(c.ESRCH, errno)
        assert.equal("exec", assert(inferior:wait(10000)).reason)
        assert(inferior:cont())
        assert.equal(0, wait_for(inferior, "exited").exit_code)
    end)

    it("that ends the process is told of, although threads live", function()
        for _ = 1, support.rounds(5) do
            local inferior <close> = launch(threads, "born")
            assert(inferior:cont())
            while #inferior:threads() < 3 do
                assert(inferior:wait(10000))
                assert(inferior:cont())
            end
            assert(inferior:interrupt())
            assert(inferior:quit(9))
            local event
            repeat event = assert(inferior:wait(10000)) until event.reason:find("^exited")
            assert.equal(9, event.exit_code)
        end
    end)

    -- How processes are frozen: folder, file, and what is written there, by the version of control groups.
    local freezers = {
        { "/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED" },
        { "/sys/fs/cgroup/unified", "cgroup.freeze", "1", "0" },
        { "/sys/fs/cgroup", "cgroup.freeze", "1", "0" },
    }

    -- A group that freezes what is in it, closed with it; nil: none can be made.
    local function freezer(where, file, frozen, thawed)
        local path = ("%s/tiexec-%d"):format(where, core.getpid())
        if support.shell(("mkdir %s && test -f %s/%s"):format(path, path, file)).code ~= 0 then
            os.execute("rmdir " .. path .. " 2>/dev/null")
            return nil
        end
        local function write(what) return ("echo %s > %s/%s"):format(what, path, file) end
        return setmetatable({ path = path, freeze = write(frozen), thaw = write(thawed) }, { __close = function()
            os.execute(write(thawed))
            support.wait_for(function() return os.execute("rmdir " .. path .. " 2>/dev/null") end)
        end })
    end

    for _, words in ipairs(freezers) do
        local _ = support.read_file(words[1] .. "/cgroup.procs") and it("has a limit where the process is frozen ("
            .. words[2] .. "), and is brought back before it is let go", function()
            local group <close> = freezer(table.unpack(words))
            if not group then return support.pending("no such control group can be made") end
            local process <close> = ready "idle"
            os.execute(("echo %d > %s/cgroup.procs"):format(process.pid, group.path))
            local inferior <close> = assert(tiexec.attach(process.pid))
            assert.equal(process.pid, inferior:remote_syscall("getpid"))
            os.execute(group.freeze)
            local _, _, errno = inferior:remote_syscall("getpid")
            assert.equal(c.ETIMEDOUT, errno)
            os.execute(("(sleep 1; %s) 2>/dev/null &"):format(group.thaw))
            inferior:detach()
            assert.equal(0, core.status(process.pid, "TracerPid"))
            core.pause(100)
            assert.is_true(process:is_alive())
        end)
    end
end)

describe("a step over a breakpoint", function()
    it("that makes a process is told of", function()
        local inferior <close> = launch("sh", "-c", "/bin/true; /bin/true; exit 3")
        assert(inferior:follow_fork(true))
        local breakpoint, children = nil, 0
        assert(inferior:cont("syscall"))
        while true do
            local event = assert(inferior:wait(10000))
            if event.reason:find("^exited") then
                assert.equal(3, event.exit_code)
                break
            end
            if event.child then
                children = children + 1
                if not breakpoint then -- the thread is right behind the instruction
                    local insn = core.host().arch == "x86-64" and 2 or 4
                    breakpoint = assert(inferior:breakpoint(inferior:read_register("pc") - insn, "software"))
                end
                assert(inferior:adopt(event.child)):close()
            end
            assert(inferior:cont()) -- from the breakpoint by a step, which is the system call
        end
        assert.equal(2, children)
    end)
end)

describe("a process whose first thread has ended", function()
    for _, what in ipairs { "leave", "uring" } do
        it("is attached to (" .. what .. ")", function()
            local process <close> = ready(what)
            local inferior <close> = assert(tiexec.attach(process.pid))
            assert.equal(1, #inferior:threads())
            assert.equal(process.pid, inferior:remote_syscall("getpid"))
            local mappings = assert(inferior:mappings(true))
            assert.is_true(#mappings > 0)
            assert.equal("\127ELF", inferior:read_memory(mappings[1].start, 4))
            assert.is_true(inferior:write_memory(mappings[1].start, "\127ELF"))
            assert.is_truthy(inferior:auxv().AT_ENTRY)
            assert(inferior:detach())
            assert.equal(0, core.status(core.living(process.pid), "TracerPid"))
        end)
    end
end)

describe("a launched process whose first thread has ended", function()
    it("is stopped, and has breakpoints set, at once", function()
        local inferior <close> = launch(threads, "leave")
        inferior:cont()
        assert(support.wait_for(function()
            if inferior:wait(1) then inferior:cont() end
            return support.read_file(("/proc/%d/stat"):format(inferior:pid())):find("%) Z")
        end))
        assert(inferior:interrupt())
        assert.equal("interrupted", inferior:stop_reason())
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
        inferior:cont()
        assert(inferior:breakpoint(assert(inferior:auxv()).AT_ENTRY, "software")):delete()
        assert(inferior:kill())
        wait_for(inferior, "exited-signalled")
    end)
end)

describe("an id", function()
    it("that is no process's is refused", function()
        local process <close> = ready "idle"
        assert.has_error(function() tiexec.attach(process.pid + (1 << 32)) end)
        assert.has_error(function() tiexec.attach(-process.pid) end)
        assert.has_error(function() tiexec.attach(0) end)
    end)

    it("that is a thread's is refused, and the process named", function()
        local process <close> = ready "leave"
        local tid = core.living(process.pid)
        local none, why, errno = tiexec.attach(tid)
        assert.same({ nil, c.EINVAL }, { none, errno })
        assert.equal(("attach: %d is a thread of process %d"):format(tid, process.pid), why)
    end)

    it("that another process has by now is left alone", function()
        local process = ready "idle"
        local pid = process.pid
        local inferior <close> = assert(tiexec.attach(pid))
        assert(inferior:detach())
        process:stop("KILL")
        local other <close>, why = support.start_as(pid)
        if not other then return support.pending(why) end
        local _, _, errno = inferior:kill()
        assert.equal(c.ESRCH, errno)
        assert.is_true(other:is_alive())
    end)
end)

describe("a snapshot", function()
    it("of more than all memory is refused", function()
        local inferior <close> = launch("sleep", "60")
        local start = assert(inferior:mappings())[1].start
        local half = 1 << 63
        local none, _, errno = inferior:snapshot { { start = start, stop = start + half }, { start = 0, stop = half } }
        assert.same({ nil, c.EOVERFLOW }, { none, errno })
        assert(inferior:kill())
    end)
end)
