-- SPDX-License-Identifier: Apache-2.0
-- The source `shared`: one copy in a cache file for all processes, which is used only if it can be trusted.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local reachable = require "tests.lib.reachable"
local shared = require "tests.lib.shared"
local support = require "tests.lib.support"

local TEXT <const>, NOBODY <const> = shared.TEXT, shared.NOBODY
local place, run, files, text_of = shared.place, shared.run, shared.files, shared.text_of
local start_waiting = shared.start_waiting
local folder_for_all, remove = reachable.folder()
local tiexec_for_all = folder_for_all .. "build/tiexec"

local function patched(here, from, to)
    local bytes = support.read_file(here.program)
    local at = bytes:find(from, 1, true)
    return bytes:sub(1, at - 1) .. to .. bytes:sub(at + #to)
end

local mode
setup(function() mode = support.thp("madvise") end) -- for the source that comes after
teardown(function() if mode then getmetatable(mode).__close() end end)
teardown(remove)

describe("shared", function()
    it("puts text on huge pages of a file, and the program does the same", function()
        local here <close> = place()
        assert.same("answer=1\n", run(here).out)
        local process <close> = start_waiting(here)
        local text = text_of(process.pid)
        assert.is_true(text.ShmemPmdMapped >= TEXT)
        assert.same(text.stop - text.start, text.ShmemPmdMapped)
        assert.same(files(here), { text.path })
    end)

    it("lays the copy out as an ELF file that has the symbols of what is mapped", function()
        local here <close> = place()
        run(here)
        local path = files(here)[1]
        local headers = support.run { "readelf", "-lsW", path }.out
        local offset, address = headers:match("LOAD%s+0x(%x+) 0x(%x+)")
        local value = tonumber(headers:match("(%x+)%s+%d+ FUNC%s+GLOBAL DEFAULT%s+1 answer\n"), 16)
        local at = value - tonumber(address, 16) + tonumber(offset, 16)
        assert.same("answer=1\0", support.read_file(path):sub(at + 1, at + 9))
        local symbol = support.run { "nm", here.program }.out:match("(%x+) T answer\n")
        assert.same(value, tonumber(symbol, 16))
    end)

    it("shares one copy among processes: each pays its part", function()
        local here <close> = place()
        local one <close> = start_waiting(here)
        local two <close> = start_waiting(here)
        local first, second = text_of(one.pid), text_of(two.pid)
        local size = first.stop - first.start
        assert.same(first.path, second.path)
        assert.is_true(first.Pss + second.Pss <= size * 1.01)
        assert.same(size, first.Shared_Clean + first.Shared_Dirty)
        assert.same(0, first.Private_Clean + first.Private_Dirty)
    end)

    it("makes one copy when many start at once", function()
        local here <close> = place()
        local processes, paths, sum = {}, {}, 0
        local _all <close> = setmetatable({}, { __close = function()
            for _, process in ipairs(processes) do getmetatable(process).__close(process) end
        end })
        for i = 1, support.rounds(50) do
            processes[i] = support.start(support.words_by("shared", here.cache, { here.program, "wait" }))
        end
        for _, process in ipairs(processes) do
            assert.is_truthy(support.wait_for(function() return text_of(process.pid).ShmemPmdMapped == TEXT + (2 << 20)
                or text_of(process.pid).ShmemPmdMapped == TEXT end, 60))
        end
        for _, process in ipairs(processes) do
            local text = text_of(process.pid)
            sum = sum + text.Pss
            paths[text.path] = true -- another copy, or one that was replaced, would say "(deleted)"
        end
        assert.same(1, #files(here))
        assert.same({ [files(here)[1]] = true }, paths)
        assert.is_true(sum <= (TEXT + (2 << 20)) * 1.01)
    end)

    it("passes through fork and exec", function()
        local here <close> = place()
        assert.same("answer=1\nanswer=1\n", run(here, { here.program, "fork" }).out)
        assert.same("answer=1\n", run(here, { here.program, "exec" }).out)
    end)

    it("takes text that is linked so that its own file cannot serve", function()
        local here <close> = place()
        support.run { "cp", support.programs .. "shareable-lld", here.program }
        local process <close> = start_waiting(here, "file,shared")
        local text = text_of(process.pid)
        assert.same(text.stop - text.start, text.ShmemPmdMapped)
        assert.is_true(text.ShmemPmdMapped >= TEXT)
        assert.same("answer=1\n", run(here).out)
    end)

    it("is for a user without rights", function()
        if not support.is_root then return pending("needs root, to become another user") end
        local here <close> = place()
        local folder = "/dev/shm/tiexec-65534"
        local words = table.move(NOBODY, 1, #NOBODY, 1, {})
        for _, word in ipairs { tiexec_for_all, "--sources", "shared", here.program, "wait" } do
            words[#words + 1] = word
        end
        local undo <close> = setmetatable({}, { __close = function() os.execute("rm -rf " .. folder) end })
        local process <close> = support.start(words)
        assert.is_truthy(support.wait_for(function() return (text_of(process.pid).ShmemPmdMapped or 0) >= TEXT end))
        local stat = core.stat(folder)
        assert.same({ 65534, 0x41c0 }, { stat.uid, stat.mode }) -- a folder, rwx------
    end)

    it("uses a folder that root provides for all", function()
        if not support.is_root then return pending("needs root") end
        if core.stat("/run/tiexec") then return pending("/run/tiexec is in use") end
        local here <close> = place()
        os.execute("mkdir /run/tiexec && mount -t tmpfs -o mode=755 tiexec-test /run/tiexec")
        local undo <close> = setmetatable({}, { __close = function()
            os.execute("umount /run/tiexec; rmdir /run/tiexec")
        end })
        local tail = { tiexec_for_all, "--sources", "shared", here.program, "wait" }
        local one <close> = support.start(tail)
        assert.is_truthy(support.wait_for(function() return (text_of(one.pid).ShmemPmdMapped or 0) >= TEXT end))
        local two <close> = support.start(table.move(tail, 1, #tail, #NOBODY + 1, { table.unpack(NOBODY) }))
        assert.is_truthy(support.wait_for(function() return (text_of(two.pid).ShmemPmdMapped or 0) >= TEXT end))
        assert.matches("^/run/tiexec/", text_of(one.pid).path)
        assert.same(text_of(one.pid).path, text_of(two.pid).path)
        assert.is_nil(core.stat("/dev/shm/tiexec-65534"))
    end)

    it("lets others read a copy only if they may read the original", function()
        local here <close> = place()
        run(here)
        assert.same(0x8124, core.stat(files(here)[1]).mode) -- a file, r--r--r--
        os.execute("rm " .. here.cache .. "/*; chmod 700 " .. here.program)
        run(here)
        assert.same(0x8100, core.stat(files(here)[1]).mode) -- r--------
    end)
end)

describe("a program that was changed", function()
    it("never runs the old text when another file has its name", function()
        local here <close> = place()
        run(here)
        support.write_file(here.path .. "/new", patched(here, "answer=1", "answer=2"))
        support.shell(("chmod 755 %s/new; mv %s/new %s"):format(here.path, here.path, here.program))
        local result = run(here)
        assert.same({ "answer=2\n", "" }, { result.out, result.err })
        assert.same(1, #files(here)) -- the old copy went when a new one was made
    end)

    it("never runs the old text when it was written to with all its dates and sizes the same", function()
        local here <close> = place()
        run(here)
        local new = patched(here, "answer=1", "answer=2")
        support.shell(("touch -r %s %s/date"):format(here.program, here.path))
        support.write_file(here.program, new)
        support.shell(("touch -r %s/date %s"):format(here.path, here.program))
        local result = run(here, nil, "shared,thp")
        assert.same("answer=2\n", result.out)
        assert.matches("^tiexec: [^\n]* is not used: its contents are not the program's\n$", result.err)
        assert.same(1, #files(here))
    end)
end)

describe("a cache file that", function()
    local ways = {
        { "was tampered with", "chmod 600 FILE; printf X | dd of=FILE bs=1 seek=4000000 conv=notrunc; chmod 400 FILE",
            "its contents are not the program's" },
        { "was tampered with in its last byte of text",
            "chmod 600 FILE; printf X | dd of=FILE bs=1 seek=$((0xa00000 - 1)) conv=notrunc; chmod 400 FILE",
            "its contents are not the program's" },
        { "was cut short", "truncate -s 4M FILE", "it is too short" },
        { "belongs to another user", "chown 65534 FILE", "it belongs to another user", true },
        { "others may write to", "chmod 446 FILE", "others may write to it" },
        { "its group may write to", "chmod 464 FILE", "others may write to it" },
        { "is a symbolic link", "mv FILE FILE.moved; ln -s FILE.moved FILE", "it is a symbolic link" },
        { "is a folder", "rm -f FILE; mkdir FILE", "it is not a regular file" },
        { "is a fifo", "rm -f FILE; mkfifo FILE", "it is not a regular file" },
    }
    for _, way in ipairs(support.some(ways, 3)) do
        it(way[1] .. " is refused with a line, and the next source serves", function()
            if way[4] and not support.is_root then return pending("needs root") end
            local here <close> = place()
            run(here)
            local path = files(here)[1]
            support.shell((way[2]:gsub("FILE", path)))
            local alone = failure.one_line(run(here))
            assert.truthy(alone:find(("%s is not used: %s"):format(path, way[3]), 1, true), alone)
            local result = run(here, nil, "shared,thp")
            assert.same("answer=1\n", result.out)
            assert.same(("tiexec: %s is not used: %s\n"):format(path, way[3]), result.err)
            local process <close> = start_waiting(here, "shared,thp")
            assert.is_true(support.huge_text(process.pid) >= TEXT) -- by thp: the folder is empty
        end)
    end
end)

describe("a cache folder that", function()
    local ways = {
        { "others may write to", "chmod 777 FOLDER", "others may write to it" },
        { "belongs to another user", "chown 65534 FOLDER", "it belongs to another user", true },
        { "is a symbolic link", "rmdir FOLDER; mkdir -m 700 FOLDER.real; ln -s FOLDER.real FOLDER", "Not a directory" },
        { "is mounted noexec", "mount -t tmpfs -o noexec,mode=700 tiexec-test FOLDER", "mounted noexec", true },
    }
    for _, way in ipairs(support.some(ways, 2)) do
        it(way[1] .. " is not used", function()
            if way[4] and not support.is_root then return pending("needs root") end
            local here <close> = place()
            support.shell((way[2]:gsub("FOLDER", here.cache)))
            local result = run(here)
            assert.same("answer=1\n", result.out)
            assert.matches(way[3], result.err, 1, true)
            assert.same({}, files(here))
            local process <close> = start_waiting(here, "shared,thp")
            assert.is_true(support.huge_text(process.pid) >= TEXT) -- by thp: the folder is empty
        end)
    end
end)

describe("a cache folder on a disk", function()
    it("is not used", function()
        local here <close> = place()
        local folder <close> = support.folder()
        here.cache = folder.path
        local result = run(here)
        if #files(here) > 0 then return pending("/tmp is in memory") end
        assert.same("answer=1\n", result.out)
        assert.matches("neither on tmpfs nor on hugetlbfs", result.err, 1, true)
    end)
end)

describe("a copy that was begun", function()
    it("and left by a killed process is taken over", function()
        local here <close> = place()
        run(here)
        local path = files(here)[1]
        support.shell(("mv %s %s.tmp; chmod 600 %s.tmp; truncate -s 3M %s.tmp"):format(path, path, path, path))
        local process <close> = start_waiting(here)
        assert.same(path, text_of(process.pid).path)
        assert.same({ path }, files(here))
    end)

    it("and is held by another process is not waited for without end", function()
        local here <close> = place()
        run(here)
        local path = files(here)[1]
        support.shell(("mv %s %s.tmp; chmod 600 %s.tmp"):format(path, path, path))
        local holder <close> = support.start { "flock", path .. ".tmp", "sleep", "1000" }
        support.wait_for(function() return support.run { "flock", "-n", path .. ".tmp", "true" }.code ~= 0 end)
        local result = run(here)
        assert.same("answer=1\n", result.out)
        assert.matches("another process has long been making the copy", result.err, 1, true)
        support.run { "env", "TIEXEC_CACHE=" .. here.cache, support.tiexec, "--cache", "prune" }
        assert.same({ path .. ".tmp" }, files(here))
        os.execute(("pkill -KILL -P %d"):format(holder.pid))
    end)
end)

describe("--cache", function()
    local function cache(here, action)
        return support.run { "env", "TIEXEC_CACHE=" .. here.cache, support.tiexec, "--cache", action }
    end

    it("list names each copy with its size, users and program", function()
        local here <close> = place()
        local one <close> = start_waiting(here)
        local two <close> = start_waiting(here)
        assert.same(text_of(one.pid).path, text_of(two.pid).path)
        local result = cache(here, "list")
        local mib, users, program, path = result.out:match("\n%s*([%d.]+) MiB%s+(%d+)  (%S+)  (%S+)\n$")
        assert.is_true(tonumber(mib) >= 8 and tonumber(mib) < 12)
        assert.same({ "2", here.program, files(here)[1], "" }, { users, program, path, result.err })
    end)

    it("prune removes what has no original any more, and nothing else", function()
        local here <close> = place()
        local other = here.path .. "/other"
        support.run { "cp", here.program, other }
        run(here)
        local first = files(here)[1]
        run(here, { other })
        support.write_file(here.cache .. "/foreign", "mine")
        support.write_file(first .. ".tmp", "left behind")
        assert.same(4, #files(here))
        assert.same(0, cache(here, "prune").code)
        assert.same(3, #files(here))
        assert.is_nil(core.stat(first .. ".tmp"))
        support.run { "touch", other } -- it is another file now, for all that its name tells
        cache(here, "prune")
        assert.same({ here.cache .. "/foreign", first }, files(here))
        os.remove(here.program)
        cache(here, "prune")
        assert.same({ here.cache .. "/foreign" }, files(here))
    end)

    it("clear removes all, and those who use a copy keep it", function()
        local here <close> = place()
        local process = start_waiting(here)
        local cleared, left = cache(here, "clear").code, files(here)
        local text = text_of(process.pid)
        os.remove(here.program)
        assert.same(1, process:stop("USR1"))
        assert.same({ 0, {} }, { cleared, left })
        assert.matches("%(deleted%)$", text.path)
        assert.is_true(text.ShmemPmdMapped >= TEXT)
    end)

    it("refuses other actions", function()
        local here <close> = place()
        local result = cache(here, "fill")
        assert.same(125, result.code)
        assert.matches("list, prune and clear", result.err, 1, true)
    end)

    it("is content with no cache at all", function()
        local here <close> = place()
        os.execute("rmdir " .. here.cache)
        for _, action in ipairs { "list", "prune", "clear" } do assert.same(0, cache(here, action).code) end
    end)
end)
