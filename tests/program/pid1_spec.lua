-- SPDX-License-Identifier: Apache-2.0
-- When tiexec is process 1 of a pid namespace it stays, as an init for CMD.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local ample = support.programs .. "ample"
local NAMESPACE <const> = { "unshare", "--pid", "--fork", "--kill-child", "--mount-proc" }

local function run(words, prefix)
    local limit = { "timeout", "-s", "KILL", "60" }
    return support.run(support.concat(limit, NAMESPACE, prefix, { support.tiexec }, words))
end

local function child_of(pid)
    return tonumber((support.read_file(("/proc/%d/task/%d/children"):format(pid, pid)) or ""):match("%d+"))
end

-- A shell cannot trap what is ignored when it starts, as SIGINT and SIGQUIT are in what runs in the background.
local DEFAULT_SIGNALS <const> = { "env", "--default-signal" }

-- Starts `words` under tiexec as process 1. Returns the process to be closed, and two functions: the pid of
-- tiexec, and that of CMD once tiexec has let it go. The pids are those of the outer namespace.
local function start(words, redirect)
    local process = support.start(support.concat(DEFAULT_SIGNALS, NAMESPACE, { support.tiexec }, words), redirect)
    local function init() return support.wait_for(function() return child_of(process.pid) end) end
    local function target()
        return support.wait_for(function()
            local pid = child_of(init())
            local exe = pid and core.readlink(("/proc/%d/exe"):format(pid)) or ""
            return exe ~= "" and not exe:find("/tiexec$") and core.status(pid, "TracerPid") == 0 and pid
        end)
    end
    return process, init, target
end

local allowed = support.shell("unshare --pid --fork --mount-proc true").code == 0
local function isolated(test)
    return function()
        if not allowed then return pending "no pid namespace can be made: not root?" end
        return test()
    end
end

