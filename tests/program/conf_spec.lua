-- SPDX-License-Identifier: Apache-2.0
-- /etc/tiexec/tiexec.conf and `--unit`, in an /etc of their own.

local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local ample <const> = support.programs .. "ample"
local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)
local etc <const> = folder.path .. "/etc"
os.execute(("mkdir -p %s/tiexec/profiles.d %s/systemd/system && cp /etc/passwd /etc/group /etc/ld.so.cache %s/")
    :format(etc, etc, etc))

-- Runs words where /etc is the test's.
local function run(words)
    return support.run(support.concat({ "unshare", "-m", "sh", "-c",
        ('mount --bind %s /etc && PATH=%s:$PATH && exec "$@"'):format(etc, folder.path), "sh" }, words))
end

local function with_conf(words, conf)
    support.write_file(etc .. "/tiexec/tiexec.conf", conf)
    local result = run(words)
    os.remove(etc .. "/tiexec/tiexec.conf")
    return result
end

local function test(what, check)
    it(what, function()
        if not support.is_root then return pending "needs root, for an /etc of its own" end
        check()
    end)
end

local dry = { support.tiexec, "-n", ample, "x" }

describe("tiexec.conf", function()
    test("sets defaults, over which a profile, TIEXEC and options take precedence", function()
        local conf <const> = "# a comment\n sources = hugetlb\n\n"
        local function has(words, source)
            local plan = with_conf(words, conf).out
            assert.truthy(plan:find("%f[%w]" .. source .. "%f[%W]"), plan)
            assert.equal(source == "hugetlb", plan:find("hugetlb", 1, true) ~= nil, plan)
        end
        has(dry, "hugetlb")
        support.write_file(etc .. "/tiexec/profiles.d/a.lua", 'return { sources = { "thp" } }')
        has(dry, "thp")
        os.remove(etc .. "/tiexec/profiles.d/a.lua")
        has(support.concat({ "env", "TIEXEC=sources=thp" }, dry), "thp")
        has({ support.tiexec, "-n", "--sources", "thp", ample, "x" }, "thp")
    end)

    test("is read also where there are no options", function()
        local report = folder.path .. "/report"
        local result = with_conf({ support.tiexec, ample, "x" }, "report = " .. report .. "\nsources = thp\n")
        assert.same({ 3, "" }, { result.code, result.err })
        assert.truthy(support.read_file(report):find('"thp"', 1, true))
    end)

    test("says what is wrong with a line, and the others count", function()
        local result = with_conf({ support.tiexec, ample, "x" }, "sources = moon\nnonsense\nrecache = never\n")
        assert.equal(3, result.code)
        assert.truthy(result.err:find("/etc/tiexec/tiexec.conf:1: sources: unknown source 'moon'", 1, true), result.err)
        assert.truthy(result.err:find("/etc/tiexec/tiexec.conf:2: not NAME = VALUE", 1, true), result.err)
    end)

    test("is shown by --profiles", function()
        local out = with_conf({ support.tiexec, "--profiles", ample }, "recache = never\n").out
        assert.truthy(out:find("recache never: by /etc/tiexec/tiexec.conf", 1, true), out)
    end)

    test("limits the copies of shared", function()
        os.execute("mkdir -p " .. folder.path .. "/cache")
        local conf = "sources = shared\ncache-folder = %s\ncache-size = %s\n"
        local place = "/dev/shm/tiexec-conf-spec"
        local result = with_conf({ support.tiexec, "-v", ample, "x" }, conf:format(place, "1M"))
        assert.equal(3, result.code)
        assert.truthy(result.err:find(place .. " is full: cache-size is 1M", 1, true), result.err)
        with_conf({ support.tiexec, "-v", ample, "x" }, conf:format(place, "64M"))
        local copies = support.shell("ls " .. place).out
        os.execute("rm -rf " .. place)
        assert.truthy(copies:find("^ample@"), copies)
    end)
end)

describe("a folder profiles.d", function()
    test("without files leaves the quick way to programs that gain nothing", function()
        if support.run({ "readelf", "-lW", support.tiexec }).out:find("INTERP", 1, true) then
            return pending "tiexec is linked dynamically here"
        end
        -- Whether what comes before the C library looks at the program; traced, it goes on then.
        local function looks()
            local log = folder.path .. "/log"
            run { "env", "-i", "PATH=/usr/bin:/bin", "strace", "-o", log, support.tiexec, "true" }
            local calls = support.read_file(log):match("^(.-)\n[%w_]*brk%(")
            return calls:find("/proc/self/status", 1, true) ~= nil
        end
        assert.is_true(looks())
        support.write_file(etc .. "/tiexec/profiles.d/a.lua", "return {}")
        assert.is_false(looks())
        os.remove(etc .. "/tiexec/profiles.d/a.lua")
        support.write_file(etc .. "/tiexec/tiexec.conf", "")
        assert.is_false(looks())
        os.remove(etc .. "/tiexec/tiexec.conf")
    end)
end)

describe("--unit", function()
    local PATH <const> = etc .. "/systemd/system/some.service.d/tiexec.conf"
    support.write_file(folder.path .. "/systemctl", ([[#!/bin/sh
case $1 in
cat) [ "$3" = some.service ] || exit 1
     cat %s/some.service; [ ! -f %s ] || { echo "# /etc/systemd/system/some.service.d/tiexec.conf"; cat %s; } ;;
daemon-reload) echo reload >>%s/told ;;
esac
]]):format(folder.path, PATH, PATH, folder.path))
    os.execute("chmod +x " .. folder.path .. "/systemctl")

    local function unit(command)
        local head = "# /lib/systemd/system/some.service\n[Service]\n"
        support.write_file(folder.path .. "/some.service", head .. command)
    end

    test("writes a drop-in, follows the package, and takes it back", function()
        unit "ExecStart=-/usr/bin/some $ARGS\n"
        local result = run { support.tiexec, "--unit", "some" }
        assert.same({ 0, "" }, { result.code, result.err })
        assert.truthy(result.out:find("systemctl restart some.service", 1, true))
        local program = support.shell("realpath " .. support.tiexec).out:match("[^\n]+")
        local line = "\nExecStart=\nExecStart=-" .. program .. " -- /usr/bin/some $ARGS\n"
        assert.truthy(support.read_file(PATH):find(line, 1, true))
        assert.truthy(run({ support.tiexec, "--unit", "some" }).out:find("is up to date", 1, true))
        unit "ExecStart=/usr/bin/some --new\n"
        assert.truthy(run({ support.tiexec, "--unit", "some.service" }).out:find("has changed: renewed", 1, true))
        assert.truthy(support.read_file(PATH):find(" -- /usr/bin/some --new\n", 1, true))
        assert.equal(0, run({ support.tiexec, "--unit", "some", "--remove" }).code)
        assert.equal("", support.shell("ls " .. etc .. "/systemd/system").out)
        assert.equal("reload\nreload\nreload\n", support.read_file(folder.path .. "/told"))
    end)

    test("says in a line what it cannot do", function()
        for name, why in pairs { ["no-such"] = "there is no such unit", ["a/b"] = "not the name of a unit" } do
            local result = run { support.tiexec, "--unit", name }
            assert.equal(125, result.code)
            assert.truthy(failure.one_line(result):find(why, 1, true))
        end
        assert.truthy(failure.one_line(run { support.tiexec, "--remove", ample }):find("goes with --unit", 1, true))
    end)
end)
