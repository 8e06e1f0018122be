-- SPDX-License-Identifier: Apache-2.0
-- --follow=fork and all: the processes that a program starts, and what they become.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local server = require "tests.lib.server"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size
local ample = support.programs .. "ample"
local forking = support.programs .. "forking"
local witness = core.readlink("/proc/self/cwd") .. "/" .. support.programs .. "witness"

local function sh(script, ...) return { "sh", "-c", script, ... } end

local with = support.concat

local function same_as_plain(follow, words)
    local plain = support.run(words)
    failure.same_end(plain, support.run_tiexec(with({ "--follow=" .. follow }, words)))
    return plain
end

-- The processes that the script below has started.
local function amples_of(folder)
    local list = {}
    for pid in (support.read_file(folder .. "/pids") or ""):gmatch("%d+") do list[#list + 1] = tonumber(pid) end
    return list
end

-- Runs ample in the background `count` times, and then does the rest of a script.
local function background(count, rest)
    return ([[for i in $(seq %d); do "$0" wait >/dev/null & echo $! >>"$1/pids"; done; %s]]):format(count, rest)
end

-- What forking serve has printed, to a file.
local function port_of(folder)
    return assert(support.wait_for(function()
        return tonumber((support.read_file(folder.path .. "/port") or ""):match("^(%d+)\n"))
    end))
end

-- The tasks that stand still under a tracer, in a text.
local function stopped_by(tracer)
    local list = {}
    for path in support.shell("grep -l '^State:.t ' /proc/[0-9]*/task/*/status").out:gmatch("%S+") do
        local tid = tonumber(path:match("(%d+)/status"))
        if core.status(tid, "TracerPid") == tracer then list[#list + 1] = tid end
    end
    return table.concat(list, " ")
end

local function is_ample(pid) return (core.readlink(("/proc/%d/exe"):format(pid)) or ""):find("/ample$") end

describe("--follow=fork", function()
    it("remaps each of the programs that a script starts, and lets them go", function()
        local folder <close> = support.folder()
        local words = with({ support.tiexec, "--follow=fork" }, sh(background(3, "wait"), ample, folder.path))
        local script <close> = support.start(words)
        assert(support.wait_for(function()
            local pids = amples_of(folder.path)
            for _, pid in ipairs(pids) do
                if not is_ample(pid) or core.status(pid, "TracerPid") ~= 0 then return false end
            end
            return #pids == 3
        end))
        for _, pid in ipairs(amples_of(folder.path)) do
            assert.is_true(support.huge_text(pid) > 0)
            os.execute("kill " .. pid)
        end
        assert.equal(0, script:stop("CONT"))
    end)

    it("does not follow what a program starts that was remapped", function()
        local folder <close> = support.folder()
        local words = { support.tiexec, "--follow=fork", forking, "serve" }
        local process <close> = support.start(words, ">" .. folder.path .. "/port 2>&1")
        local port = port_of(folder)
        assert(support.wait_for(function() return core.status(process.pid, "TracerPid") == 0 end))
        assert.equal("0", server.ask(port, "GET /"):match("^(%d+) "))
    end)

    it("leaves a script and its children to live on if the tracer is killed", function()
        local folder <close> = support.folder()
        local words = sh([[(echo $$ >"$0/child"; while :; do sleep 0.05; done) & while :; do sleep 0.05; done]],
            folder.path)
        local process <close> = support.start(with({ support.tiexec, "--follow=fork" }, words))
        assert(support.wait_for(function() return support.read_file(folder.path .. "/child") end))
        local tracer = core.status(process.pid, "TracerPid")
        local children = support.read_file(("/proc/%d/task/%d/children"):format(process.pid, process.pid))
        local child = tonumber(children:match("%d+"))
        assert.is_true(tracer > 0)
        assert.equal(tracer, core.status(child, "TracerPid"))
        os.execute("kill -KILL " .. tracer)
        assert(support.wait_for(function()
            return core.status(process.pid, "TracerPid") == 0 and core.status(child, "TracerPid") == 0
        end))
        assert.is_true(process:is_alive())
        os.execute("kill -KILL " .. child)
    end)
end)

describe("--follow=all", function()
    it("remaps whatever comes of a program, at any depth", function()
        local folder <close> = support.folder()
        local seen = folder.path .. "/seen"
        local script = [["$0" x; "$1" children 3 0; env sh -c '"$0" x & "$0" x; wait' "$0"; exec "$0" x]]
        local words = with({ "env", "WITNESS=" .. seen, "LD_PRELOAD=" .. witness, support.tiexec, "--follow=all" },
            sh(script, ample, forking))
        local result = support.run(words)
        assert.equal(3, result.code)
        local count = 0
        for name, huge, text in support.read_file(seen):gmatch("/([%w_]+) (%d+) (%d+)\n") do
            if name == "ample" or name == "forking" then
                count = count + 1
                assert.is_true(tonumber(huge) >= tonumber(text) // 2, ("%s: %d of %d"):format(name, huge, text))
            end
        end
        assert.equal(5, count)
    end)

    it("serves by a process for each connection, whose text is the parent's", function()
        local folder <close> = support.folder()
        local process <close> = support.start({ support.tiexec, "--follow=all", forking, "serve" },
            ">" .. folder.path .. "/port 2>&1")
        local port = port_of(folder)
        local tracer, served = core.status(process.pid, "TracerPid"), {}
        assert.is_true(tracer > 0)
        for _ = 1, support.rounds(50) do
            local traced_by, huge, pid = server.ask(port, "GET /"):match("^(%d+) (%d+) (%d+)$")
            assert.equal(tracer, tonumber(traced_by))
            assert.is_true(tonumber(huge) >= HUGE >> 10) -- what it has run of
            assert.is_nil(served[pid])
            served[pid] = true
        end
    end)

    it("2000 children and 100000 signals come to the same", function()
        local children = support.rounds(2000)
        local words = { forking, "children", tostring(children), tostring(50 * children) }
        assert.equal(children * 7 .. "\n", same_as_plain("all", words).out)
    end)

    it("changes nothing in what shells do", function()
        same_as_plain("all", sh([[trap 'echo caught' USR1; kill -USR1 $$
            going=$(mktemp)
            (while [ -e $going ]; do kill -CONT $$; sleep 0.05; done) & kill -STOP $$; rm $going; wait
            sh -c 'kill -TERM $$'; echo $?
            for i in $(seq 20); do (exit $i) & done; for i in $(seq 20); do wait %$i; echo $?; done
            seq 100000 | head -n 1; yes | head -c 100000 | cksum
            exec sh -c 'exit 9']]))
        local spawning = support.programs .. "spawning"
        for _, way in ipairs { "vfork", "spawn", "system", "popen" } do
            same_as_plain("all", { spawning, way, tostring(support.rounds(100)) })
        end
        same_as_plain("all", { spawning, "again", "20" })
    end)

    it("is told of once what fails for many", function()
        local thp <close> = support.thp("never")
        if not thp then return pending("the THP mode cannot be set: not root?") end
        local result = support.run_tiexec(with({ "--follow=all", "--sources=thp" },
            sh('for i in 1 2 3 4 5; do "$0" x; done', ample)))
        assert.truthy(failure.one_line(result):find("ample: ", 1, true), result.err)
    end)

    it("with --strict, only the program that cannot be remapped is not started", function()
        local thp <close> = support.thp("never")
        if not thp then return pending("the THP mode cannot be set: not root?") end
        local result = support.run_tiexec(with({ "--follow=all", "--strict", "--sources=thp" },
            sh('"$0" x; echo $?', ample)))
        assert.equal("125\n", result.out)
        assert.truthy(failure.one_line(result):find("ample: not started: ", 1, true), result.err)
    end)

    it("lets go of what traces: strace and gdb work, and so does tiexec with settings of its own", function()
        local script = [[strace -f -qq -e trace=none -e signal=none "$0" x; gdb -nx -q -batch -ex run -ex 'p 6*7' "$0"
            "$1" --strict -s none "$0" x; exec grep TracerPid /proc/self/status]]
        local words = sh(script, ample, support.tiexec)
        local plain = support.run(words)
        local result = support.run_tiexec(with({ "--follow=all" }, words))
        assert.truthy(plain.out:find("= 42\n", 1, true), plain.out .. plain.err)
        local function comparable(text) return (text:gsub("TracerPid:%s*%d+", ""):gsub("process %d+", "")) end
        assert.equal(comparable(plain.out), comparable(result.out))
        assert.equal(plain.err, result.err)
        assert.equal(plain.code, result.code)
    end)

    it("lets go of what traces when that is what it was asked to start", function()
        for _, words in ipairs { { "strace", "-f", "-qq", "-e", "trace=none", "-e", "signal=none", ample, "x" },
            { "gdb", "-nx", "-q", "-batch", "-ex", "run", "-ex", "p 6*7", ample } } do
            local plain = support.run(words)
            for _, follow in ipairs { "--follow=all", "--follow=fork" } do
                local result = support.run_tiexec(with({ follow }, words))
                local function comparable(text) return (text:gsub("process %d+", "")) end
                assert.equal(comparable(plain.out), comparable(result.out))
                assert.equal(plain.err, result.err)
                assert.equal(plain.code, result.code)
            end
        end
    end)

    it("remaps what traces, before it lets that go", function()
        local folder <close> = support.folder()
        os.execute("mkfifo " .. folder.path .. "/in")
        for _, follow in ipairs { "--follow=exec", "--follow=fork", "--follow=all" } do
            local process <close> = support.start({ support.tiexec, follow, "sh", "-c", 'exec "$0" "$@"', "gdb", "-nx",
                "-q" }, ("<>%s/in >/dev/null 2>&1"):format(folder.path))
            assert.truthy(support.wait_for(function()
                return support.has_become(process.pid, "gdb") and support.huge_text(process.pid) > 0
                    and core.status(process.pid, "TracerPid") == 0
            end), follow)
        end
    end)

    it("leaves them to go on when the tracer is killed at any moment", function()
        for i = 1, support.rounds(20) do
            local process <close> = support.start { support.tiexec, "--follow=all", "sh", "-c",
                'while :; do "$0" x >/dev/null; done', ample }
            local tracer = assert(support.wait_for(function()
                local pid = core.status(process.pid, "TracerPid")
                return pid and pid > 0 and pid
            end))
            os.execute(("sleep 0.0%d"):format(i))
            os.execute("kill -KILL " .. tracer)
            assert(support.wait_for(function() return core.status(process.pid, "TracerPid") == 0 end))
        end
    end)

    it("leaves no child stopped whose parent is killed while it forks", function()
        local words = { support.tiexec, "--follow=all", "sh", "-c",
            'i=0; while [ $i -lt $1 ]; do i=$((i+1)); "$0" loop & sleep 0.02; kill -KILL $!; wait; done; sleep 60',
            forking, tostring(support.rounds(100)) }
        local process <close> = support.start(words)
        local tracer = assert(support.wait_for(function()
            local pid = core.status(process.pid, "TracerPid")
            return pid and pid > 0 and pid
        end))
        assert(support.wait_for(function()
            return support.shell(("pgrep -x sleep -P %d -a"):format(process.pid)).out:find("sleep 60")
        end, 60))
        -- `sleep 60` itself may stand at its exec for a moment.
        assert(support.wait_for(function() return stopped_by(tracer) == "" end), "left stopped")
    end)

    it("does not go with dlopen", function()
        local result = support.run_tiexec { "--follow=all,dlopen", "true" }
        assert.equal(125, result.code)
        failure.one_line(result)
    end)
end)
