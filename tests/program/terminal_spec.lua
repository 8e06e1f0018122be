-- SPDX-License-Identifier: Apache-2.0
-- On a terminal, in pipelines, and seen from another process, the target is a program like any other.

local core = require "tiexec.core"
local support = require "tests.lib.support"
local topology = require "tests.lib.topology"

local state <const> = topology.programs .. "state"

-- What a shell on a terminal, started by the words of `prefix`, says to `steps`: expected and typed texts by turns, in
-- which CMD stands for the program's name.
local function session(command, steps, prefix)
    local words = { topology.programs .. "terminal" }
    for i, step in ipairs(steps) do words[i + 1] = step:gsub("CMD", command) end
    -- What a shell was started with as ignored it cannot change: SIGQUIT, where the tests run in the background.
    local shell = { "--", "env", "--default-signal", "PS1=[prompt] ", "LC_ALL=C" }
    table.move(prefix or {}, 1, #(prefix or {}), #shell + 1, shell)
    for _, word in ipairs { "bash", "--norc", "--noediting", "-i" } do shell[#shell + 1] = word end
    local result = support.run(table.move(shell, 1, #shell, #words + 1, words))
    assert.equal(0, result.code, result.out)
    return (result.out:gsub(command:gsub("%p", "%%%0"), "CMD"):gsub("%[1%] %d+", "[1] PID"))
end

local function assert_same_session(steps)
    local plain = session(state .. " /dev/null", steps)
    local under = session(topology.tiexec .. " " .. state .. " /dev/null", steps)
    assert.equal(plain, under)
    local followed = session(state .. " /dev/null", steps, { topology.tiexec, "--follow=all" }) -- the shell, and so all
    assert.equal(plain, followed)
    return under
end

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

describe("on a terminal", function()
    it("^C ends it", function()
        local text = assert_same_session { "[prompt] ", "CMD ready\n", "\nready\r", "\3", "[prompt] ",
            "echo status $?\n", "[prompt] ", "exit\n" }
        assert.truthy(text:find("status 130", 1, true))
    end)

    it("^\\ ends it", function()
        assert_same_session { "[prompt] ", "ulimit -c 0\n", "[prompt] ", "CMD ready\n", "\nready\r", "\28", "[prompt] ",
            "echo status $?\n", "[prompt] ", "exit\n" }
    end)

    it("^Z stops it, fg continues it, and ^C ends it", function()
        local text = assert_same_session { "[prompt] ", "CMD say copy\n", "\nready\r", "\26", "[prompt] ",
            "jobs\n", "[prompt] ", "fg\n", "copy\r\n", "hello\n", "hello\r\nhello\r", "\3", "[prompt] ",
            "echo status $?\n", "[prompt] ", "exit\n" }
        assert.truthy(text:find("Stopped", 1, true))
        assert.truthy(text:find("status 130", 1, true))
    end)

    it("in the background, where writing would stop it, a message does not", function()
        -- By Lua, and before it.
        for start, message in pairs { ["TIEXEC=bogus %s true"] = "bogus", ["%s env true"] = "a launcher; watching" } do
            local text = session(start:format(topology.tiexec), { "[prompt] ", "stty tostop\n", "[prompt] ",
                "CMD & wait $!; echo status $?\n", "status 0\r", "", "[prompt] ", "exit\n" })
            assert.is_nil(text:find("Stopped", 1, true))
            assert.truthy(text:find(message, 1, true), text)
        end
    end)

    it("^Z, bg and kill", function()
        local text = assert_same_session { "[prompt] ", "CMD ready\n", "\nready\r", "\26", "[prompt] ",
            "bg\n", "[prompt] ", "jobs\n", "Running", "", "[prompt] ", "kill %1; wait %1\n", "[prompt] ",
            "echo status $?\n", "status", "", "[prompt] ", "exit\n" }
        assert.truthy(text:find("status 143", 1, true))
    end)

    it("it is in the foreground, and reads what is typed", function()
        local text = assert_same_session { "[prompt] ", "CMD say copy\n", "\nready\r\n", "hello\n",
            "hello\r\nhello\r", "\4", "[prompt] ", "echo status $?\n", "[prompt] ", "exit\n" }
        assert.truthy(text:find("status 0", 1, true))
    end)

    it("in the background it is stopped when it reads", function()
        local text = assert_same_session { "[prompt] ", "CMD copy &\n", "[prompt] ",
            "until jobs | grep -q Stopped; do :; done\n", "[prompt] ", "fg\n", "copy\r\n", "hello\n",
            "hello\r\nhello\r", "\4", "[prompt] ", "echo status $?\n", "status 0", "", "[prompt] ", "exit\n" }
        assert.truthy(text:find("Stopped", 1, true))
    end)
end)

describe("in a shell", function()
    local function out(command)
        local words = command:gsub("CMD", state .. " /dev/null")
        local under = command:gsub("CMD", support.quote { topology.tiexec } .. " " .. state .. " /dev/null")
        local plain, with = support.shell(words), support.shell(under)
        assert.same(plain, with)
        return with.out
    end

    it("$(...) ends when the program ends", function()
        assert.equal("text\n", out("echo $(echo text | CMD copy)"))
    end)

    it("a pipeline ends when the program ends", function()
        assert.equal("1\n2\n3\n", out("seq 3 | CMD copy | cat"))
    end)

    it("standard input is left to the program", function()
        assert.equal("one\ntwo\n", out("printf 'one\\ntwo\\n' > file; CMD copy < file; rm file"))
    end)

    it("a reader that leaves ends it by SIGPIPE", function()
        assert.equal("y\n141\n", out("bash -c 'yes | CMD copy | head -n 1; echo ${PIPESTATUS[1]}'"))
    end)

    it("a background job is waited for by its pid", function()
        assert.equal("5\n", out("CMD exit=5 & wait $!; echo $?"))
    end)

    it("exec keeps the shell's children", function()
        assert.truthy(out("exec 3>&1; sh -c 'sleep 0 & exec CMD exit=3'; echo $?"):find("^3"))
    end)
end)

-- What another process sees of it.
local function picture(pid)
    local lines = {}
    local function add(name, text) lines[#lines + 1] = name .. " " .. tostring(text) end
    for line in support.read_file("/proc/" .. pid .. "/status"):gmatch("[^\n]+") do
        local name = line:match("^[^:]*")
        if not (name:find("^Vm") or name:find("^Rss") or name:find("^Hugetlb") or name:find("ctxt_switches$")
            or name == "Tgid" or name:find("[Pp]id$") and name ~= "TracerPid" or name:find("^NS") or name == "SigQ"
            or name == "State") then
            add("status", line)
        end
    end
    for _, name in ipairs { "comm", "cmdline", "environ", "limits", "timerslack_ns", "personality", "oom_score_adj",
        "cgroup", "loginuid" } do
        add(name, (support.read_file(("/proc/%d/%s"):format(pid, name)) or ""):gsub(topology.tiexec, ""))
    end
    for _, name in ipairs { "exe", "cwd", "root" } do add(name, core.readlink(("/proc/%d/%s"):format(pid, name))) end
    for _, name in ipairs(core.list_folder("/proc/" .. pid .. "/fd")) do
        add("fd " .. name, (core.readlink(("/proc/%d/fd/%s"):format(pid, name)):gsub("pipe:.*", "pipe")))
    end
    for _, name in ipairs(core.list_folder("/proc/" .. pid .. "/task")) do
        add("thread", tonumber(name) == pid)
        add("children", support.read_file(("/proc/%d/task/%s/children"):format(pid, name)))
    end
    local fields = support.read_file("/proc/" .. pid .. "/stat"):match("%) (.*)")
    local i = 3
    for field in fields:gmatch("%S+") do -- parent, group, session, terminal, flags, priority, policy, exit signal
        if (i >= 7 and i <= 9) or (i >= 18 and i <= 20) or i == 38 or i == 40 or i == 41 then
            add("stat " .. i, field)
        end
        i = i + 1
    end
    return table.concat(lines, "\n")
end

describe("from outside", function()
    it("a running program looks the same", function()
        local seen = {}
        for i, words in ipairs { {}, { topology.tiexec } } do
            table.move({ state, "/dev/null", "ready" }, 1, 3, #words + 1, words)
            local folder <close> = support.folder()
            local process <close> = support.start(words, ">" .. folder.path .. "/out 2>&1")
            support.wait_for(function() return support.read_file(folder.path .. "/out") == "ready\n" end)
            seen[i] = picture(process.pid):gsub("/[%w/]*/tmp%.%w+", "FOLDER")
        end
        assert.equal("", topology.difference(seen[1], seen[2]))
    end)
end)
