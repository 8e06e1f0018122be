-- SPDX-License-Identifier: Apache-2.0
-- gdb debugs programs that `tiexec --gdb` serves: what it says is what it says of gdbserver's.

local core = require "tiexec.core"
local session = require "tests.lib.gdb_session"
local support = require "tests.lib.support"

local debuggee, deep = support.programs .. "debuggee", support.programs .. "deep"

local function same_from(text, commands, words) session.same_from(text, commands, words or { debuggee }) end

describe("gdb says of tiexec --gdb what it says of gdbserver:", function()
    it("a session of many commands", function()
        same_from("main (argc=1", { "break main", "continue", "info breakpoints", "backtrace", "print pair",
            "print $_siginfo.si_signo", "x/4xw &pair", "print add(3, 4)", "tbreak touch", "continue", "info args",
            "finish", "watch counter", "continue", "continue", "info threads", "delete 3", "catch syscall mprotect",
            "continue", "continue", "backtrace 3", "delete", "break work", "continue", "info threads",
            "thread apply all backtrace -1", session.thread(1), "backtrace -1", "thread 2", "next", "next", "step",
            "up",
            "info frame", "delete", "handle SIGUSR1 stop print pass", "continue", "print $_siginfo.si_signo",
            "print $_siginfo._sifields._kill.si_uid", "set var counter=7", "stepi", "nexti", "x/2i $pc",
            "display counter", "break add", "continue", "finish", "print $eflags", "print $mxcsr", "print $st0",
            "print $xmm0.uint128 != 1", "info registers rax rbx rdx rsi rdi eflags cs ss orig_rax", "print ratio",
            "find &pair, +20, 's', 'e', 'v'", "continue" })
    end)

    it("read and access watchpoints, hardware breakpoints, counts and conditions", function()
        same_from("main (argc=1", { "break main", "continue", "awatch counter", "rwatch pair.number", "continue",
            "continue", "delete", "hbreak touch if i == 2", "continue", "print i", "delete", "break touch",
            "ignore 5 2", "continue", "print counter", "info breakpoints", "kill" })
    end)

    it("a crash", function()
        same_from("received signal SIGSEGV", { "continue", "print $_siginfo._sifields._sigfault.si_addr", "backtrace",
            "continue", "print $_exitsignal" }, { debuggee, "crash" })
    end)

    it("an exec", function()
        same_from("is executing new program", { "catch exec", "continue", "break touch", "continue", "backtrace",
            "continue", "delete", "continue" }, { debuggee, "exec" })
    end)

    it("thread-local variables", function()
        same_from("main (argc=1", { "break main", "continue", "print own", "print &own == 0",
            "break touch if own == 42", "continue", "print own", "info symbol &own", "thread apply all print own",
            "set var own=43", session.thread(1), "print own", "print (int)errno", "delete", "continue" })
    end)

    it("one thread steps while the others are held", function()
        same_from("work (", { "break work", "continue", "set scheduler-locking on", "next", "next", "stepi",
            session.thread(1), "backtrace -1", "thread 2", "info threads", "set scheduler-locking off", "delete",
            "continue" })
    end)

    it("signals: stopped for, passed, and not passed", function()
        same_from("add (", { "handle SIGUSR1 nostop noprint nopass", "break add", "continue", "print got", "continue" })
        same_from("add (", { "handle SIGUSR1 nostop noprint pass", "break add", "continue", "print got", "continue" })
        same_from("Breakpoint 1, main", { "break main", "continue", "signal SIGUSR1" })
    end)
end)

describe("tiexec --gdb", function()
    it("has the text on huge pages before gdb is there", function()
        local thp <close> = support.thp("madvise")
        if not thp then return pending("transparent huge pages cannot be set here") end
        local out = session.run(session.pipe({ deep, "end" }, { "--sources", "file,thp" }), deep,
            { "break inner", 'python print(open("/proc/%d/smaps" % gdb.selected_inferior().pid).read())',
                "continue", "backtrace", "continue" })
        local sum = 0
        for kib in out:gmatch("AnonHugePages:%s+(%d+)") do sum = sum + tonumber(kib) end
        for kib in out:gmatch("FilePmdMapped:%s+(%d+)") do sum = sum + tonumber(kib) end
        assert.is_true(sum >= 4096, out)
        assert.matches("#0  inner %(", out)
        assert.matches(" main %(", out)
        assert.matches("exited with code 03", out)
    end)

    it("listens on the loopback device alone, and kills what it has started with gdb", function()
        local process <close> = support.start({ support.tiexec, "--gdb", "0", deep, "wait" }, "2>&1")
        local port = process.pipe:read("l"):match("target remote 127%.0%.0%.1:(%d+)$")
        local sockets = support.read_file("/proc/net/tcp"):upper()
        local wanted = (":%04X "):format(tonumber(port))
        assert.is_truthy(sockets:find("0100007F" .. wanted, 1, true))
        assert.is_falsy(sockets:find("00000000" .. wanted, 1, true))
        local out = session.run("127.0.0.1:" .. port, deep, { "break tick", "continue", "info proc mappings", "kill" })
        assert.matches("Breakpoint 1, tick %(count", out)
        assert.matches("r%-xp%s+%S+/deep", out)
        assert.is_truthy(support.wait_for(function() return not process:is_alive() end))
    end)

    it("attaches, and lets go what gdb detaches from", function()
        local process <close> = support.start { deep, "wait" }
        assert(support.wait_for(function() return support.has_become(process.pid, "deep") end))
        local out = session.run(("| %s --gdb=- --attach %d"):format(support.tiexec, process.pid), deep,
            { "break tick", "continue", "backtrace", "detach" })
        assert.matches("Breakpoint 1, tick %(count", out)
        assert.matches(" main %(", out)
        assert.equal(0, core.status(process.pid, "TracerPid"))
        assert.is_true(process:is_alive())
    end)

    it("makes a core file by gdb that gdb reads", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/core"
        session.run(session.pipe { debuggee }, debuggee, { "break work", "continue", "generate-core-file " .. path,
            "kill" })
        local words = support.concat(session.start, { "-batch", "-ex", "thread apply all backtrace", debuggee, path })
        local out = support.run(words).out
        assert.matches("work %(", out)
        assert.matches("main %(", out)
    end)
end)
