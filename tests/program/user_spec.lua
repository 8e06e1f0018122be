-- SPDX-License-Identifier: Apache-2.0
-- --user: the target is the user's, as setpriv(1) and runuser(1) make it; the tracer keeps its rights.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"

local here, remove = reachable.folder()
local ample, tiexec = here .. "build/tests/ample", here .. "build/tiexec"
teardown(remove)

-- What differs from one process to the next, whoever starts it.
local function is_of_one_process(name)
    local ids = { Tgid = true, Pid = true, PPid = true, NStgid = true, NSpid = true, NSpgid = true }
    return ids[name] or name:find("^Vm") or name:find("^Rss") or name:find("ctxt_switches$") or name:find("_allowed")
end

local function status_of(words)
    local result = support.run(words)
    assert.equal(0, result.code, result.err)
    assert.equal("", result.err)
    local lines = {}
    for line in result.out:gmatch("[^\n]+") do
        line = line:gsub("^(SigQ:\t)%d+/", "%1") -- signals of all the user's processes
        if not is_of_one_process(line:match("^[%w_]+")) then lines[#lines + 1] = line end
    end
    return lines
end

local function as_root(test)
    return function()
        if not support.is_root then return pending "only root may become another user" end
        return test()
    end
end

-- A capability that root has not in most containers.
local NO_PTRACE <const> = { "setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace" }

local STATUS <const> = { "cat", "/proc/self/status" }

describe("--user", function()
    it("gives what setpriv gives, line by line", as_root(function()
        local setpriv = { "setpriv", "--reuid", "nobody", "--regid", "nogroup", "--init-groups" }
        local wanted = status_of(support.concat(setpriv, STATUS))
        local got = status_of(support.concat({ tiexec, "--user", "nobody" }, STATUS))
        assert.same(wanted, got)
        assert.truthy(table.concat(got, "\n"):find("CapEff:\t0000000000000000", 1, true))
    end))

    it("gives what runuser gives", as_root(function()
        assert.same(status_of(support.concat({ "runuser", "-u", "games", "--" }, STATUS)),
            status_of(support.concat({ tiexec, "-u", "games" }, STATUS)))
    end))

    it("USER:GROUP sets the group, by name or number", as_root(function()
        local wanted = status_of(support.concat({ "runuser", "-u", "games", "-g", "adm", "--" }, STATUS))
        assert.same(wanted, status_of(support.concat({ tiexec, "--user", "games:adm" }, STATUS)))
        local group = support.shell("getent group adm | cut -d: -f3").out:match("%d+")
        assert.same(wanted, status_of(support.concat({ tiexec, "--user", "5:" .. group }, STATUS)))
    end))

    it("gives the supplementary groups", as_root(function()
        local group = here .. "group"
        support.write_file(group, (support.read_file("/etc/group"):gsub("(\nadm:[^\n]*:)[^:\n]*", "%1games")
            :gsub("(\nvideo:[^\n]*:)[^:\n]*", "%1games")))
        local function with_groups(words)
            local command = ("mount --bind %s /etc/group && exec %s"):format(group, support.quote(words))
            return { "unshare", "-m", "sh", "-c", command }
        end
        local setpriv = { "setpriv", "--reuid", "games", "--regid", "games", "--init-groups" }
        local plain = status_of(with_groups(support.concat(setpriv, STATUS)))
        assert.truthy(table.concat(plain, "\n"):find("Groups:\t%d+ %d+ %d+"))
        assert.same(plain, status_of(with_groups(support.concat({ tiexec, "--user", "games" }, STATUS))))
    end))

    it("takes capabilities that securebits, inheritable or ambient sets would have kept", as_root(function()
        local result = support.run(support.concat({ "setpriv", "--inh-caps=+net_raw", "--ambient-caps=+net_raw",
            "--securebits=+no_setuid_fixup", tiexec, "--user", "nobody" }, STATUS))
        for _, set in ipairs { "Inh", "Prm", "Eff", "Amb" } do
            assert.truthy(result.out:find("Cap" .. set .. ":\t0000000000000000", 1, true), result.out .. result.err)
        end
    end))

    it("keeps no_new_privs, files and environment as they are", as_root(function()
        local script = "ls -l /proc/self/fd | sed 's/.* //' ; env | sort; grep NoNewPrivs /proc/self/status"
        local clean_start = { "env", "-i", "A=b", "setpriv", "--no-new-privs" }
        local wanted = support.run(support.concat(clean_start,
            { "--reuid", "nobody", "--regid", "nogroup", "--init-groups", "sh", "-c", script }))
        local got = support.run(support.concat(clean_start, { tiexec, "--user", "nobody", "sh", "-c", script }))
        local function clean(text)
            return (text:gsub("pipe:%[%d+%]", "pipe"):gsub("/proc/%d+/fd", "fd"):gsub("%S*/lua_%w+\n", ""))
        end
        assert.truthy(got.out:find("NoNewPrivs:\t1", 1, true))
        assert.equal(clean(wanted.out), clean(got.out))
    end))

    it("gives a session keyring of its own", as_root(function()
        local script = here .. "keyring.lua"
        support.write_file(script, 'print(require "tiexec.core".syscall("keyctl", 0, -3, 1))')
        os.execute("chmod 644 " .. script)
        local ours = support.run { tiexec, "--script", script }.out
        local result = support.run { tiexec, "--user", "nobody", tiexec, "--script", script }
        if ours:find("implemented") then return pending "this kernel has no keyrings" end
        assert.truthy(result.out:find("^%d+\n$"), result.out .. result.err)
        assert.not_equal(ours, result.out)
    end))

    it("--login sets HOME, USER and LOGNAME", as_root(function()
        local command = { "sh", "-c", "echo $HOME $USER $LOGNAME" }
        assert.equal("/usr/games games games\n",
            support.run(support.concat({ tiexec, "--user", "games", "--login" }, command)).out)
        local others = { "env", "HOME=/a", "USER=b", "LOGNAME=c", tiexec, "--user", "games" }
        local plain = support.run(support.concat(others, command))
        assert.equal("/a b c\n", plain.out)
    end))

    for where, prefix in pairs { [""] = {}, [", even without CAP_SYS_PTRACE"] = NO_PTRACE } do
        it("the text is on huge pages" .. where, as_root(function()
            local process <close> = support.start(support.concat(prefix, { tiexec, "--user", "nobody", ample, "wait" }))
            assert.truthy(support.wait_for(function()
                return core.status(process.pid, "Uid") == 65534 and core.status(process.pid, "TracerPid") == 0
                    and core.readlink("/proc/" .. process.pid .. "/exe") == ample
            end))
            assert.is_true(support.huge_text(process.pid) > 0)
        end))
    end

    it("gives what setpriv gives where root has no CAP_SYS_PTRACE", as_root(function()
        local setpriv = { "setpriv", "--reuid", "nobody", "--regid", "nogroup", "--init-groups" }
        assert.same(status_of(support.concat(NO_PTRACE, setpriv, STATUS)),
            status_of(support.concat(NO_PTRACE, { tiexec, "--strict", "--user", "nobody" }, STATUS)))
    end))

    it("files are opened and made with the user's rights", as_root(function()
        local secret, own = here .. "secret", here .. "own"
        os.execute(("echo secret >%s && chmod 600 %s && mkdir %s && chmod 777 %s"):format(secret, secret, own, own))
        local result = support.run { tiexec, "--user", "games:adm", "cat", secret }
        assert.equal("", result.out)
        assert.truthy(result.err:find("Permission denied", 1, true))
        assert.equal("games:adm\n", support.run { tiexec, "--user", "games:adm", "sh", "-c",
            'echo >"$0/file" && stat -c %U:%G "$0/file"', own }.out)
    end))

    it("finds CMD with the user's rights, and stays that user where nothing can be traced", as_root(function()
        os.execute(("mkdir -p %sroots && cp %sid %sroots/id && chmod 700 %sroots"):format(here, here, here, here))
        local secret = support.run { tiexec, "--user", "nobody", here .. "roots/id" }
        assert.equal(126, secret.code)
        failure.one_line(secret)
        local path = ("PATH=%sroots:%s"):format(here, os.getenv("PATH"))
        local found = support.run { "env", path, tiexec, "--user", "nobody", "id", "-un" }
        assert.equal("nobody\n", found.out)
        local traced = support.run { "strace", "-f", "-o", "/dev/null", tiexec, "--user", "nobody", "id", "-un" }
        assert.equal("nobody\n", traced.out)
    end))

    it("refuses who may not, and unknown names: CMD does not run", function()
        local function refused(words, why)
            local result = support.run(words)
            assert.equal(125, result.code)
            assert.equal("", result.out)
            assert.truthy(failure.one_line(result):find(why, 1, true), result.err)
        end
        refused({ tiexec, "--user", "no-such-user", "id" }, "there is no such user")
        refused({ tiexec, "--user", "root:no-such-group", "id" }, "there is no such group")
        refused({ tiexec, "--user", "4711", "id" }, "needs a group")
        refused({ tiexec, "--user", "", "id" }, "there is no such user")
        refused({ tiexec, "--login", "id" }, "--login needs --user")
        if support.is_root then
            local nobody = { "setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups" }
            refused(support.concat(nobody, { tiexec, "--user", "root", "id" }), "only root may become another user")
            local itself = support.run(support.concat(nobody, { tiexec, "--user", "nobody", "id", "-un" }))
            assert.equal("nobody\n", itself.out)
        end
    end)
end)
