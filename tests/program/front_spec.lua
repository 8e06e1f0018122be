-- SPDX-License-Identifier: Apache-2.0
-- What happens before Lua: programs that have nothing to gain are started at once, and for others the tracer is split
-- off, where the command line is a plain one.

local core = require "tiexec.core"
local elf_files = require "tests.lib.elf_files"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local ample <const> = support.programs .. "ample"

-- Runs a shell script that has tiexec and ample as $0 and $1.
local function run(script) return support.run { "sh", "-c", script, support.tiexec, ample } end

describe("a program that has nothing to gain", function()
    it("gets its name, arguments, environment and exit status", function()
        local script <const> = [[echo "$0" "$@" $X; exit 7]]
        local plain = support.run { "env", "X=y", "sh", "-c", script, "a", "b c", "-v" }
        local result = support.run { "env", "X=y", support.tiexec, "sh", "-c", script, "a", "b c", "-v" }
        assert.same({ plain.out, plain.err, plain.code }, { result.out, result.err, result.code })
        assert.equal("a b c -v y\n", result.out)
        result = support.run { "env", "X=y", support.tiexec, "--", "sh", "-c", script, "a", "b c", "-v" }
        assert.same({ plain.out, plain.err, plain.code }, { result.out, result.err, result.code })
        assert.equal(125, support.run_tiexec({ "--" }).code)
    end)

    it("or may have something has its own name after --, too", function()
        local result = support.run { "env", "TIEXEC_CACHE=/none", support.tiexec, "--", ample, "untold" }
        assert.same({ "", 3 }, { result.err, result.code })
        assert.truthy(result.out:find("argument untold", 1, true), result.out)
    end)

    it("is told of where something was asked for", function()
        local result = support.run { "env", "TIEXEC=verbose", support.tiexec, "true" }
        assert.equal(0, result.code)
        assert.truthy(result.err:find("true", 1, true), result.err)
        result = support.run { support.tiexec, "-v", "true" }
        assert.truthy(result.err:find("true", 1, true), result.err)
    end)

    it("has the settings of a profile", function()
        local folder <close> = support.folder()
        os.execute("mkdir -p " .. folder.path .. "/tiexec/profiles.d")
        support.write_file(folder.path .. "/tiexec/profiles.d/x.lua", "return { verbose = true }")
        local result = support.run { "env", "XDG_CONFIG_HOME=" .. folder.path, support.tiexec, "true" }
        assert.truthy(result.err:find("true", 1, true), result.err)
    end)

    it("is started at once under a seccomp filter, too, and is told that nobody watches it", function()
        for _, denied in ipairs { "clone kill", "socketpair EPERM", "prctl trap", "ptrace kill" } do
            local call, action = denied:match("(%S+) (%S+)")
            local words = { support.programs .. "deny", call, action, support.tiexec, "sh", "-c", "exit 6" }
            local result = support.run(words)
            assert.same({ "", 6 }, { result.out, result.code }, denied)
            assert.truthy(failure.one_line(result):find("a seccomp filter is in force", 1, true), result.err)
        end
    end)

    it("is told that it is traced already", function()
        if support.run({ "strace", "-V" }).code ~= 0 then return pending("no strace") end
        local result = support.run { "strace", "-o", "/dev/null", support.tiexec, "true" }
        assert.truthy(result.err:find("it is being traced already, by strace", 1, true), result.err)
    end)

    it("that is not found, or cannot be executed, is said so", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/file", elf_files.bytes {})
        assert.equal(127, support.run_tiexec({ folder.path .. "/none" }).code)
        assert.equal(126, support.run_tiexec({ folder.path .. "/file" }).code)
        assert.equal(126, support.run_tiexec({ folder.path }).code)
    end)
end)

describe("a program whose tracer is split off early", function()
    it("has no child, no signal and no file of the tracer's", function()
        local result = run([[trap 'echo child' CHLD; exec 9</dev/null; exec "$0" "$1" untold]])
        assert.truthy(result.out:find("tracer 0", 1, true), result.out)
        assert.is_nil(result.out:find("child\n", 1, true))
    end)

    it("that cannot be executed ends as without tiexec, and no tracer stays", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/odd"
        support.write_file(path, elf_files.bytes { linker = "/none/ld.so" })
        os.execute("chmod +x " .. path)
        local result = support.run { "env", "ODD=" .. path, support.tiexec, path }
        assert.equal(127, result.code)
        assert.equal(("tiexec: %s: No such file or directory\n"):format(path), result.err)
        assert.truthy(support.wait_for(function() return #support.processes_with("ODD", path) == 0 end))
    end)

    for _, closed in ipairs { "<&-", ">&-", "2>&-", "<&- >&- 2>&-" } do
        it("runs with closed standard files: " .. closed, function()
            local plain = run(([["$1" untold %s]]):format(closed))
            local result = run(([["$0" "$1" untold %s]]):format(closed))
            assert.same({ plain.out, plain.code }, { result.out, result.code }, result.err)
        end)
    end

    it("ends, or runs as by itself, when the tracer is killed", function()
        local plain = support.run { ample, "untold" }
        for _ = 1, support.rounds(30) do
            local process <close> = support.start { "sh", "-c", 'exec "$0" "$1" wait', support.tiexec, ample }
            support.wait_for(function()
                local tracer = core.status(process.pid, "TracerPid")
                if (tracer or 0) > 0 then os.execute(("kill -KILL %d 2>/dev/null"):format(tracer)) end
                return not tracer or tracer > 0 or core.readlink(("/proc/%d/exe"):format(process.pid)):find("/ample$")
            end)
            assert.truthy(support.wait_for(function()
                return not process:is_alive() or core.status(process.pid, "TracerPid") == 0
            end))
        end
        assert.equal(plain.out, support.run_tiexec({ ample, "untold" }).out)
    end)

    it("is told why it has none", function()
        if not support.is_root then return pending("only root may become another user") end
        local here, remove = require "tests.lib.reachable".folder()
        local result = support.run { "setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups", "prlimit",
            "--nproc=1", here .. "build/tiexec", here .. "build/tests/ample", "untold" }
        remove()
        assert.truthy(result.out:find("tracer 0", 1, true) or result.err ~= "", result.err)
        assert.truthy(result.err:find("no more processes may be started", 1, true), result.err)
    end)
end)