describe("as process 1", function()
    it("passes the exit status on", isolated(function()
        assert.equal(0, run({ "true" }).code)
        assert.equal(7, run({ "sh", "-c", "exit 7" }).code)
        assert.equal(9, run({ "sh", "-c", "kill -KILL $$" }).signal) -- from 128 + 9
        assert.equal(6, run({ "sh", "-c", "kill -ABRT $$" }).signal)
        assert.equal(127, run({ "no-such-command" }).code)
        assert.equal(126, run({ "/" }).code)
    end))

    it("the output is CMD's, which is not process 1", isolated(function()
        local result = run { "sh", "-c", "[ $$ != 1 ] && [ $PPID = 1 ] && echo child && cat" }
        assert.equal("child\n", result.out)
        assert.equal("", result.err)
    end))

    it("CMD has huge pages", isolated(function()
        local _ <close>, _, target = start { ample, "wait" }
        assert.is_true(support.huge_text(target()) > 0)
    end))

    it("passes signals on, with their values", isolated(function()
        local folder <close> = support.folder()
        local output = folder.path .. "/output"
        local caught = [[for s in HUP INT QUIT USR1 USR2 TERM WINCH CONT; do trap "echo $s" $s; done
            trap 'echo PIPE; exit 9' PIPE; echo ready; while :; do sleep 0.05; done]]
        local process <close>, init = start({ "sh", "-c", caught }, ">" .. output)
        local function wait_for(word)
            assert.truthy(support.wait_for(function()
                return (support.read_file(output) or ""):find(word .. "\n", 1, true)
            end), word)
        end
        wait_for("ready")
        for _, name in ipairs { "HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "WINCH", "CONT", "PIPE" } do
            os.execute(("kill -%s %d"):format(name, init()))
            wait_for(name)
        end
        local _, _, code = process.pipe:close()
        assert.equal(9, code)
    end))

    -- A stop interrupts the wait for signals.
    it("passes each signal on once, although it is stopped and goes on", isolated(function()
        local folder <close> = support.folder()
        local output = folder.path .. "/output"
        local caught = [[trap 'echo usr1' USR1; trap 'echo CONT' CONT; trap 'echo end; exit 9' USR2
            echo ready; while :; do sleep 0.05; done]]
        local process <close>, init = start({ "sh", "-c", caught }, ">" .. output)
        local function wait_for(word)
            assert.truthy(support.wait_for(function() return (support.read_file(output) or ""):find(word, 1, true) end),
                word)
        end
        local function kill(name) os.execute(("kill -%s %d"):format(name, init())) end
        wait_for("ready\n")
        kill("USR1")
        wait_for("usr1\n")
        for _ = 1, 5 do
            kill("STOP")
            assert.truthy(support.wait_for(function()
                return support.read_file(("/proc/%d/stat"):format(init())):find(") T ", 1, true)
            end))
            kill("CONT")
            wait_for("CONT\n")
        end
        kill("USR2")
        process.pipe:close()
        assert.equal("ready usr1 end ", (support.read_file(output):gsub("CONT\n", ""):gsub("\n", " ")))
    end))

    it("signals that CMD does not handle end it, and the namespace", isolated(function()
        local process <close>, init, target = start { ample, "wait" }
        local pid = target()
        os.execute(("kill -TERM %d"):format(init()))
        local _, _, code = process.pipe:close()
        assert.equal(128 + 15, code)
        assert.is_nil(support.read_file(("/proc/%d/stat"):format(pid)))
    end))

    it("collects orphans", isolated(function()
        local result = run { "sh", "-c", [[for i in $(seq 50); do (true &); done
            until ! grep -q '^State:.Z' /proc/[0-9]*/status 2>/dev/null; do :; done; echo none left]] }
        assert.equal("none left\n", result.out)
    end))

    it("holds no file of CMD's open", isolated(function()
        local result = run { "sh", "-c", "ls -l /proc/1/fd | grep -c -v -e null -e total" }
        assert.equal("0\n", result.out)
    end))

    it("with --user, CMD is the user's", isolated(function()
        if not support.is_root then return pending "only root may become another user" end
        assert.equal("nobody\n", run({ "--user", "nobody", "id", "-un" }).out)
    end))

    it("with a read-only /proc/sys", isolated(function()
        local words = support.quote { support.tiexec, "--strict", ample, "x" }
        local result = support.run(support.concat(NAMESPACE, { "sh", "-c",
            "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec " .. words }))
        assert.equal("", result.err)
        assert.equal(3, result.code)
    end))

    it("where ptrace is refused, CMD is process 1, and one line tells", isolated(function()
        local denying = { support.programs .. "deny", "ptrace", "EPERM" }
        local result = run({ "sh", "-c", "echo $$; exit 4" }, denying)
        assert.equal("1\n", result.out)
        assert.equal(4, result.code)
        assert.truthy(failure.one_line(result):find("forbids ptrace", 1, true), result.err)
        local strict = run({ "--strict", "echo" }, denying)
        failure.not_started(strict)
        failure.one_line(strict)
    end))

    -- A capability that root has not in most containers.
    local no_ptrace = { "setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace" }

    it("without CAP_SYS_PTRACE CMD has huge pages, and its exit status is passed on", isolated(function()
        local result = run({ "--strict", ample, "x" }, no_ptrace)
        assert.equal("", result.err)
        assert.equal(3, result.code)
    end))

    it("without CAP_SYS_PTRACE a set-id CMD is process 1, and one line tells", isolated(function()
        if not support.is_root then return pending "only root can make such a file" end
        local folder <close> = support.folder()
        local shell = folder.path .. "/sh"
        os.execute(("cp /bin/sh %s && chown nobody %s && chmod 4755 %s"):format(shell, shell, shell))
        local result = run({ shell, "-c", "echo $$; exit 4" }, no_ptrace)
        assert.equal("1\n", result.out)
        assert.equal(4, result.code)
        assert.truthy(failure.one_line(result):find("setuid", 1, true), result.err)
    end))

    it("where fork fails, CMD is process 1, and one line tells", isolated(function()
        local result = run({ "sh", "-c", "echo $$" }, { support.programs .. "deny", "clone", "EPERM" })
        assert.equal("1\n", result.out)
        failure.one_line(result)
    end))

    it("with the /proc of another namespace CMD runs plainly, and one line tells", isolated(function()
        local result = support.run { "unshare", "--pid", "--fork", support.tiexec, "sh", "-c", "echo $$" }
        assert.equal("1\n", result.out)
        assert.truthy(failure.one_line(result):find("mount -t proc", 1, true), result.err)
    end))
end)
