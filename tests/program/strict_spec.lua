-- SPDX-License-Identifier: Apache-2.0
-- --strict waits for the program that is meant, through scripts and launchers, or fails.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local ample <const>, deny <const> = support.programs .. "ample", support.programs .. "deny"

local folder, becomes, starts
setup(function()
    folder = support.folder()
    becomes, starts = folder.path .. "/becomes", folder.path .. "/starts"
    support.write_file(becomes, '#!/usr/bin/env sh\nexec nohup "$@"\n')
    support.write_file(starts, '#!/bin/sh\n"$@"\necho "status $?"\n')
    os.execute(("chmod 755 %s %s"):format(becomes, starts))
end)
teardown(function() getmetatable(folder).__close() end)

local function run(words, prefix, option)
    return support.run(support.concat(prefix or {}, { "timeout", "-k", "3", "60", support.tiexec,
        option or "--strict" }, words))
end

-- The same on a host without a hugetlb pool, which is asked for pages.
local function without_pages(words, option)
    return run(support.concat({ "--sources=hugetlb" }, words),
        { "unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/kernel/mm/hugepages; exec "$@"', "sh" }, option)
end

describe("--strict", function()
    it("fails with the program that scripts and launchers become, before it runs", function()
        if not support.is_root then return pending("only root may mount") end
        for _, words in ipairs { { becomes, ample, "untold" }, { "env", ample, "untold" },
            { "sh", "-c", 'exec "$0" "$@"', ample, "untold" } } do
            local result = without_pages(words)
            assert.same({ "", 125 }, { result.out, result.code }, result.err)
            assert.truthy(result.err:find("ample: not started: ", 1, true), result.err)
        end
    end)

    it("fails with the program that a script starts; the script goes on", function()
        if not support.is_root then return pending("only root may mount") end
        local result = without_pages { starts, ample, "untold" }
        assert.same({ "status 125\n", 0 }, { result.out, result.code }, result.err)
        assert.truthy(result.err:find("ample: not started: ", 1, true), result.err)
    end)

    it("has such programs on huge pages before they run, and leaves them", function()
        local cache <close> = support.folder()
        for _, words in ipairs { { becomes, ample, "wait" }, { "env", ample, "wait" } } do
            local process <close> = support.start(support.concat({ "env", "TIEXEC_CACHE=" .. cache.path, support.tiexec,
                "--strict", "--sources=file,shared" }, words))
            assert(support.wait_for(function()
                return support.has_become(process.pid, "ample") and core.status(process.pid, "TracerPid") == 0
            end))
            assert.is_true(support.huge_text(process.pid) > 0)
        end
    end)

    it("says that it waits, in place of that it watches", function()
        local line = failure.one_line(run { becomes, "true" })
        assert.equal(("tiexec: %s: a script; tracing what it becomes (sh) and starts, until that has its huge pages")
            :format(becomes), line)
    end)

    it("fails for a dynamic linker, whose program it cannot wait for", function()
        local linker = support.read_file("/proc/self/maps"):match("(/%S*/ld[-.][^\n]*)\n")
        local result = run { linker, "/bin/echo", "x" }
        failure.not_started(result)
        assert.truthy(failure.one_line(result):find("not started: a dynamic linker", 1, true), result.err)
    end)

    it("fails for what loads its text later, where nobody can watch that", function()
        local words <const> = { support.programs .. "loader", "load", support.programs .. "loadable" }
        local result = run(words, { deny, "perf_event_open", "EPERM" })
        failure.not_started(result)
        assert.truthy(failure.one_line(result):find("would stay on small pages: perf events", 1, true), result.err)
    end)

    it("lets run what has nothing to gain, and nothing comes of", function()
        local result = run({ "true" }, { deny, "perf_event_open", "EPERM" })
        assert.same({ "", "", 0 }, { result.out, result.err, result.code })
        result = run { "sh", "-c", "(exit 4); echo $?; sed q /proc/self/status | wc -l; exit 5" }
        assert.same({ "4\n1\n", "", 5 }, { result.out, result.err, result.code })
    end)

    it("is as patient in --require", function()
        if not support.is_root then return pending("only root may mount") end
        local result = without_pages({ becomes, ample, "untold" }, "--require=90")
        assert.same({ "", 125 }, { result.out, result.code }, result.err)
        -- where the CPU has pages between the small and the huge ones, some text is on those
        assert.truthy(result.err:find("ample: not started: %d+%.%d %% of its text is on huge pages"), result.err)
        result = run({ starts, "true" }, nil, "--require=90")
        assert.same({ "status 0\n", 0 }, { result.out, result.code }, result.err)
        failure.not_started(run({ "true" }, nil, "--require=90"))
    end)

    it("does as --follow says where that is given", function()
        local result = run { "--follow=none", becomes, "true" }
        assert.same({ "", 0 }, { result.err, result.code })
    end)
end)
