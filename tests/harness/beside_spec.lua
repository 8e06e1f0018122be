-- SPDX-License-Identifier: Apache-2.0
-- A thread that is made to execute system calls is on its tracer's CPU meanwhile, and nowhere else restricted to it.

local core = require "tiexec.core"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local PAGE <const> = 4096
local WAIT_MS <const> = 20000 * support.patience

-- The CPUs that a task may run on, as the kernel says.
local function cpus_of(task)
    return support.read_file(("/proc/%s/status"):format(task)):match("Cpus_allowed_list:%s*(%S+)")
end

local all <const> = support.read_file("/sys/devices/system/cpu/online"):match("%S+")
local has_several <const> = all ~= "0" and cpus_of("self") == all

local function with_several(test)
    return function()
        if not has_several then return pending("one CPU, or not all") end
        return test()
    end
end

local function map(inferior)
    return assert(inferior:remote_syscall("mmap", 0, PAGE, c.PROT_READ, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0))
end

describe("a thread beside its tracer", function()
    local inferior

    before_each(function()
        inferior = assert(tiexec.launch { support.programs .. "debuggee" })
        inferior:stay_beside(true)
    end)
    after_each(function()
        inferior:kill()
        inferior:close()
    end)

    -- It is beside after a call of memory, and is not any more after `leave`; nor is the tracer.
    local function is_until(leave)
        map(inferior)
        local cpu = cpus_of(inferior:pid())
        assert.truthy(cpu:find("^%d+$"), cpu)
        assert.equal(cpu, cpus_of("thread-self"))
        leave()
        assert.equal(all, cpus_of(inferior:pid()))
        assert.equal(all, cpus_of("thread-self"))
    end

    it("stays so from call to call", with_several(function()
        is_until(function()
            local page = map(inferior)
            assert(inferior:remote_syscall("munmap", page, PAGE))
            assert.not_equal(all, cpus_of(inferior:pid()))
            inferior:stay_beside(false)
        end)
    end))

    it("may run anywhere when it goes on, or steps", with_several(function()
        is_until(function()
            assert(inferior:stepi())
            assert(inferior:wait(WAIT_MS))
        end)
        is_until(function()
            local point = assert(inferior:breakpoint("main"))
            assert(inferior:cont())
            assert.equal("breakpoint-hit", assert(inferior:wait(WAIT_MS)).reason)
            point:delete()
        end)
    end))

    it("may run anywhere in other system calls", with_several(function()
        is_until(function() assert(inferior:remote_syscall("getpid")) end)
        local mask <close> = inferior:lend(("\0"):rep(128))
        is_until(function() assert(inferior:remote_syscall("sched_getaffinity", 0, 128, mask.address)) end)
        local told = string.unpack("<I4", inferior:read_memory(mask.address, 4))
        local status = support.read_file(("/proc/%d/status"):format(inferior:pid()))
        assert.equal(tonumber(status:match("Cpus_allowed:%s*[%x,]-(%x+)\n"), 16), told)
    end))

    it("may run anywhere in functions", with_several(function()
        assert(inferior:breakpoint("main"))
        assert(inferior:cont())
        assert(inferior:wait(WAIT_MS))
        is_until(function() assert(inferior:call("getpid")) end)
    end))

    it("is never so where it would outlive its tracer", with_several(function()
        is_until(function() assert(inferior:exit_kill(false)) end)
        map(inferior)
        assert.equal(all, cpus_of(inferior:pid()))
        assert(inferior:exit_kill(true))
    end))

    it("is let go as it was", with_several(function()
        assert(inferior:breakpoint("main", { temporary = true }))
        assert(inferior:cont())
        assert(inferior:wait(WAIT_MS))
        local pid = inferior:pid()
        is_until(function() core.syscall("kill", pid, c.SIGSTOP) assert(inferior:detach()) end)
        core.syscall("kill", pid, c.SIGKILL)
    end))

    it("leaves its tracer alone when it is gone", with_several(function()
        map(inferior)
        assert.not_equal(all, cpus_of("thread-self"))
        inferior:kill()
        assert.equal(all, cpus_of("thread-self"))
    end))

    it("is none where it is restricted to some CPUs", with_several(function()
        local cpu = all:match("%d+$")
        assert.equal(0, support.run({ "taskset", "-p", "-c", cpu, tostring(inferior:pid()) }).code)
        map(inferior)
        assert.equal(cpu, cpus_of(inferior:pid()))
        assert.equal(all, cpus_of("thread-self"))
    end))

    it("is none unless that is asked for", with_several(function()
        inferior:stay_beside(false)
        map(inferior)
        assert.equal(all, cpus_of(inferior:pid()))
    end))
end)

describe("a program may run on the CPUs on which it might run before", function()
    local attached = require "tests.lib.attached"

    local function assert_on(cpus, pid)
        local count = 0
        for task in support.shell(("ls /proc/%d/task"):format(pid)).out:gmatch("%d+") do
            assert.equal(cpus, cpus_of(task))
            count = count + 1
        end
        assert.is_true(count > 1)
    end

    it("after a start, and after an attach", function()
        local busy <close> = attached.start { support.tiexec }
        assert_on(cpus_of("self"), busy.pid)
        assert.equal(0, support.run({ support.tiexec, "--undo", tostring(busy.pid) }).code)
        assert_on(cpus_of("self"), busy.pid)
        support.run { support.tiexec, "--attach", tostring(busy.pid) }
        assert_on(cpus_of("self"), busy.pid)
    end)

    it("after a start that is restricted, and after an attach", function()
        local busy <close> = attached.start { "taskset", "-c", "0", support.tiexec }
        assert_on("0", busy.pid)
        support.run { support.tiexec, "--attach", tostring(busy.pid) }
        assert_on("0", busy.pid)
    end)
end)
