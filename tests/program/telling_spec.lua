-- SPDX-License-Identifier: Apache-2.0
-- What a start says of a program that gains nothing itself: one line on standard error, and the same whether Lua was
-- needed for it or not.

local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local builds <const> = { support.tiexec, support.dynamic_tiexec }
local deny <const> = support.programs .. "deny"

local function linker()
    for line in support.read_file("/proc/self/maps"):gmatch("[^\n]+") do
        local path = line:match("(/%S*/ld[-.]%S*)$")
        if path then return path end
    end
end

-- A folder with scripts: `script`, which env has sh run, and `plain`, of sh.
local folder, script, plain
setup(function()
    folder = support.folder()
    script, plain = folder.path .. "/script", folder.path .. "/plain"
    support.write_file(script, "#!/usr/bin/env -S sh -e\necho out; exit 3\n")
    support.write_file(plain, "#! /bin/sh\necho out; exit 3\n")
    os.execute(("chmod 755 %s %s"):format(script, plain))
end)
teardown(function() getmetatable(folder).__close() end)

-- Runs words by both builds, behind `prefix`, and gives what the first has said, once the other has said the same.
local function said_by_both(words, prefix)
    local first
    for _, tiexec in ipairs(builds) do
        local result = support.run(support.concat(prefix or {}, { tiexec }, words))
        first = first or result
        assert.same({ first.out, first.err, first.code }, { result.out, result.err, result.code }, tiexec)
    end
    return first
end

-- What else is to be asked for, so that Lua begins with the static program, too.
local ways <const> = { ["the quick way"] = {}, ["by Lua"] = { "--strategy=aggressive" } }

