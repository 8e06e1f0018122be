-- SPDX-License-Identifier: Apache-2.0
-- tiexec --script -i: the prompt, at a terminal, as a person has it.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local ample = support.shell("realpath " .. support.programs .. "ample").out:gsub("\n", "")
local PROMPT <const> = "> "

local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)
support.write_file(folder.path .. "/inputrc", "set enable-bracketed-paste off\nset bell-style none\n")

-- What is seen on a terminal: `steps` are expected and typed texts by turns, `words` follow --script -i, and
-- `environment` is a list of NAME=value.
local function session(steps, words, environment)
    local all = { support.programs .. "terminal" }
    for _, step in ipairs(steps) do all[#all + 1] = step end
    all = support.concat(all, { "--", "env", "TERM=xterm", "INPUTRC=" .. folder.path .. "/inputrc",
        "XDG_STATE_HOME=" .. folder.path .. "/state" }, environment, { support.tiexec, "--script", "-i" }, words)
    local result = support.run(all)
    assert.equal(0, result.code, result.out)
    return (result.out:gsub("\r+\n", "\n"))
end

-- Types lines, each when the prompt is there, and then ^D.
local function type_lines(lines, words, environment)
    local steps = {}
    for _, line in ipairs(lines) do
        steps[#steps + 1] = PROMPT
        steps[#steps + 1] = line .. "\n"
    end
    steps[#steps + 1], steps[#steps + 2] = PROMPT, "\4"
    return session(steps, words, environment)
end

local function state_of(pid) return (support.read_file(("/proc/%d/stat"):format(pid)) or ""):match("%) (%a)") end

describe("the prompt", function()
    it("has a program at its entry point, shows what expressions give, and kills the program at the end", function()
        local out = type_lines({ "6*7", "= inferior:read_register('pc') == inferior:auxv().AT_ENTRY", "x = 5", "x",
            "inferior:pid()", "inferior:symbolize(inferior:auxv().AT_ENTRY)", "nil, 1" }, { ample })
        assert.matches("inferior is <inferior %d+ ample>, at its entry point\n", out)
        assert.matches("6%*7\n42\n", out)
        assert.matches("AT_ENTRY\ntrue\n", out)
        assert.matches("> x = 5\n> x\n5\n", out)
        assert.matches('\n"_start"\n', out)
        assert.matches("\nnil\n1\n", out)
        assert.is_nil(out:find("tracer", 1, true)) -- the program has not run
        local pid = math.tointeger(out:match("pid%(%)\n(%d+)\n"))
        assert.matches("<inferior %d+ ample> is killed", out)
        assert.is_true(support.wait_for(function() return (state_of(pid) or "Z") == "Z" end))
    end)

    it("goes on with lines that are not complete, and stays after errors", function()
        local out = session({ PROMPT, "for i = 1, 2 do\n", ">> ", "print('line ' .. i)\n", ">> ", "end\n", "line 2", "",
            PROMPT, "nope.field\n", "nil value", "", PROMPT, ")\n", "near", "", PROMPT, "error({})\n", "table", "",
            PROMPT, "inferior:read_memory(0, 8)\n", "EIO", "", PROMPT, "\4" }, { ample })
        assert.matches("line 1\nline 2\n", out)
        assert.matches("\nprompt:1: attempt to index a nil value %(global 'nope'%)\n", out)
        assert.matches("\nprompt:1: unexpected symbol near '%)'\n", out)
        assert.matches("\nnil, read_memory: Input/output error %(EIO%)\n", out)
        assert.is_nil(out:find("traceback"))
    end)

    it("clears the line at ^C, and a half statement with it", function()
        local out = session({ PROMPT, "1 + garbage\3", PROMPT, "for i = 1, 2 do\n", ">> ", "x\3", PROMPT, "5 + 5\n",
            "10", "", PROMPT, "\4" })
        assert.matches("garbage%^C\n> ", out)
        assert.matches("\n10\n", out)
    end)

    it("breaks off what runs at ^C, and stops a program that has the terminal, too, without a signal", function()
        local out = session({ PROMPT, "print('run' .. 'ning') while true do end\n", "running", "\3", "interrupted", "",
            PROMPT, "print('wait' .. 'ing') inferior:cont() return inferior:wait()\n", "waiting", "\3", "stopped at",
            "", PROMPT, "inferior:cont()\n", PROMPT, "inferior:wait(200)\n", "ETIMEDOUT", "", PROMPT,
            "inferior:stop_reason()\n", '"running"', "", PROMPT, "\4" }, { "sleep", "60" })
        assert.matches("<inferior %d+ sleep> is stopped at %S+\n", out)
    end)

    it("stops a process that was attached to at ^C, and leaves it as it was at the end", function()
        local process <close> = support.start { "sleep", "60" }
        support.wait_for(function() return support.has_become(process.pid, "sleep") end)
        local out = session({ PROMPT, "inferior:cont() print('wait' .. 'ing') return inferior:wait()\n", "waiting",
            "\3", "stopped at", "", PROMPT, "inferior:breakpoint(inferior:read_register('pc'))\n", "<breakpoint 1", "",
            PROMPT, "\4" }, { "--attach", tostring(process.pid) })
        assert.matches("<inferior %d+ sleep> goes on\n", out)
        assert.equal(0, core.status(process.pid, "TracerPid"))
        assert.is_true(support.wait_for(function() return state_of(process.pid) == "S" end))
    end)

    for _, signal in ipairs { "TERM", "HUP" } do
        it("ends by SIG" .. signal .. " wherever it is, and lets the process go", function()
            for _, line in ipairs { "print('at ' .. 'work') inferior:cont() inferior:wait()",
                "print('at ' .. 'work')" } do
                local process <close> = support.start { "sleep", "60" }
                support.wait_for(function() return support.has_become(process.pid, "sleep") end)
                local kill = ("os.execute('(sleep 0.5; kill -%s $PPID) &') "):format(signal)
                local out = session({ PROMPT, kill .. line .. "\n", "at work" },
                    { "--attach", tostring(process.pid) })
                assert.is_nil(out:find("internal error"))
                assert.equal(0, core.status(process.pid, "TracerPid"))
                assert.is_true(process:is_alive())
            end
        end)
    end

    it("completes variables, fields, methods and registers", function()
        local flags <const> = core.host().arch == "aarch64" and "cpsr" or "eflags"
        local out = session({ PROMPT, "tiexec.vers\t\n", '"0.', "", PROMPT,
            ('inferior:read_reg\t"%s\t)\n'):format(flags:sub(1, -2)), "\r\n", "", PROMPT,
            "tostr\t7)\n", '"7"', "", PROMPT, "inferior:backt\t)\n", "#0", "", PROMPT, "\4" }, { ample })
        assert.matches("> tiexec.version\n", out)
        assert.matches(('> inferior:read_register%%("%s"%%)\n%%d+%%f[%%s]'):format(flags), out)
        assert.matches('> tostring%(7%)\n"7"\n', out)
        assert.matches("> inferior:backtrace%(%)\n#0 ", out)
    end)

    it("keeps a history, which the user alone may read", function()
        local state <close> = support.folder()
        local environment = { "XDG_STATE_HOME=" .. state.path }
        type_lines({ "11 * 11" }, {}, environment)
        local path = state.path .. "/tiexec/history"
        assert.equal("11 * 11\n", support.read_file(path))
        assert.equal(tonumber("600", 8), core.stat(path).mode & tonumber("777", 8))
        local out = session({ PROMPT, "\16", "11 * 11", " + 1\n", "122", "", PROMPT, "\4" }, {}, environment)
        assert.matches("11 %* 11 %+ 1\n122\n", out)
        local home <close> = support.folder()
        type_lines({ "1" }, {}, { "XDG_STATE_HOME=", "HOME=" .. home.path })
        assert.equal("1\n", support.read_file(home.path .. "/.local/state/tiexec/history"))
    end)

    it("writes nothing as root into the home of another user", function()
        if not support.is_root then support.pending("needs root") end
        local home <close> = support.folder()
        os.execute("chown nobody " .. home.path)
        for _, environment in ipairs { { "XDG_STATE_HOME=", "HOME=" .. home.path },
            { "XDG_STATE_HOME=" .. home.path .. "/state" } } do
            assert.matches("\n1\n", type_lines({ "1" }, {}, environment))
            assert.equal("", support.shell("ls -A " .. home.path).out)
        end
    end)

    it("reads plainly without readline, and at a terminal that cannot move its cursor", function()
        local library <close> = support.folder()
        support.write_file(library.path .. "/libreadline.so.8", "")
        for _, environment in ipairs { { "LD_LIBRARY_PATH=" .. library.path }, { "TERM=dumb" } } do
            local out = session({ PROMPT, "6*7\n", "42", "", PROMPT, "for\3", PROMPT, "1+\n", ">> ", "1\n", "2\r", "",
                PROMPT, "\4" }, { ample }, environment)
            assert.matches("\n42\n", out)
            assert.matches("is killed", out)
        end
    end)
end)

describe("the end of the prompt", function()
    for name, line in pairs { closed = "inferior:close()", ["let go"] = "inferior:detach()",
        ended = "inferior:kill() return inferior:wait().reason" } do
        it("says nothing of a program that is " .. name, function()
            assert.is_nil(type_lines({ line }, { "sleep", "1" }):find("is killed", 1, true))
        end)
    end

    it("may be os.exit, which lets the program go on; the history is kept", function()
        local state <close> = support.folder()
        -- Without the terminal, and in another session, its end does not concern the program.
        local start <const> = "p = tiexec.launch { 'sleep', '60', stdin = false, stdout = false, stderr = false }"
        local leave <const> = "p:remote_syscall('setsid') return p:pid()"
        local out = session({ PROMPT, start .. "\n", PROMPT, leave .. "\n", PROMPT, "os.exit(0)\n" }, {},
            { "XDG_STATE_HOME=" .. state.path })
        local pid = math.tointeger(out:match("pid%(%)\n(%d+)\n"))
        assert.equal("S", support.wait_for(function() return state_of(pid) == "S" and "S" end))
        assert.equal(0, core.status(pid, "TracerPid"))
        os.execute("kill " .. pid)
        assert.equal(start .. "\n" .. leave .. "\nos.exit(0)\n", support.read_file(state.path .. "/tiexec/history"))
    end)
end)

describe("without a terminal the prompt", function()
    it("reads a pipe, and writes no prompts", function()
        local result = support.shell(("printf '1+1\\nfor i=1,2 do\\nprint(i)\\nend\\n' | %s --script -i"):format(
            support.tiexec))
        assert.matches("^tiexec [^\n]+\n2\n1\n2\n$", result.out)
        assert.equal(0, result.code)
    end)

    it("says what is wrong with the command line", function()
        for words, line in pairs { ["--attach"] = "one process id is needed", ["--attach 1 2"] = "one process id",
            ["--attach=x"] = "one process id", ["-v true"] = "CMD, or %-%-attach PID may follow",
            ["no-such-program"] = "no%-such%-program: not started" } do
            local result = support.shell(support.tiexec .. " --script -i " .. words)
            assert.matches("^tiexec: [^\n]*" .. line .. "[^\n]*\n$", result.err)
            assert.equal(words == "no-such-program" and 127 or 125, result.code)
        end
    end)

    it("is there for a script: tiexec.prompt", function()
        support.write_file(folder.path .. "/script.lua", [[
            inferior = 3
            local program <close> = assert(tiexec.launch(arg))
            tiexec.prompt(program)
            print("after", inferior)
            program:kill()]])
        local script = ("echo inferior | %s --script %s/script.lua "):format(support.tiexec, folder.path)
        local result = support.shell(script .. "-i")
        assert.matches("-i", result.err, 1, true) -- what follows FILE is the script's
        result = support.shell(script .. ample)
        assert.matches("^<inferior %d+ ample>\nafter\t3\n$", result.out)
    end)
end)
