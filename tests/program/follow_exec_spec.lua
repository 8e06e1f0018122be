-- SPDX-License-Identifier: Apache-2.0
-- --follow=exec: tiexec follows start scripts to the program that they become.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local ample = support.programs .. "ample"

-- Three scripts, each of which execs the next, the last one the words it is given. To be closed; `first`.
local function scripts()
    local folder = support.folder()
    local function write(name, text)
        support.write_file(folder.path .. "/" .. name, text)
        os.execute(("chmod 755 %s/%s"):format(folder.path, name))
    end
    write("first", ("#!/bin/sh\nexport STAGE=1\nexec %s/second \"$@\"\n"):format(folder.path))
    write("second", ("#!/bin/bash\nSTAGE=2\nexec env %s/third \"$@\"\n"):format(folder.path))
    write("third", "#!/bin/sh\n(exit 4)\n[ $? = 4 ] && exec \"$@\"\n")
    return setmetatable({ first = folder.path .. "/first", path = folder.path }, getmetatable(folder))
end

-- Starts words, and waits until they have become ample and tiexec has let that go.
local function start(words)
    local process = support.start(table.move(words, 1, #words, 2, { support.tiexec }))
    assert(support.wait_for(function()
        return (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):find("/ample$")
            and core.status(process.pid, "TracerPid") == 0
    end))
    return process
end

describe("--follow=exec", function()
    it("remaps what three levels of scripts become, in the same process, and leaves", function()
        local chain <close> = scripts()
        local process <close> = start { "--follow=exec", chain.first, ample, "wait" }
        assert.is_true(support.huge_text(process.pid) > 0)
        local plain <close> = start { "-s", "none", chain.first, ample, "wait" }
        assert.equal(0, (support.huge_text(plain.pid)))
        assert.equal("STAGE=2", support.read_file(("/proc/%d/environ"):format(process.pid)):match("STAGE=%d"))
    end)

    it("changes nothing in what the scripts do", function()
        local chain <close> = scripts()
        local script = [[trap 'echo caught $((count += 1))' USR1
            for i in $(seq 100); do kill -USR1 $$; done
            sh -c 'grep TracerPid /proc/self/status; exit 5'; echo $?
            going=$(mktemp)
            (while [ -e $going ]; do kill -CONT $$; sleep 0.05; done) & kill -STOP $$; rm $going; wait
            exec "$0" "$@"]]
        local words = { "sh", "-c", script, ample, "x" }
        local plain = support.run(words)
        assert.equal(3, plain.code)
        failure.same_end(plain, support.run_tiexec(table.move(words, 1, #words, 2, { "--follow=exec" })))
        local ends = { chain.first, "sh", "-c", "echo end; exit 9" }
        failure.same_end(support.run(ends), support.run_tiexec(table.move(ends, 1, #ends, 2, { "--follow=exec" })))
        local dies = { chain.first, "sh", "-c", "kill -TERM $$" }
        failure.same_end(support.run(dies), support.run_tiexec(table.move(dies, 1, #dies, 2, { "--follow=exec" })))
    end)

    it("leaves a script that is waited for to live on if the tracer is killed", function()
        local folder <close> = support.folder()
        local process <close> = support.start { support.tiexec, "--follow=exec", "sh", "-c",
            ("echo here > %s/started; while :; do sleep 0.05; done"):format(folder.path) }
        assert(support.wait_for(function() return support.read_file(folder.path .. "/started") end))
        local tracer = core.status(process.pid, "TracerPid")
        assert.is_true(tracer > 0)
        os.execute("kill -KILL " .. tracer)
        assert(support.wait_for(function() return core.status(process.pid, "TracerPid") == 0 end))
        assert.is_true(process:is_alive())
    end)

    it("with --strict, stops where the program that a script becomes cannot be remapped", function()
        local chain <close> = scripts()
        local thp <close> = support.thp("never")
        if not thp then return pending("the THP mode cannot be set: not root?") end
        local result = support.run_tiexec { "--follow=exec", "--strict", "--sources", "thp", chain.first, ample, "x" }
        failure.not_started(result)
        assert.truthy(failure.one_line(result):find("ample: not started: ", 1, true), result.err)
    end)
end)
