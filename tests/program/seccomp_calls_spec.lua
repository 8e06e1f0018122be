-- SPDX-License-Identifier: Apache-2.0
-- Remote calls past seccomp: no way of tiexec's makes a process execute a system call that seccomp may kill it for.
-- What a filter allows is known only of one that tiexec itself has handed down.

local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

-- Starts a program that lets itself be confined; `words` come before it.
local function start(mode, words)
    local folder = support.folder()
    local command = support.concat(words or {}, { support.programs .. "confined", mode })
    local process = support.start(command, (">%s/out 2>&1"):format(folder.path))
    local function says(line)
        return support.wait_for(function()
            return (support.read_file(folder.path .. "/out") or ""):find(line .. "\n", 1, true)
        end)
    end
    assert(says "free")
    return setmetatable({ pid = process.pid, process = process, says = says }, { __close = function()
        getmetatable(process).__close(process)
        getmetatable(folder).__close(folder)
    end })
end

local function confine(program)
    os.execute("kill -USR1 " .. program.pid)
    assert(program.says "confined")
end

describe("seccomp past the start:", function()
    for _, mode in ipairs { "strict", "filter" } do
        for _, source in ipairs { "file", "shared", "thp", "file,shared,thp" } do
            it(("%s: attached to by %s, the process lives, and one line tells why"):format(mode, source), function()
                local program <close> = start(mode)
                confine(program)
                local result = support.run_tiexec { "--attach", tostring(program.pid), "--sources", source }
                assert.is_true(program.process:is_alive())
                assert.equal(1, result.code, result.err)
                assert.truthy(failure.one_line(result):find("seccomp", 1, true), result.err)
            end)
        end

        it(mode .. ": undone after a start, the process lives, and one line tells why", function()
            local thp <close> = support.thp("madvise")
            if not thp then return pending("the THP mode cannot be set: not root?") end
            local program <close> = start(mode, { support.tiexec, "--sources", "thp" })
            assert.is_true(support.huge_text(program.pid) > 0)
            confine(program)
            local result = support.run_tiexec { "--undo", tostring(program.pid) }
            assert.is_true(program.process:is_alive())
            assert.equal(1, result.code, result.err)
            assert.truthy(failure.one_line(result):find("seccomp", 1, true), result.err)
        end)
    end

    it("as many filters as tiexec has are no reason to trust them", function()
        local program <close> = start("filter")
        confine(program)
        local result = support.run { support.programs .. "deny", "perf_event_open", "EPERM", support.tiexec,
            "--sources", "thp", "--attach", tostring(program.pid) }
        assert.is_true(program.process:is_alive())
        assert.equal(1, result.code, result.err)
        assert.truthy(failure.one_line(result):find("seccomp", 1, true), result.err)
    end)

    it("a script's remote calls are refused, too", function()
        local program <close> = start("strict")
        confine(program)
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/script.lua", [[
            local inferior <close> = assert(tiexec.attach(tonumber(arg[1])))
            print(inferior:remote_syscall("getpid"))]])
        local result = support.run_tiexec { "--script", folder.path .. "/script.lua", tostring(program.pid) }
        assert.truthy(result.out:find("nil\tit is in seccomp's strict mode\t1\n", 1, true), result.out .. result.err)
        assert.is_true(program.process:is_alive())
    end)
end)
