-- SPDX-License-Identifier: Apache-2.0
-- --follow=auto: whatever a program becomes, starts and loads gets huge text, and nobody is traced for that.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"
local watched = require "tests.lib.watched"

local ample, loader = support.programs .. "ample", support.programs .. "loader"
local HUGE <const> = core.huge_page_size()

-- A process that has been stopped rests for twenty times as long: minutes, where CPUs are emulated.
local it = support.patience == 1 and it or function(name)
    return it(name, function() return pending("stops take too long on an emulated CPU") end)
end

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

-- A folder with copies of the library `loadable`, whose names are in no other test.
local function copies(count)
    local folder = support.folder()
    folder.libraries = {}
    for i = 1, count do
        folder.libraries[i] = folder.path .. "/library" .. i
        assert(os.execute(("cp %sloadable %s"):format(support.programs, folder.libraries[i])))
    end
    os.execute("sync -f " .. folder.path)
    return folder
end

local function is_gone(family) return not core.status(family.watcher, "Pid") end

describe("a watched family:", function()
    it("what a script becomes is remapped", function()
        local family <close> = watched.start { "sh", "-c", 'read x; exec env "$0" wait', ample }
        family.send()
        assert(support.wait_for(function() return support.has_become(family.pid, "ample") end))
        assert.is_true(watched.becomes_huge(family.pid, 2 * HUGE), family.err())
        assert.equal("", family.err())
    end)

    it("what a script becomes is remapped where nobody has asked for anything", function()
        for _, tiexec in ipairs { support.tiexec, support.dynamic_tiexec } do
            local family <close> = watched.start({ "sh", "-c", 'read x; exec env "$0" wait', ample },
                { options = {}, tiexec = tiexec })
            family.send()
            assert(support.wait_for(function() return support.has_become(family.pid, "ample") end))
            assert.is_true(watched.becomes_huge(family.pid, 2 * HUGE), family.err())
            assert.equal("", family.err())
        end
    end)

    it("nobody who watches keeps the folder in which the program was started", function()
        for _, words in ipairs { { "sh", "-c", "read x; read x" }, { ample, "wait" } } do
            local family <close> = watched.start(words, { options = {} })
            local watchers = watched.watchers(family.mark, family.pid)
            assert.is_true(#watchers > 0)
            for _, pid in ipairs(watchers) do assert.equal("/", core.readlink(("/proc/%d/cwd"):format(pid))) end
        end
    end)

    it("what gains nothing, and starts nothing, has no watcher", function()
        local family <close> = watched.start({ "cat" }, { options = {}, unwatched = true })
        assert(support.wait_for(function() return support.has_become(family.pid, "cat") end))
        assert.same({}, watched.watchers(family.mark, family.pid))
    end)

    it("no file of a program's is kept open by the watcher that nobody has asked for", function()
        local script <const> = [[out=$("$0" sh -c '(read x </dev/tty || sleep 3) 2>/dev/null >&2 & echo said' 2>&1); ]]
            .. 'echo "$out"'
        local result = support.run { "timeout", "2", "sh", "-c", script, support.tiexec }
        assert.same({ "said\n", 0 }, { result.out, result.code })
    end)

    it("what is put back stays so: --undo ends the watch", function()
        local family <close> = watched.start { "sh", "-c", '"$0" wait & wait', ample }
        local pid = assert(watched.find(family, "ample"))
        assert.is_true(watched.becomes_huge(pid, 2 * HUGE), family.err())
        assert.equal(0, support.run_tiexec({ "--undo", tostring(pid) }).code)
        assert.is_true(support.wait_for(function() return is_gone(family) end))
        assert.equal(0, (support.huge_text(pid)))
        os.execute("kill -TERM " .. pid)
        assert.is_true(family.ends())
    end)

    it("what a script starts is remapped", function()
        local family <close> = watched.start { "sh", "-c", 'read x; sh -c \'"$0" wait; exit 3\' "$0"; exit 3', ample }
        family.send()
        local pid = assert(watched.find(family, "ample"))
        assert.is_true(watched.becomes_huge(pid, 2 * HUGE), family.err())
        os.execute("kill -TERM " .. pid)
        assert.is_true(family.ends())
        assert.is_nil(family.err():find("tiexec", 1, true), family.err()) -- the shell says how it ended
    end)

    it("what is started at once, by a program that ends at once, is remapped", function()
        local result = support.run_tiexec { "--follow=auto", "sh", "-c", '"$0" wait >/dev/null 2>&1 & echo $!', ample }
        local pid = tonumber(result.out)
        local ok = watched.becomes_huge(pid, 2 * HUGE)
        os.execute("kill -KILL " .. pid)
        assert.is_true(ok)
        assert.equal("", result.err)
    end)

    it("libraries are remapped, at once and later, each time that they are loaded", function()
        local folder <close> = copies(1)
        local family <close> = watched.start { loader, "load", folder.libraries[1] }
        for round = 1, 3 do
            family.expect("loaded", round)
            assert.is_true(watched.becomes_huge(family.pid, HUGE), family.err())
            family.send()
            family.expect("unloaded", round)
            assert.equal(0, (support.huge_text(family.pid)))
            family.send()
        end
        assert.equal("", family.err())
    end)

    it("much text that only copies could serve stays, where nobody has asked, also when a library comes", function()
        local folder <close> = copies(1)
        local large <const> = support.programs .. "loadable-large"
        local family <close> = watched.start({ loader, "add", large, folder.libraries[1] },
            { options = {}, prefix = { "env", "TIEXEC_CACHE=/none" } })
        family.expect("loaded")
        os.execute "sleep 0.5" -- it has been looked at by then, and if not, this test cannot fail
        family.send()
        family.expect("loaded", 2)
        assert.is_true(watched.becomes_huge(family.pid, HUGE), family.err())
        assert.is_true(support.huge_text(family.pid) < 16 * HUGE)
        assert.equal("", family.err())
    end)

    it("the table of -v is shown for each, and the report has it", function()
        local folder <close> = support.folder()
        local family <close> = watched.start({ "sh", "-c", 'read x; exec "$0" wait', ample },
            { options = { "--follow=auto", "-v", "--report", folder.path .. "/report" } })
        family.send()
        assert.is_true(watched.becomes_huge(family.pid, 2 * HUGE), family.err())
        assert(support.wait_for(function() return family.err():find("ample %(process %d+%), attach, strategy") end))
        local path <const> = folder.path .. "/report"
        assert.is_true(support.wait_for(function() -- it is written after the table
            return (support.read_file(path) or ""):find('"stage":"attach"', 1, true) ~= nil
        end), support.read_file(path))
    end)

    it("small programs are left alone, and end as ever", function()
        local script = [[for i in $(seq 100); do /bin/true; done; (exit 4); echo $?; exit 7]]
        local plain = support.run { "sh", "-c", script }
        failure.same_end(plain, support.run_tiexec { "--follow=auto", "sh", "-c", script })
    end)

    it("a program that has gained is watched for as long as was asked for", function()
        local family <close> = watched.start({ ample, "wait" }, { options = { "--follow=auto:3" } })
        assert.is_true(support.wait_for(function() return is_gone(family) end))
        assert.is_true(support.has_become(family.pid, "ample"))
        assert.is_true(support.huge_text(family.pid) >= 2 * HUGE)
    end)

    it("one that has not is watched until it ends, and then nothing is left", function()
        local family <close> = watched.start({ "sh", "-c", "read x; exit 5" }, { options = { "--follow=auto:0" } })
        os.execute "sleep 0.3" -- longer than it would be watched if it had gained
        assert.is_false(is_gone(family))
        family.send()
        assert.is_true(family.ends())
        assert.equal("", family.err())
    end)

    it("nobody who waits for the output of the program waits for the watch", function()
        local result = support.shell(support.quote { "timeout", "20", support.tiexec, "--follow=auto", "sh", "-c",
            "sleep 100 >/dev/null 2>&1 & echo $!" } .. " 2>&1 | cat")
        os.execute("kill " .. result.out)
        assert.equal(0, result.code)
        assert.matches("^%d+\n$", result.out)
    end)
end)

describe("a watch over a family", function()
    it("may end at any moment: the family runs on", function()
        local folder <close> = copies(2)
        for try = 1, support.rounds(10) do
            local family <close> = watched.start { "sh", "-c", 'read x; "$@"; exit $?', "sh",
                loader, "churn", "12", table.unpack(folder.libraries) }
            family.send()
            os.execute(("sleep 0.%03d; kill -KILL %d 2>/dev/null"):format(try * 23, family.watcher))
            assert.is_true(family.ends())
            -- Killed in the midst of a change, the process goes, too, and the shell says so.
            assert(family.out() == "right\n" or family.err() == "Killed\n", family.out() .. family.err())
        end
    end)

    it("makes good what it has missed", function()
        local folder <close> = copies(1)
        local family <close> = watched.start { "sh", "-c", [[read x; seq 2000 | while read i; do "$1"; done
            "$0" load "$2"]], loader, "/bin/true", folder.libraries[1] }
        os.execute("kill -STOP " .. family.watcher)
        family.send()
        family.expect("loaded")
        local pid = assert(watched.find(family, "loader"))
        os.execute("kill -CONT " .. family.watcher)
        assert.is_true(watched.becomes_huge(pid, HUGE), family.err())
    end)

    it("is refused: the program is traced until it has become another, and one line says so", function()
        local family <close> = watched.start({ "sh", "-c", 'read x; exec "$0" wait', ample },
            { prefix = { support.programs .. "deny", "perf_event_open", "EACCES" }, unwatched = true })
        assert(support.wait_for(function() return support.has_become(family.pid, "dash")
            or (core.status(family.pid, "TracerPid") or 0) > 0 end))
        family.send()
        assert(support.wait_for(function() return support.has_become(family.pid, "ample") end))
        assert.is_true(watched.becomes_huge(family.pid, 2 * HUGE), family.err())
        local line = failure.one_line { err = family.err() }
        assert.truthy(line:find("Permission denied", 1, true), line)
    end)
end)

describe("in a watched family", function()
    local function same(script, ...)
        local words = { "sh", "-c", script, ... }
        local plain, result = support.run(words), support.run_tiexec(support.concat({ "--follow=auto" }, words))
        local function comparable(text) return (text:gsub("[Pp]rocess %d+", ""):gsub("%d%d%d+", "N")) end
        assert.equal(comparable(plain.out), comparable(result.out))
        assert.equal(comparable(plain.err), comparable(result.err))
        assert.equal(plain.code, result.code)
        return plain
    end

    it("strace and gdb work as ever, on what they start and on what runs", function()
        local plain = same([[sleep 0.1
            strace -f -qq -e trace=none -e signal=none "$0" x; gdb -nx -q -batch -ex run -ex 'p 6*7' "$0"
            "$0" wait & sleep 0.3; gdb -nx -q -batch -p $! -ex 'p 6*7' 2>&1 | tail -n 2
            timeout -s INT 0.3 strace -qq -e trace=none -p $!; echo $?; kill $!]], ample)
        assert.truthy(plain.out:find("= 42\n.*= 42\n"), plain.out .. plain.err)
    end)

    it("a child that a seccomp filter confines is left as it is, if it may not be looked into, and lives", function()
        local deny = support.programs .. "deny"
        local family <close> = watched.start { "sh", "-c", 'read x; "$0" mremap kill "$1" wait; exit 6', deny, ample }
        family.send()
        local pid = assert(watched.find(family, "ample"))
        -- Root can read the filter; it allows none of the ways but to leave the text where it is.
        assert(support.wait_for(function()
            return support.huge_text(pid) > 0 or family.err():find("filter", 1, true)
        end), family.err())
        assert.is_true(support.has_become(pid, "ample"))
        os.execute("kill -TERM " .. pid)
        assert.is_true(family.ends())
    end)
end)

describe("a program that has nothing to gain", function()
    local folder, script
    setup(function()
        folder = support.folder()
        script = folder.path .. "/script"
        support.write_file(script, "#!/usr/bin/env sh\nexec true\n")
        os.execute("chmod 755 " .. script)
    end)
    teardown(function() getmetatable(folder).__close() end)

    for name, case in pairs {
        ["a script is told of, with what runs it"] =
            { { "--follow=auto" }, "script", "a script; watching what it becomes (sh)" },
        ["a script that is not watched, with what would help"] =
            { { "-v", "--follow=none" }, "script", "--follow=auto watches it" },
        ["a script is told of where nothing was asked for, too"] =
            { { "--strategy=aggressive" }, "script", "a script; watching what it becomes (sh)" },
        ["nothing is said where that was asked for"] = { { "--follow=none" }, "script" },
        ["nothing is said of a shell"] = { { "--follow=auto" }, "/bin/sh" },
        ["with -v something is said of a shell"] =
            { { "-v", "--follow=auto" }, "/bin/sh", "nothing to gain itself; watching" },
    } do
        it(name, function()
            local result = support.run_tiexec(support.concat(case[1],
                { case[2] == "script" and script or case[2] }))
            assert.equal(0, result.code)
            if not case[3] then return assert.equal("", result.err) end
            assert.truthy(result.err:find(case[3], 1, true), result.err)
        end)
    end

    it("that is a dynamic linker is told of, and the program that it starts is remapped", function()
        local linker
        for line in support.read_file("/proc/self/maps"):gmatch("[^\n]+") do
            linker = linker or line:match("(/%S*/ld[-.]%S*)$")
        end
        local family <close> = watched.start { linker, ample, "wait" }
        assert.is_true(watched.becomes_huge(family.pid, HUGE), family.err())
        local said = failure.one_line { err = family.err() }
        assert.truthy(said:find("a dynamic linker; watching", 1, true), said)
    end)
end)

describe("an ordinary user's family", function()
    local NOBODY <const> = { "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--" }
    local here, remove
    setup(function() here, remove = reachable.folder() end)
    teardown(function() remove() end)

    local function start(words)
        return watched.start(words, { prefix = NOBODY, tiexec = here .. "build/tiexec" })
    end

    local function perf_allows()
        return support.is_root and tonumber(support.read_file("/proc/sys/kernel/perf_event_paranoid")) <= 2
    end

    it("is watched, too", function()
        if not perf_allows() then return pending "perf events are not for ordinary users here, or not root" end
        local family <close> = start { "sh", "-c", 'read x; "$0" wait; exit 6', here .. "build/tests/ample" }
        family.send()
        local pid = assert(watched.find(family, "ample"))
        assert.is_true(watched.becomes_huge(pid, 2 * HUGE), family.err())
    end)

    it("keeps the rights of its set-id programs", function()
        if not perf_allows() then return pending "perf events are not for ordinary users here, or not root" end
        os.execute(("chown root %sid && chmod 4755 %sid"):format(here, here))
        local family <close> = start { "sh", "-c", 'read x; "$0"; exec "$0" -u', here .. "id" }
        family.send()
        assert.is_true(family.ends())
        assert.truthy(family.out():find("euid=0%(root%).*\n0\n"), family.out())
        assert.equal("", family.err())
    end)
end)
