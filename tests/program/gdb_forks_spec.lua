-- SPDX-License-Identifier: Apache-2.0
-- gdb follows forks over `tiexec --gdb` as it does over gdbserver.

local core = require "tiexec.core"
local session = require "tests.lib.gdb_session"
local support = require "tests.lib.support"

local debuggee = support.programs .. "debuggee"

-- Compares two sessions, by what is followed and whether the others are let go. Entry values are not shown: of two
-- functions of one name (_exit) gdb takes that of the library of which it was told first.
local function same(way, follow, detach, commands)
    local first = { "set print entry-values no", "break main", "continue", "set follow-fork-mode " .. follow,
        "set detach-on-fork " .. detach }
    session.same_from("main (argc=2", support.concat(first, commands), { debuggee, way })
end

describe("gdb says of forks over tiexec --gdb what it says over gdbserver:", function()
    it("the parent is followed, and the child runs on", function()
        same("fork", "parent", "on", { "break touch if i == 3", "continue", "continue",
            "info inferiors" })
    end)

    it("the child is followed, and the parent runs on", function()
        same("fork", "child", "on", { "break touch if i >= 2", "continue", "continue", "continue", "info inferiors",
            "backtrace", "print counter", "info threads", "stepi", "finish", "continue", "info inferiors" })
    end)

    it("both are held", function()
        same("fork", "child", "off", { "break touch if i >= 2", "continue", "continue", "continue", "info inferiors",
            "info threads", "print counter", "set var counter=100", "continue", "info inferiors", "inferior 1",
            "print counter", "catch syscall exit_group", "continue", "print counter", "continue" })
    end)

    it("both are held, and both go on", function()
        same("fork", "parent", "off", { "delete", "break touch if i == 2", "continue", "set schedule-multiple on",
            "catch fork", "continue", "info inferiors", "continue", "info inferiors", "delete", "continue",
            "info inferiors", "kill inferiors 1 2", "info inferiors" })
    end)

    it("one of those that are held is let go, or killed", function()
        same("fork", "parent", "off", { "catch fork", "continue", "inferior 1", "stepi", "info inferiors",
            "detach inferiors 2", "info inferiors", "continue" })
        same("fork", "parent", "off", { "catch fork", "continue", "stepi", "kill inferiors 2", "info inferiors",
            "continue" })
        same("fork", "child", "off", { "break touch if i == 2", "continue", "continue", "detach inferiors 1",
            "info inferiors", "continue" })
    end)

    it("the parent of a vfork is followed", function()
        same("vfork", "parent", "on", { "break touch if i == 3", "continue", "catch vfork", "continue", "continue",
            "backtrace", "continue" })
    end)

    it("the child of a vfork is followed, and becomes another program", function()
        same("vfork", "child", "on", { "break touch if i == 3", "continue", "catch exec", "continue", "delete",
            "break work", "continue", "info inferiors", "delete", "handle SIGUSR1 nostop noprint pass", "continue",
            "info inferiors" })
    end)
end)

describe("tiexec --gdb", function()
    -- Commands of gdb's that wait for a line of /proc/PID/status.
    local waiting = [[python
import gdb, os, re, time
def field(pid, name):
    return re.search("^" + name + r":\s*(\S+)", open("/proc/%d/status" % pid).read(), re.M).group(1)
def until(pid, name, value):
    limit = time.time() + 30
    while field(pid, name) != value and time.time() < limit: time.sleep(.001)
    print(name, field(pid, name) == value)
child = gdb.selected_inferior().pid
parent = int(field(child, "PPid"))
until(parent, "State", "S")
os.kill(parent, 10)
until(parent, "ShdPnd", "0000000000000000")
until(child, "State", "t")
end
]]

    it("lets a parent that gdb has detached from run on, with its signals, while gdb stands in the child", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/waiting", waiting)
        local out = session.run(session.pipe { debuggee, "fork" }, debuggee, { "set follow-fork-mode child",
            "catch fork", "continue", "break touch", "continue", "source " .. folder.path .. "/waiting", "kill" })
        assert.matches("Detaching after fork from parent", out)
        assert.matches("Breakpoint 2, touch", out)
        assert.matches("State True\nShdPnd True\nState True\n", out)
    end)

    it("gives the exit status of CMD, whomever gdb has followed", function()
        local process <close> = support.start({ "sh", "-c", '"$0" --gdb 0 "$1" fork 2>&1 >/dev/null; echo "status $?"',
            support.tiexec, debuggee }, "2>&1")
        local port = process.pipe:read("l"):match("target remote 127%.0%.0%.1:(%d+)$")
        local out = session.run("127.0.0.1:" .. port, debuggee, { "set follow-fork-mode child", "break touch if i == 2",
            "continue", "continue", "print i", "continue" })
        assert.matches("Inferior 2 .- exited with code 03", out)
        assert.equal("status 3", process.pipe:read("l"))
    end)

    it("leaves nobody stopped when gdb is gone", function()
        local out = session.run(session.pipe { debuggee, "fork" }, debuggee, { "set detach-on-fork off", "catch fork",
            "continue", "stepi", "python import os, sys",
            "python print('pids', *[i.pid for i in gdb.inferiors()]); sys.stdout.flush()",
            "python os.kill(os.getpid(), 9)" })
        local parent, child = out:match("pids (%d+) (%d+)")
        assert.is_truthy(child, out)
        assert.is_true(support.wait_for(function()
            return not core.status(math.tointeger(parent), "VmSize")
                and not core.status(math.tointeger(child), "VmSize")
        end))
    end)
end)
