-- SPDX-License-Identifier: Apache-2.0
-- Programs that change rights, and a caller without any.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"

local NOBODY <const> = { "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--" }

local here, remove = reachable.folder()
local ample, tiexec = here .. "build/tests/ample", here .. "build/tiexec"
teardown(remove)

-- Runs words as nobody; `tiexec` is the reachable one.
local function as_nobody(...)
    local words = table.move(NOBODY, 1, #NOBODY, 1, {})
    for _, list in ipairs { ... } do table.move(list, 1, #list, #words + 1, words) end
    return support.run(words)
end

-- The host as it is, for tests that only root can prepare; or nil, and why this cannot.
local function root()
    if support.is_root then return failure.as_it_is() end
    return nil, "root is needed to make such a file, and to become nobody"
end

-- Two tests: a program that gets rights by being started keeps them, or is not started.
local function keeps_rights(name, make, command, evidence)
    local function run(options)
        local plain = as_nobody(command)
        assert(plain.out:find(evidence), plain.out .. plain.err) -- it does get rights here
        return plain, as_nobody({ tiexec }, options, command)
    end
    local function arranged(check)
        return function()
            local host <close>, why = root()
            if not host then return pending(why) end
            local ok, reason = make()
            if not ok then return pending(reason) end
            check()
        end
    end
    it(name .. ": it keeps its rights, one line tells", arranged(function()
        local plain, result = run({})
        failure.same_end(plain, result)
        local line = failure.one_line(result)
        assert.truthy(line:find("lose its rights", 1, true), line)
    end))
    it(name .. ", --strict: it is not started", arranged(function()
        local _, result = run({ "--strict" })
        failure.not_started(result)
        failure.one_line(result)
    end))
end

describe("as nobody:", function()
    keeps_rights("a setuid program", function()
        return os.execute(("chown root %sid && chmod 4755 %sid"):format(here, here))
    end, { here .. "id" }, "euid=0%(root%)")

    keeps_rights("a setgid program", function()
        return os.execute(("cp %sid %sgid && chown root:root %sgid && chmod 2755 %sgid"):format(here, here, here, here))
    end, { here .. "gid" }, "egid=0%(root%)")

    keeps_rights("a program with capabilities", function()
        if not os.execute("command -v setcap >/dev/null") then return nil, "setcap is missing (libcap2-bin)" end
        return os.execute(("cp /bin/grep %sgrep && setcap cap_net_raw+ep %sgrep"):format(here, here)),
            "this filesystem keeps no capabilities"
    end, { here .. "grep", "CapEff", "/proc/self/status" }, "CapEff:%s+0000000000002000")

    for _, follow in ipairs { "exec", "fork", "all" } do
        it("a setuid program that a script becomes keeps its rights, with --follow=" .. follow, function()
            local host <close>, why = root()
            if not host then return pending(why) end
            os.execute(("cp %sid %ssuid && chown root %ssuid && chmod 4755 %ssuid"):format(here, here, here, here))
            local script = { "sh", "-c", 'echo "$0 $*"; cd "$1" && PATH=. exec suid -n -u', "word", here }
            local plain = as_nobody(script)
            assert.equal(("word %s\nroot\n"):format(here), plain.out)
            local result = as_nobody({ tiexec, "--follow=" .. follow }, script)
            failure.same_end(plain, result)
            assert.equal("", result.err)
        end)
    end

    it("a setuid program that a script starts keeps its rights, one that runs with no_new_privs has none", function()
        local host <close>, why = root()
        if not host then return pending(why) end
        local script = { "sh", "-c", '"$0" -u -n; "$0" -u -n & wait; setpriv --no-new-privs "$0" -u -n', here .. "id" }
        os.execute(("chown root %sid && chmod 4755 %sid"):format(here, here))
        local plain = as_nobody(script)
        assert.equal("root\nroot\nnobody\n", plain.out)
        failure.same_end(plain, as_nobody({ tiexec, "--follow=all" }, script))
    end)

    it("huge pages come by thp", function()
        local host <close>, why = root()
        if not host then return pending(why) end
        local mode <close> = support.thp("madvise")
        assert.truthy(mode)
        local words = table.move(NOBODY, 1, #NOBODY, 1, {})
        table.move({ tiexec, "--sources", "thp", ample, "wait" }, 1, 5, #words + 1, words)
        local output = here .. "output"
        local process <close> = support.start(words, (">%s 2>&1"):format(output))
        assert.truthy(support.wait_for(function()
            return (support.read_file(output) or ""):find("child 5\n", 1, true)
        end))
        assert.equal(65534, core.status(process.pid, "Uid"))
        local bytes, by = support.huge_text(process.pid)
        assert.is_true(bytes > 0)
        assert.equal("AnonHugePages", by)
        assert.is_nil(support.read_file(output):match("tiexec"))
    end)

    it("a program that cannot be read but run does run", function()
        local host <close>, why = root()
        if not host then return pending(why) end
        os.execute(("cp %s %ssecret && chmod 711 %ssecret"):format(ample, here, here))
        local plain = as_nobody({ here .. "secret", "x" })
        local result = as_nobody({ tiexec, here .. "secret", "x" })
        assert.equal(3, plain.code)
        failure.same_end(plain, result)
    end)
end)

describe("as root:", function()
    it("a setuid program of root's gets huge pages like any other", function()
        local host <close>, why = root()
        if not host then return pending(why) end
        os.execute(("cp %s %sroots && chown root %sroots && chmod 4755 %sroots"):format(ample, here, here, here))
        local process <close> = support.start_tiexec { here .. "roots", "wait" }
        assert.is_true(support.huge_text(process.pid) > 0)
    end)
end)
