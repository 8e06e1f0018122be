-- SPDX-License-Identifier: Apache-2.0
-- --follow=dlopen: libraries that are loaded later run from huge pages, and the program notices nothing.

local attached = require "tests.lib.attached"
local core = require "tiexec.core"
local cpu = require "tests.lib.cpu"
local elf = require "tests.lib.elf"
local failure = require "tests.lib.failure"
local json = require "dkjson"
local support = require "tests.lib.support"

local loader, original = support.programs .. "loader", support.programs .. "loadable"
local HUGE <const> = core.host().huge_page_size

-- A folder with `count` copies of the library, written to disk: their names are in no other test.
local function copies(count)
    local folder = support.folder()
    folder.libraries = {}
    for i = 1, count do
        folder.libraries[i] = folder.path .. "/library" .. i
        assert(os.execute(("cp %s %s"):format(original, folder.libraries[i])))
    end
    os.execute("sync -f " .. folder.path)
    return folder
end

-- The tracers of programs that use a folder, as a list of process ids.
local function tracers(folder)
    local list = {}
    for pid in support.shell("pgrep -f -- " .. support.quote { "-f dlopen .*" .. folder.path }).out:gmatch("%d+") do
        if (core.readlink("/proc/" .. pid .. "/exe") or ""):match("[^/]*$") == "tiexec" then list[#list + 1] = pid end
    end
    return list
end

local function has_tracer(folder) return #tracers(folder) > 0 end

-- Starts `words` under tiexec, with pipes: `send` writes a line, `expect` waits for the nth line it has written.
local function converse(folder, words, options, prefix)
    local path = folder.path
    assert(os.execute(("rm -f %s/in; mkfifo %s/in"):format(path, path)))
    local all = table.move(prefix or {}, 1, #(prefix or {}), 1, {})
    all[#all + 1] = support.tiexec
    for _, list in ipairs { options or {}, { "-f", "dlopen" }, words } do table.move(list, 1, #list, #all + 1, all) end
    local process = support.start(all, ("<>%s/in >%s/out 2>%s/err"):format(path, path, path))
    process.send = function()
        local pipe <close> = assert(io.open(path .. "/in", "w"))
        pipe:write("\n")
    end
    process.expect = function(line, n)
        return assert(support.wait_for(function()
            local _, count = (support.read_file(path .. "/out") or ""):gsub("%f[%w]" .. line .. "\n", "")
            return count >= n
        end), line)
    end
    process.err = function() return support.read_file(path .. "/err") end
    return process
end

local function huge_of(pid, library)
    local sum = 0
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x") and m.path:find(library:match("[^/]*$"), 1, true) or m.path == "" and m.perms:find("x")
            or m.path:find("hugepage", 1, true) then
            sum = sum + support.huge_bytes(m)
        end
    end
    return sum
end

-- Bytes of whole huge pages from the library's base, or the start of its text, to the end of its text; and
-- whether it lies where pages of its file can be huge. nil: it is not mapped.
local function room(pid, library, strategy)
    local object = elf.loaded(pid, { [library] = true })[1]
    if not object or not object.texts[1] then return nil end
    local start = strategy == "conservative" and object.texts[1].start or object.base
    local bytes = (object.texts[1].stop & -HUGE) - (start + HUGE - 1 & -HUGE)
    return bytes, object.base & HUGE - 1 == 0
end

local function becomes_huge(pid, library)
    return support.wait_for(function()
        local least = room(pid, library)
        return least and least > 0 and huge_of(pid, library) >= least
    end)
end

-- All mappings except the heap and the stack, which grow.
local function layout(pid)
    local lines = {}
    for line in support.read_file("/proc/" .. pid .. "/maps"):gmatch("[^\n]+") do
        if not line:find("[heap]", 1, true) and not line:find("[stack]", 1, true) then lines[#lines + 1] = line end
    end
    return table.concat(lines, "\n")
end

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

describe("a library that is loaded later", function()
    for _, source in ipairs { "file", "shared", "thp", "hugetlb" } do
        for _, strategy in ipairs { "aggressive", "conservative" } do
            it(("is huge, gone when it is unloaded, and huge again: %s, %s"):format(source, strategy), function()
                local pool <close> = source == "hugetlb" and support.pool(8) or nil
                if source == "hugetlb" and not pool then return pending("no hugetlb pool") end
                local folder <close> = copies(1)
                local library = folder.libraries[1]
                local cache = { "env", "TIEXEC_CACHE=/dev/shm" .. folder.path:match("/[^/]*$") }
                os.execute(("mkdir %s; chmod 700 %s"):format(cache[2]:sub(14), cache[2]:sub(14)))
                local process <close> = converse(folder, { loader, "load", library },
                    { "-s", strategy, "--sources", source }, cache)
                local layouts = {}
                for round = 1, 3 do
                    process.expect("loaded", round)
                    local least, congruent = room(process.pid, library, strategy)
                    if (source == "file" or source == "shared") and not congruent then
                        return pending "this kernel does not place libraries congruently"
                    end
                    assert.is_true(least > 0)
                    assert(support.wait_for(function() return huge_of(process.pid, library) >= least end),
                        ("%d of the text is huge\n%s"):format(huge_of(process.pid, library), process.err()))
                    assert(support.wait_for(function() return core.status(process.pid, "TracerPid") == 0 end))
                    process.send()
                    process.expect("unloaded", round)
                    layouts[round] = layout(process.pid)
                    assert.is_nil(layouts[round]:find(library, 1, true))
                    if round < 3 then process.send() end
                end
                os.execute("rm -rf " .. cache[2]:sub(14))
                assert.equal(layouts[1], layouts[2])
                assert.equal(layouts[1], layouts[3])
                assert.equal("", process.err())
            end)
        end
    end

    it("stays as it is with --follow=none", function()
        local folder <close> = copies(1)
        local process <close> = support.start_tiexec({ "--follow=none", loader, "load", folder.libraries[1] },
            ("</dev/zero >%s/out"):format(folder.path))
        assert.is_false(has_tracer(folder))
        assert.equal(0, core.status(process.pid, "TracerPid"))
    end)

    it("is in the report, which has one table for each stage", function()
        local folder <close> = copies(1)
        local report = folder.path .. "/report"
        local process <close> = converse(folder, { loader, "load", folder.libraries[1] },
            { "-v", "--sources", "thp", "--report", report })
        assert.is_true(becomes_huge(process.pid, folder.libraries[1]))
        assert(support.wait_for(function() return process.err():find(", dlopen, strategy aggressive", 1, true) end))
        local entry, at = json.decode(support.read_file(report))
        local dlopen = json.decode(support.read_file(report), at)
        assert.equal("entry", entry.stage)
        assert.equal("dlopen", dlopen.stage)
        assert.equal(1, #dlopen.mappings)
        assert.equal(folder.libraries[1], dlopen.mappings[1].object)
        local headers <const> = 64 << 10 -- are no text
        assert.is_true(dlopen.totals.huge_bytes >= room(process.pid, folder.libraries[1]) - headers)
    end)
end)

describe("the program that is followed", function()
    it("ends with its own status, and no tracer is left", function()
        local folder <close> = copies(1)
        local process <close> = converse(folder, { loader, "load", folder.libraries[1] })
        process.expect("loaded", 1)
        assert.is_true(becomes_huge(process.pid, folder.libraries[1]))
        assert.is_true(has_tracer(folder))
        assert.equal(15, process:stop("TERM"))
        assert.is_true(support.wait_for(function() return not has_tracer(folder) end))
    end)

    it("is right when threads load, use and unload without a pause", function()
        for _, source in ipairs { "file", "thp" } do
            local folder <close> = copies(4)
            local words = { loader, "churn", ("%d"):format(support.rounds(100)), table.unpack(folder.libraries) }
            local result = support.run_tiexec { "-f", "dlopen", "--sources", source, table.unpack(words) }
            assert.equal("right\n", result.out)
            assert.equal(7, result.code)
            -- A range may be gone, or a sibling may map its cached pages. Nothing else may be amiss.
            assert.is_nil(result.err:find("internal error", 1, true), result.err)
        end
    end)

    it("notices nothing in the system calls that its threads wait in", function()
        local folder <close> = copies(1)
        local words = { loader, "blocked", "2", folder.libraries[1] }
        local plain = support.run(words)
        local result = support.run_tiexec { "-v", "-f", "dlopen", table.unpack(words) }
        assert.equal(8, result.code)
        assert.equal(plain.out, attached.without_interruptions(result.out, plain.out))
        local _, stages = result.err:gsub(", dlopen, strategy", "")
        assert.is_true(stages >= (cpu.loses_breakpoints and 1 or 3), result.err)
    end)

    it("gets each signal once, with what belongs to it, in order", function()
        local folder <close> = copies(1)
        local is_remapped
        for _ = 1, 5 do -- on a busy host the program may have ended before its library is remapped
            local result = support.run_tiexec { "-v", "-f", "dlopen", loader, "signals", "100000", folder.libraries[1] }
            assert.equal("arrived 100000 wrong 0\n", result.out)
            assert.equal(9, result.code)
            is_remapped = result.err:find(", dlopen, strategy", 1, true)
            if is_remapped then break end
        end
        assert.truthy(is_remapped)
    end)

    it("is stopped and continued by signals", function()
        local folder <close> = copies(2)
        local process <close> = converse(folder, { loader, "churn", "1000000", table.unpack(folder.libraries) })
        assert(support.wait_for(function() -- it is no longer tiexec, which would be stopped in its tracer's hands
            return (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):find("loader$")
                and core.status(process.pid, "TracerPid") == 0 and has_tracer(folder)
        end))
        local function stat(letters)
            return support.wait_for(function()
                local state = (support.read_file(("/proc/%d/stat"):format(process.pid)) or ""):match("%) (%a)")
                return letters:find(state, 1, true) and core.status(process.pid, "TracerPid") == 0
            end)
        end
        for _ = 1, support.rounds(40) do
            os.execute("kill -STOP " .. process.pid)
            assert.truthy(stat("T"))
            os.execute("kill -CONT " .. process.pid)
            assert.truthy(stat("RSD"))
        end
        assert.equal(15, process:stop("TERM"))
    end)

    it("lives on when the tracer is killed while it has nothing to do", function()
        local folder <close> = copies(1)
        local process <close> = converse(folder, { loader, "load", folder.libraries[1] })
        process.expect("loaded", 1)
        assert.is_true(becomes_huge(process.pid, folder.libraries[1]))
        assert(support.wait_for(function() return core.status(process.pid, "TracerPid") == 0 end))
        os.execute("kill -KILL " .. table.concat(tracers(folder), " "))
        assert.is_true(support.wait_for(function() return not has_tracer(folder) end))
        for round = 1, 2 do
            process.send()
            process.expect("unloaded", round)
            process.send()
            process.expect("loaded", round + 1)
        end
        assert.equal(15, process:stop("TERM"))
    end)

    it("is right or gone when the tracer is killed at any moment", function()
        local folder <close> = copies(2)
        local counts = { [7] = 0, [9] = 0 }
        for try = 1, 20, support.patience do
            local process <close> = converse(folder, { loader, "churn", "12", table.unpack(folder.libraries) })
            support.wait_for(function() return has_tracer(folder) end, 2)
            os.execute(("sleep 0.%03d"):format(try * 15))
            os.execute("kill -KILL " .. table.concat(tracers(folder), " ") .. " 2>/dev/null")
            local out = support.wait_for(function() return not process:is_alive() end) and
                support.read_file(folder.path .. "/out")
            local code = process:stop("KILL")
            counts[code] = (counts[code] or 0) + 1
            assert.is_true(code == 7 and out == "right\n" or code == 9 and out == "", code)
        end
        assert.is_true(counts[7] > 0 or support.patience > 1) -- a matter of time
    end)

    it("forks children that go their own way", function()
        local folder <close> = copies(1)
        local process <close> = converse(folder, { loader, "fork", folder.libraries[1] })
        process.expect("loaded", 1)
        local child = support.wait_for(function()
            return math.tointeger(support.shell("pgrep -P " .. process.pid).out:match("%d+"))
        end)
        for round = 1, 2 do
            process.send()
            process.expect("unloaded", round)
            process.send()
            process.expect("loaded", round + 1)
            assert.equal(0, core.status(child, "TracerPid"))
        end
        assert.equal(0, huge_of(child, "library1"))
        os.execute("kill -TERM " .. child)
        process.expect("status f", 1)
        assert.equal(4, process:stop("TERM"))
    end)

    it("is let go when it becomes another program", function()
        local folder <close> = copies(1)
        local process <close> = converse(folder,
            { "sh", "-c", 'read line; exec sleep "$@"', folder.libraries[1], "100" })
        assert(support.wait_for(function() return has_tracer(folder) end))
        process.send()
        assert.is_true(support.wait_for(function() return not has_tracer(folder) end))
        assert.equal("sleep", (core.readlink(("/proc/%d/exe"):format(process.pid)) or ""):match("[^/]*$"))
        assert.equal(15, process:stop("TERM"))
        assert.equal("", process.err())
    end)
end)

describe("--follow=dlopen", function()
    it("looks once a second where the kernel refuses perf events, and says so", function()
        local folder <close> = copies(1)
        local process <close> = converse(folder, { loader, "load", folder.libraries[1] }, nil,
            { support.programs .. "deny", "perf_event_open", "EACCES" })
        process.expect("loaded", 1)
        assert.is_true(becomes_huge(process.pid, folder.libraries[1]))
        local line = failure.one_line { err = process.err() }
        assert.truthy(line:find("once a second: perf_event_open: Permission denied", 1, true), line)
        assert.equal(15, process:stop("TERM"))
        assert.is_true(support.wait_for(function() return not has_tracer(folder) end))
    end)

    it("does no harm where a seccomp filter kills for them", function()
        local folder <close> = copies(1)
        for _, call in ipairs { "perf_event_open", "pidfd_open" } do
            local result = support.run { support.programs .. "deny", call, "kill", support.tiexec, "-f", "dlopen",
                loader, "churn", "5", folder.libraries[1] }
            assert.equal("right\n", result.out)
            assert.equal(7, result.code)
        end
    end)

    it("says in one line that a static program has no dynamic linker", function()
        local result = support.run_tiexec { "-f", "dlopen", support.programs .. "ample_static", "x" }
        assert.equal(3, result.code)
        local line = failure.one_line(result)
        assert.truthy(line:find("libraries loaded later stay on small pages: it has no dynamic linker", 1, true), line)
    end)

    it("is set by TIEXEC and by a profile too", function()
        local folder <close> = copies(1)
        support.write_file(folder.path .. "/profile.lua", 'return { follow = { "dlopen" }, sources = { "thp" } }')
        for _, words in ipairs { { "env", "TIEXEC=follow=dlopen,sources=thp", support.tiexec },
            { support.tiexec, "--profile", folder.path .. "/profile.lua" } } do
            for _, word in ipairs { loader, "load", folder.libraries[1] } do words[#words + 1] = word end
            local process <close> = support.start(words, ("<>%s/out >%s/out"):format(folder.path, folder.path))
            assert.is_true(becomes_huge(process.pid, folder.libraries[1]))
        end
    end)

    it("names what it does not know", function()
        local result = support.run_tiexec { "--follow=dlopen,moon", loader }
        failure.not_started(result)
        assert.truthy(failure.one_line(result):find("follow: unknown word 'moon'", 1, true))
    end)
end)
