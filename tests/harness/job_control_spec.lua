-- SPDX-License-Identifier: Apache-2.0
-- SIGSTOP and SIGCONT that come while the inferior does system calls for the tracer.

local support = require "tests.lib.support"
local tiexec = require "tiexec"

local target = support.programs .. "target"

local function send(inferior, signal)
    assert(os.execute(("kill -%s %d"):format(signal, inferior:pid())))
end

local function state_of(inferior)
    return support.read_file(("/proc/%d/stat"):format(inferior:pid())):match("%) (%a)")
end

-- A new inferior that gets these signals one by one, and makes a remote system call after each.
local function signalled(...)
    local inferior = assert(tiexec.launch { target })
    for _, signal in ipairs { ... } do
        send(inferior, signal)
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
    end
    return inferior
end

-- The next event that is no signal. Signals are given back to the inferior.
local function next_event(inferior)
    local event = inferior:wait(30000)
    while event and event.reason == "signal-received" do
        inferior:cont()
        event = inferior:wait(30000)
    end
    return event
end

local function assert_ends(inferior)
    local event = next_event(inferior)
    if not event then inferior:kill() end
    assert.equal(3, event and event.exit_code)
end

describe("during remote system calls", function()
    it("SIGSTOP stops the inferior that is let go, until SIGCONT", function()
        local inferior = signalled("STOP")
        inferior:detach()
        assert.equal("T", support.wait_for(function() return state_of(inferior) == "T" and "T" end))
        send(inferior, "CONT")
        assert_ends(inferior)
    end)

    it("SIGSTOP stops the inferior that is continued, until SIGCONT", function()
        local inferior = signalled("STOP")
        inferior:cont()
        assert.equal("group-stop", next_event(inferior).reason)
        inferior:cont()
        send(inferior, "CONT")
        assert_ends(inferior)
    end)

    it("SIGSTOP and then SIGCONT do not stop the inferior that is let go", function()
        local inferior = signalled("STOP", "CONT")
        inferior:detach()
        assert_ends(inferior)
    end)

    it("SIGSTOP and then SIGCONT do not stop the inferior that is continued", function()
        local inferior = signalled("STOP", "CONT")
        inferior:cont()
        assert_ends(inferior)
    end)

    it("a blocked SIGTRAP stays pending for the process", function()
        local inferior = assert(tiexec.launch { target })
        inferior:sigmask(1 << 4)
        send(inferior, "TRAP")
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
        assert.equal(1 << 4, tiexec.status(inferior:pid(), "ShdPnd", 16))
        inferior:detach()
        assert_ends(inferior)
    end)
end)
