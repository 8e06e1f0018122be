-- SPDX-License-Identifier: Apache-2.0
-- The source `shared` where making or finding the copy fails, at each step: the program is right, the next
-- source serves, and nothing is left behind.

local core = require "tiexec.core"
local shared = require "tests.lib.shared"
local support = require "tests.lib.support"

local TEXT <const> = shared.TEXT
local HUGE <const> = core.host().huge_page_size
local place, run, files, text_of = shared.place, shared.run, shared.files, shared.text_of

local mode
setup(function() mode = support.thp("madvise") end) -- for the source that comes after
teardown(function() if mode then getmetatable(mode).__close() end end)

-- Asserts that the program is right, and runs from the copy or else from the next source's pages. Gives
-- what was said, and whether there is a copy.
local function right_either_way(here, what)
    local result = run(here, nil, "shared,thp")
    assert.same({ "answer=1\n", 0 }, { result.out, result.code }, what)
    local process <close> = shared.start_waiting(here, "shared,thp")
    local _, by = support.huge_bytes(text_of(process.pid))
    local copies = files(here)
    assert.is_true(support.huge_text(process.pid) >= TEXT, what) -- a copy may be several mappings
    assert.is_true(#copies <= 1, what)
    for _, path in ipairs(copies) do assert.is_nil(path:find("%.tmp$"), what) end
    assert.equal(#copies == 1, by ~= "AnonHugePages", what)
    return result.err, #copies == 1
end

-- first, first + step… up to last
local function sizes(first, last, step)
    local list = {}
    for size = first, last, step or 1 do list[#list + 1] = size end
    return list
end

describe("a full filesystem loses nothing", function()
    it("whatever the size of a tmpfs", function()
        if not support.is_root then return pending("needs root, to mount a small tmpfs") end
        local made
        for _, kib in ipairs(support.some(sizes(4, 12292, 384), 8)) do
            local here <close> = place()
            assert.is_true(shared.mount(here, "size=" .. kib .. "k"))
            local err
            err, made = right_either_way(here, kib .. " KiB")
            assert.equal("", err)
            if kib < TEXT >> 10 then assert.is_false(made) end
        end
        assert.is_true(made) -- the last was large enough
    end)

    it("of a tmpfs that others fill meanwhile", function()
        if not support.is_root then return pending("needs root, to mount a small tmpfs") end
        local here <close> = place()
        assert.is_true(shared.mount(here, "size=14m"))
        support.shell(("head -c 4M /dev/zero > %s/foreign"):format(here.cache))
        for _ = 1, 3 do
            assert.same("answer=1\n", run(here, nil, "shared,thp").out)
            local copies = files(here)
            assert.same(here.cache .. "/foreign", copies[1])
            assert.is_true(#copies <= 2)
        end
        local filler <close> = support.start({ "sh", "-c", ("while :; do head -c 12M /dev/zero >%s/foreign; "
            .. "rm %s/foreign %s/*@*; done"):format(here.cache, here.cache, here.cache) })
        for _ = 1, support.rounds(30) do assert.same("answer=1\n", run(here, nil, "shared,thp").out) end
        assert.is_true(filler:is_alive())
    end)

    it("for want of inodes", function()
        if not support.is_root then return pending("needs root, to mount a small tmpfs") end
        for inodes = 1, 2 do
            local here <close> = place()
            assert.is_true(shared.mount(here, "nr_inodes=" .. inodes))
            local err, made = right_either_way(here, inodes .. " inodes")
            assert.same({ "", inodes > 1 }, { err, made })
        end
    end)

    it("whatever the pool of a hugetlbfs", function()
        local pages = TEXT // HUGE + 4
        local pool <close> = support.pool(pages)
        if not pool then return pending("the hugetlb pool cannot be set: not root?") end
        local made
        for _, size in ipairs(support.some(sizes(1, pages), 3)) do
            local here <close> = place()
            assert.is_true(shared.mount(here, ("size=%d"):format(size * HUGE), "hugetlbfs"))
            local err
            err, made = right_either_way(here, size .. " pages")
            assert.equal("", err)
        end
        assert.is_true(made)
        for _, size in ipairs(support.some(sizes(0, pages), 3)) do
            local smaller <close> = support.pool(size)
            if smaller then
                local here <close> = place()
                assert.is_true(shared.mount(here, "size=1g", "hugetlbfs"))
                right_either_way(here, "pool of " .. size)
            end
        end
    end)
end)

describe("a cache folder mounted", function()
    it("read-only is looked into, and the next source serves; a copy in it is used", function()
        if not support.is_root then return pending("needs root, to mount") end
        local here <close> = place()
        assert.is_true(shared.mount(here, "ro"))
        local result = run(here, nil, "shared,thp")
        assert.same({ "answer=1\n", 0 }, { result.out, result.code })
        assert.is_false(select(2, right_either_way(here, "read-only")))
        support.run { "mount", "-o", "remount,rw", here.cache }
        run(here)
        assert.same(1, #files(here))
        support.run { "mount", "-o", "remount,ro", here.cache }
        assert.is_true(select(2, right_either_way(here, "read-only")))
    end)

    it("nosuid and nodev is as good as any", function()
        if not support.is_root then return pending("needs root, to mount") end
        local here <close> = place()
        assert.is_true(shared.mount(here, "nosuid,nodev"))
        assert.is_true(select(2, right_either_way(here, "nosuid")))
    end)
end)

-- Runs the program with the nth of the tracer's calls for a copy struck, see tests/programs/killer.c.
local function struck(here, n, error)
    local words = support.words_by("shared,thp", here.cache, { here.program }, nil, support.dynamic_tiexec)
    local log = here.path .. "/log"
    os.remove(log)
    local prefix = { "timeout", "-s", "KILL", "60", "env", "LD_PRELOAD=" .. support.programs .. "killer",
        "KILLER_CACHE=1", "KILLER_AT=" .. n, "KILLER_ERROR=" .. error, "KILLER_LOG=" .. log,
        "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0" }
    return support.run(table.move(words, 1, #words, #prefix + 1, prefix)), support.read_file(log)
end

describe("at every call that makes a copy", function()
    local STEP <const> = support.patience > 1 and 49 or 1 -- of calls only every nth where things take long

    for _, error in ipairs { { 28, "ENOSPC" }, { 12, "ENOMEM" }, { 1, "EPERM" } } do
        it(error[2] .. " loses nothing", function()
            local n = 1 - STEP
            repeat
                n = n + STEP
                local here <close> = place()
                os.execute("rmdir " .. here.cache) -- tiexec is to make it
                local result, call = struck(here, n, error[1])
                local what = ("call %d, %s"):format(n, call)
                assert.same({ "answer=1\n", 0 }, { result.out, result.code }, what)
                assert.is_true(select(2, result.err:gsub("\n", "")) <= 1, what .. result.err)
                assert.is_nil(result.err:find("internal error"), what)
                for _, path in ipairs(files(here)) do -- without the lock nobody may remove it, nor fill it
                    assert.is_true(not path:find("%.tmp$") or call == "flock" and core.stat(path).size == 0, what)
                end
                assert.is_true(select(2, right_either_way(here, what)))
            until not call
            assert.is_true(n > 20)
        end)
    end

    it("SIGKILL of the tracer leaves what the next start takes over", function()
        local n, gone = 1 - STEP, 0
        repeat
            n = n + STEP
            local here <close> = place()
            local result, call = struck(here, n, 0)
            local what = ("call %d, %s"):format(n, call)
            if result.signal or result.code ~= 0 then
                gone = gone + 1
                assert.equal("", result.out, what)
            else
                assert.equal("answer=1\n", result.out, what)
            end
            local err, made = right_either_way(here, what)
            assert.same({ "", true }, { err, made }, what)
        until not call
        assert.is_true(gone * STEP > 10)
    end)
end)

describe("while many start", function()
    local COUNT <const> = support.rounds(50)

    it("and list, prune and clear run all the time, each is right", function()
        local here <close> = place()
        local script = ([[
export TIEXEC_CACHE=%s
( while [ -e %s ]; do for a in list prune clear; do %s --cache $a || echo "$a failed"; done; done >%s/actions 2>&1 ) &
i=0
while [ $i -lt %d ]; do %s --sources shared,thp %s & pids="$pids $!"; i=$((i+1)); done
for pid in $pids; do wait $pid || echo "status $?"; done
rm %s
wait]]):format(here.cache, here.path .. "/going", support.tiexec, here.path, COUNT, support.tiexec,
            here.program, here.path .. "/going")
        support.write_file(here.path .. "/going", "")
        local result = support.shell(script)
        assert.same(("answer=1\n"):rep(COUNT), result.out)
        local actions = support.read_file(here.path .. "/actions")
        assert.is_nil(actions:find("failed"), actions)
        for line in result.err:gmatch("[^\n]+") do assert.is_nil(line:find("internal error"), line) end
        run(here)
        assert.same(1, #files(here))
    end)
end)

describe("while several prune at once", function()
    it("each succeeds, though a copy may be gone before it can remove it", function()
        local here <close> = place()
        run(here)
        local copy = files(here)[1]
        for i = 1, 300 do support.write_file(copy:sub(1, -5) .. ("%04x"):format(i), "no original") end
        local prune = ("TIEXEC_CACHE=%s %s --cache prune || echo failed"):format(here.cache, support.tiexec)
        local result = support.shell(("for i in 1 2 3 4; do { %s; } & done; wait"):format(prune))
        assert.same({ "", "" }, { result.out, result.err })
        assert.same({ copy }, files(here))
    end)
end)

describe("a program with a hostile name", function()
    local names = { "with blanks and 'quotes' \"too\"", "new\nline", "%s%n%d", "a@b-c@d", "-rf", "..", "~", "ü\xff\xfe",
        "\27[2Jescape", ("n"):rep(255), "x.tmp", "$(touch owned)", "a;b|c&d", "[vdso]", "x (deleted)" }
    for _, name in ipairs(support.some(names, 3)) do
        it(("%q is served, and listed in one line"):format(name), function()
            local here <close> = place()
            local folder = here.path .. (name == ".." and "/..hidden" or "/folder")
            support.run { "mkdir", folder }
            local path = folder .. "/" .. (name == ".." and "program" or name)
            assert(os.rename(here.program, path))
            local result = run(here, { path })
            assert.same({ "answer=1\n", "" }, { result.out, result.err })
            local copies = files(here)
            assert.equal(1, #copies)
            assert.matches("^[%w._+@-]+$", copies[1]:sub(#here.cache + 2))
            local listed = support.run { "env", "TIEXEC_CACHE=" .. here.cache, support.tiexec, "--cache", "list" }.out
            assert.equal(2, select(2, listed:gsub("\n", "")))
            assert.is_nil(listed:gsub("\n", ""):find("%c"))
            support.run { "env", "TIEXEC_CACHE=" .. here.cache, support.tiexec, "--cache", "prune" }
            assert.same(copies, files(here)) -- its original is there
        end)
    end
end)
