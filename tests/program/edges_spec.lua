-- SPDX-License-Identifier: Apache-2.0
-- Failing open at the edges: hosts without what tiexec is made of, and limits that leave little room. CMD runs, and
-- one line at most says what is missing.

local failure = require "tests.lib.failure"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"

local here, remove = reachable.folder()
local tiexec, ample = here .. "build/tiexec", here .. "build/tests/ample"
teardown(remove)

local function quoted(...) return support.quote(support.concat(...)) end

local function is_possible(words) return support.run(support.concat(words, { "true" })).code == 0 end

-- The words that run a command where the shell's `script` has been carried out in a mount namespace of its own.
local function mounted(script, namespaces)
    return { "unshare", namespaces or "-m", "sh", "-c",
        "mount --make-rprivate / && " .. script .. ' && exec "$@"', "sh" }
end

local places = {
    ["no /proc"] = mounted "mount -t tmpfs none /proc",
    ["a /proc of processes alone"] = mounted("mount -t proc -o subset=pid none /proc", "-mpf"),
    ["a /proc that hides others"] = mounted("mount -t proc -o hidepid=2 none /proc", "-mpf"),
    ["the /proc of another namespace"] = { "unshare", "-pf" },
    ["no /sys"] = mounted "mount -t tmpfs none /sys",
    ["neither"] = mounted "mount -t tmpfs none /proc && mount -t tmpfs none /sys",
    ["an empty /dev"] = mounted "mount -t tmpfs none /dev",
    ["neither for this process alone"] = { support.programs .. "landlocked" },
}

describe("where there is", function()
    for name, words in pairs(places) do
        it(name .. ", CMD runs", function()
            if not is_possible(words) then return pending "not possible here" end
            for _, options in ipairs { {}, { "-v" }, { "--follow=exec" }, { "--sources", "shared,thp,hugetlb" },
                support.is_root and { "--user", "nobody" } or {} } do
                local plain = support.run(support.concat(words, { ample, "x" }))
                local result = support.run(support.concat({ "timeout", "-s", "KILL", "60" }, words, { tiexec }, options,
                    { ample, "x" }))
                failure.same_end(plain, result)
                assert.is_nil(result.err:find("internal error", 1, true), result.err)
                if options[1] ~= "-v" and result.err ~= "" then failure.one_line(result) end
            end
        end)
    end
end)

describe("a kernel without huge pages", function()
    local words = mounted("mount -t tmpfs none /sys/kernel/mm && grep -v Hugepagesize /proc/meminfo >/dev/shm/$$"
        .. " && mount --bind /dev/shm/$$ /proc/meminfo && rm /dev/shm/$$")
    local bare = support.concat(words)
    bare[5] = bare[5]:gsub(" && rm /dev/shm/%$%$", "")

    local function run(options, command)
        return support.run(support.concat({ "timeout", "-s", "KILL", "60" }, bare, { tiexec }, options, command))
    end

    it("moves and remaps nothing", function()
        if not is_possible(bare) then return pending "not possible here" end
        for _, options in ipairs { {}, { "--page-size", "64K" },
            { "--follow=exec" } } do
            local result = run(options, { ample, "x" })
            failure.same_end(support.run { ample, "x" }, result)
            failure.one_line(result)
            local maps = run(options, { "head", "-1", "/proc/self/maps" }).out
            assert.is_true(tonumber(maps:match("^%x+"), 16) > 0x10000, maps)
        end
        failure.not_started(run({ "--strict" }, { ample, "x" }))
        os.execute("rm -f /dev/shm/[0-9]*")
    end)
end)

describe("a dry run", function()
    it("that has no plan does not run CMD", function()
        for _, prefix in ipairs { { support.programs .. "deny", "ptrace", "EPERM" }, {} } do
            local result = support.run(support.concat(prefix, { tiexec, "-n", "-s", "no-such", ample, "x" }))
            failure.not_started(result)
            failure.one_line(result)
        end
    end)
end)

describe("PATH", function()
    it("may have elements without letters, wherever they are", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/mine", "#!/bin/sh\necho mine\n")
        support.write_file(folder.path .. "/none", "")
        os.execute("chmod +x " .. folder.path .. "/mine")
        for _, path in ipairs { ":/usr/bin", "/usr/bin:", "", ":", "::", "/nowhere::/usr/bin", ".", "/usr/bin", "none:",
            "mine:none::" } do
            local function run(words)
                return support.shell(("cd %s; PATH='%s'; %s mine"):format(folder.path, path, words))
            end
            failure.same_end(run "/usr/bin/env", run(tiexec))
        end
    end)
end)

describe("a limit", function()
    -- Runs by tiexec wherever CMD runs by env within the limit, and the dynamic linker can load tiexec.
    local function within(limits, options)
        for _, limit in ipairs(limits) do
            local function run(words) return support.shell(("ulimit %s; exec %s"):format(limit, quoted(words))) end
            local plain, loaded = run { "env", "echo", "alive" }, run { tiexec, "--help" }
            local is_loaded = not loaded.signal and loaded.code ~= 127
            if plain.out == "alive\n" and is_loaded then
                local result = run(support.concat({ "timeout", "-s", "KILL", "60", tiexec }, options,
                    { "echo", "alive" }))
                assert.equal("alive\n", result.out, limit .. "\n" .. result.err)
                if result.err ~= "" then
                    assert.equal(1, select(2, result.err:gsub("\n", "")), limit .. "\n" .. result.err)
                end
            end
        end
    end

    local function every(letter, first, last, step)
        local list = {}
        for n = first, last, step do list[#list + 1] = ("-%s %d"):format(letter, n) end
        return list
    end

    if not support.sanitized then
        it("of address space: CMD runs", function() within(every("v", 3000, 12000, 500)) end)
        it("of data: CMD runs", function() within(every("d", 600, 3000, 200)) end)
        it("of the stack: CMD runs", function() within(every("s", 50, 500, 50)) end)
    end
    it("of open files: CMD runs", function()
        within(every("n", 3, 14, 1))
        within(every("n", 4, 14, 1), { "--follow=all", "-s", "conservative" })
    end)
    it("of a file's size: CMD runs", function()
        assert.equal("alive\n", support.shell(("(ulimit -f 0; %s echo alive) | cat"):format(tiexec)).out)
    end)
    it("of processes: CMD runs, one line tells why", function()
        if not support.is_root then return pending "only root can become another user" end
        for _, options in ipairs { {}, { "--follow=fork" }, { "--sources", "thp" } } do
            local result = support.run(support.concat({ "setpriv", "--reuid=61234", "--clear-groups",
                "--bounding-set=-all", "--inh-caps=-all", "prlimit", "--nproc=1", tiexec }, options,
                { "echo", "alive" }))
            assert.equal("alive\n", result.out)
            assert.truthy(failure.one_line(result):find("no more processes", 1, true))
        end
    end)
end)