for way, options in pairs(ways) do
    describe(way .. ", a start says of", function()
        local function line_of(words, prefix)
            return failure.one_line(said_by_both(support.concat(options, words), prefix))
        end

        it("a script what runs it, and that it is watched", function()
            assert.equal(("tiexec: %s: a script; watching what it becomes (sh), starts and loads"):format(script),
                line_of { script })
            assert.equal(("tiexec: %s: a script; watching what it becomes (sh), starts and loads"):format(plain),
                line_of { "--", plain })
        end)

        it("a launcher what it runs, where that is certain", function()
            local watched <const> = "a launcher; watching what it becomes%s, starts and loads"
            for words, runs in pairs { ["env true"] = " (true)", ["env -i A=b /bin/true x"] = " (true)",
                ["env -u X true"] = "", ["nohup true"] = " (true)", ["nice -n 3 true"] = "",
                ["timeout 9 true"] = "" } do
                local list = {}
                for word in words:gmatch("%S+") do list[#list + 1] = word end
                assert.equal(("tiexec: %s: "):format(list[1]) .. watched:format(runs), line_of(list))
            end
        end)

        it("a dynamic linker that it is one", function()
            assert.equal(("tiexec: %s: a dynamic linker; watching what it becomes, starts and loads"):format(linker()),
                line_of { linker(), "/bin/true" })
        end)

        it("others nothing", function()
            for _, words in ipairs { { "true" }, { "sh", "-c", "exit 4" }, { "cat", "/dev/null" } } do
                assert.equal("", said_by_both(support.concat(options, words)).err)
            end
        end)

        it("what cannot be watched why, whatever it is, unless nothing comes of it", function()
            local filter <const> = { deny, "perf_event_open", "EPERM" }
            for what, words in pairs { ["a script; what it becomes (sh), "] = { script },
                ["it has nothing to gain itself; what it becomes, "] = { "sh", "-c", "echo out; exit 3" } } do
                local line = line_of(words, filter)
                assert.truthy(line:find(what .. "starts and loads stays on small pages: ", 1, true), line)
                assert.truthy(line:find("--follow=fork", 1, true), line)
            end
            assert.equal("", said_by_both(support.concat(options, { "true" }), filter).err)
        end)

        it("what an ordinary user may not watch how that is allowed", function()
            if not support.is_root then return pending("only root may cover files of /proc") end
            local here, remove = require "tests.lib.reachable".folder()
            support.write_file(folder.path .. "/paranoid", "4\n")
            os.execute("chmod 755 " .. folder.path)
            local result = support.run(support.concat({ "unshare", "-m", "sh", "-c",
                'mount --bind "$0" /proc/sys/kernel/perf_event_paranoid && exec "$@"', folder.path .. "/paranoid",
                "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", here .. "build/tiexec" },
                options, { script }))
            remove()
            assert.same({ "out\n", 3 }, { result.out, result.code }, result.err)
            local line = failure.one_line(result)
            assert.truthy(line:find("small pages: perf events are not for this user (sysctl "
                .. "kernel.perf_event_paranoid=2 lifts that; it is 4)", 1, true), line)
        end)

        it("a name with control characters what it is, visibly", function()
            local odd <const> = folder.path .. "/od\27d"
            os.execute(("cp %s '%s'"):format(plain, odd))
            local line = line_of { odd }
            assert.truthy(line:find("/od\\x1bd: a script", 1, true), line)
        end)
    end)
end

describe("what a start says", function()
    it("is on standard error alone, and is not said with -q or TIEXEC=quiet", function()
        assert.equal("out\n", said_by_both({ script }).out)
        assert.same({ "out\n", "", 3 }, { said_by_both({ "-q", script }).out, said_by_both({ "-q", script }).err, 3 })
        assert.equal("", said_by_both({ script }, { "env", "TIEXEC=quiet" }).err)
    end)

    it("is corrected if the watch cannot be had after all", function()
        local err, cpus = folder.path .. "/err", tonumber(support.shell("nproc").out)
        local limit = ("--nofile=%d"):format(4 + cpus) -- one too few for an event on each CPU
        local _ <close> = support.start({ "prlimit", limit, support.tiexec, "env", "sleep", "60" }, "2>" .. err)
        assert.truthy(support.wait_for(function()
            return (support.read_file(err) or ""):find("is not seen: [^\n]*Too many open files\n$")
        end), support.read_file(err))
    end)

    it("comes before what CMD says", function()
        support.write_file(folder.path .. "/says", "#!/bin/sh\necho mine >&2\n")
        os.execute(("chmod 755 %s/says"):format(folder.path))
        assert.matches("^tiexec: [^\n]+\nmine\n$", support.run({ support.tiexec, folder.path .. "/says" }).err)
    end)

    for name, redirection in pairs {
        ["a closed standard error"] = "exec 2>&-",
        ["a pipe that nobody reads any more"] = "exec 2> >(exec true); wait $!",
        ["a full pipe that nobody reads"] = 'exec 9<>"$2"; dd if=/dev/zero bs=4096 count=16 status=none >&9; exec 2>&9',
        ["a full disk"] = "exec 2>/dev/full",
        ["a limit of files' sizes"] = 'exec 2>"$3"; ulimit -f 0',
    } do
        it("may get lost, and CMD runs on with its signals as they were: " .. name, function()
            local pipe, file = folder.path .. "/pipe", folder.path .. "/file"
            os.execute(("rm -f %s; mkfifo %s"):format(pipe, pipe))
            local result = support.run { "timeout", "-k", "3", "60", "bash", "-c", "(" .. redirection
                .. '; "$0" "$1"; echo $?; exec "$0" env grep -E "Sig(Pnd|Blk|Ign)|ShdPnd" /proc/self/status) | cat',
                support.tiexec, plain, pipe, file }
            local clean = support.run { "bash", "-c", 'grep -E "Sig(Pnd|Blk|Ign)|ShdPnd" /proc/self/status' }
            assert.equal("out\n3\n" .. clean.out, result.out, result.err)
        end)
    end
end)

describe("a seccomp filter that kills for perf_event_open", function()
    it("kills no program that tiexec starts", function()
        local ample <const> = support.programs .. "ample"
        local filter <const> = { deny, "perf_event_open", "kill" }
        for _, tiexec in ipairs(builds) do
            for _, options in ipairs { {}, { "--follow=auto" }, { "--follow=fork,dlopen" } } do
                local result = support.run(support.concat(filter, { tiexec }, options, { ample, "untold" }))
                assert.same({ 3, nil }, { result.code, result.signal }, result.err)
                result = support.run(support.concat(filter, { tiexec }, options, { "sh", "-c", "echo out; exit 6" }))
                assert.same({ "out\n", 6 }, { result.out, result.code }, result.err)
            end
        end
    end)
end)
