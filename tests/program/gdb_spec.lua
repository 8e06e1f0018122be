-- SPDX-License-Identifier: Apache-2.0
-- What gdb says of a program that was moved and is on huge pages: the same as of the program by itself.

local core = require "tiexec.core"
local debugged = require "tests.lib.debugged"
local support = require "tests.lib.support"

local deep = support.programs .. "deep"

local function gdb(commands, words)
    local all = { "gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "set pagination off",
        "-ex", "set breakpoint pending on", "-ex", "set confirm off", "-ex", "set width 0" }
    for _, command in ipairs(commands) do table.move({ "-ex", command }, 1, 2, #all + 1, all) end
    return support.run(table.move(words, 1, #words, #all + 1, all)).out
end

-- The frames that gdb lists, without their addresses and the program's own count. gdb may show the first one alone
-- before the list.
local function frames(out)
    local list = {}
    for line in out:gmatch("[^\n]+") do
        if line:find("^#0 ") then list = {} end
        if line:find("^#%d") then
            list[#list + 1] = line:gsub("0x%x+", "ADDRESS"):gsub("count=count@entry=%d+", "count")
        end
    end
    return list
end

-- The frames from that of a function on, without their numbers.
local function above(list, name)
    local result
    for _, line in ipairs(list) do
        if line:find(" " .. name .. " (", 1, true) then result = result or {} end
        if result then result[#result + 1] = line:gsub("^#%d+ +", "") end
    end
    return result
end

-- "start stop offset path" of each mapping, as gdb and as the kernel have it.
local function gdb_mappings(out)
    local list = {}
    for line in out:gmatch("[^\n]+") do
        -- newer ones (as 16) do not indent, and write addresses with all their zeros
        local start, stop, offset, path =
            line:match("^%s*0x0*(%x+)%s+0x0*(%x+)%s+0x%x+%s+0x(%x+)%s+[-rwxps]+%s+(.-)%s*$")
        if start then list[#list + 1] = ("%s %s %s %s"):format(start, stop, offset, path) end
    end
    return list
end

local function kernel_mappings(pid)
    local list = {}
    for line in support.read_file("/proc/" .. pid .. "/maps"):gmatch("[^\n]+") do
        local start, stop, offset, path = line:match("^(%x+)%-(%x+) %S+ (%x+) %S+ %d+%s*(.*)$")
        list[#list + 1] = ("%x %x %x %s"):format(math.tointeger("0x" .. start), math.tointeger("0x" .. stop),
            math.tointeger("0x" .. offset), path)
    end
    return list
end

-- Attaches gdb to a process at work. Gives what gdb says at a breakpoint, and of the core file that it makes. Some
-- kernels (6.1) do not let gdb write into executable hugetlb memory: there it takes a hardware breakpoint.
local function look(process, core_file, source)
    local out, hit
    for _, command in ipairs { "break", source == "hugetlb" and "hbreak" or nil } do
        out = gdb({ command .. " tick", "continue", "backtrace", "gcore " .. core_file },
            { "-p", tostring(process.pid) })
        hit = out:find("Breakpoint 1, tick (count=", 1, true) ~= nil
        if hit then break end
    end
    return { hit = hit, frames = frames(out) }
end

local function load_core(core_file)
    local out = gdb({ "backtrace", "info sharedlibrary" }, { deep, core_file })
    local libraries = {}
    for path in out:gmatch("0x%x+%s+0x%x+%s+Yes[ (*)]+(/[^\n]+)\n") do libraries[#libraries + 1] = path end
    return { frames = frames(out), libraries = libraries }
end

describe("gdb", function()
    local plain, plain_core

    setup(function()
        debugged.prepare()
        local folder <close> = support.folder()
        local process <close> = assert(debugged.start(nil, { deep, "wait" }))
        plain = look(process, folder.path .. "/core")
        plain_core = load_core(folder.path .. "/core")
    end)
    teardown(debugged.restore)

    it("says of the program by itself what it should", function()
        assert.is_true(plain.hit)
        assert.matches("^#0.*tick %(count%) at .*deep.c:%d+$", plain.frames[1])
        assert.matches(" main %(", plain.frames[#plain.frames])
        assert.is_true(#plain.frames >= 8)
        assert.same(plain.frames, plain_core.frames)
        assert.equal(2, #plain_core.libraries)
    end)

    for _, source in ipairs(debugged.sources) do
        it(source .. ": attached, hits a breakpoint, has names, lines, the mappings, and makes a core file", function()
            if debugged.lacks(source) then return pending(debugged.lacks(source)) end
            local folder <close> = support.folder()
            local process <close>, why = debugged.start(source, { deep, "wait" })
            if not process then return pending(why) end
            assert.same(plain, look(process, folder.path .. "/core", source))
            local file = load_core(folder.path .. "/core")
            assert.same(plain_core, file)
            local mappings = gdb_mappings(gdb({ "info proc mappings" }, { "-p", tostring(process.pid) }))
            assert.same(kernel_mappings(process.pid), mappings)
            assert.is_true(process:is_alive())
        end)

        it(source .. ": reads the kernel's core file, and finds the build-id in it", function()
            if debugged.lacks(source) then return pending(debugged.lacks(source)) end
            local folder <close> = support.folder()
            local pattern <close> = support.core_pattern(folder.path .. "/core")
            if not pattern then return pending("only root may set core_pattern") end
            local process <close>, why = debugged.start(source, { deep, "wait" })
            if not process then return pending(why) end
            support.run { "prlimit", "--core=unlimited", "--pid", tostring(process.pid) }
            os.execute("kill -ABRT " .. process.pid)
            assert(support.wait_for(function() return not process:is_alive() end))
            local file = load_core(folder.path .. "/core")
            assert.same(plain_core.libraries, file.libraries)
            assert.same(above(plain.frames, "inner"), above(file.frames, "inner")) -- it was asleep further down
            -- in a file of its own the copy's first page belongs to that
            if source ~= "shared" then
                local id = core.image(deep).build_id:gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end)
                assert.is_truthy(support.read_file(folder.path .. "/core"):find(id, 1, true))
            end
        end)
    end

    it("starts `tiexec CMD`: a line says that it stands aside, and pending breakpoints are hit", function()
        local out = gdb({ "break inner", "run", "backtrace", "continue" }, { "--args", support.tiexec, deep, "end" })
        local _, lines = out:gsub("tiexec: [^\n]+", "")
        assert.is_truthy(out:find("Breakpoint 1, inner (", 1, true))
        assert.is_truthy(out:find("exited with code 03", 1, true), out)
        assert.is_true(lines <= 1)
        local list = frames(out)
        assert.matches("inner %(request=ADDRESS%) at .*deep.c:%d+", list[1])
        assert.matches(" main %(", list[#list])
    end)

    for _, mode in ipairs { "parent", "child" } do
        it("starts `tiexec CMD` with follow-fork-mode " .. mode .. ", and CMD's forks are followed so", function()
            local out = gdb({ "set follow-fork-mode " .. mode, "break inner", "run", "continue" },
                { "--args", support.tiexec, deep, "spawn" })
            assert.is_truthy(out:find("Breakpoint 1, inner (", 1, true))
            local who = mode == "parent" and "Inferior 1" or "Inferior 2"
            assert.matches("%[" .. who .. " %(process %d+%) exited with code 07%]", out)
        end)
    end
end)

describe("a program looks at itself:", function()
    setup(debugged.prepare)
    teardown(debugged.restore)

    local function run(source, word) return support.run(debugged.words(source, { deep, word }, { "--strict" })) end

    for _, source in ipairs(debugged.sources) do
        it(source .. ": its own backtrace and dladdr are as ever", function()
            if debugged.lacks(source) then return pending(debugged.lacks(source)) end
            local function of(words) return (words.out:gsub("%[0x%x+%]", "")) end
            local plain = run(nil, "trace")
            assert.matches("inner%+0x%x+.*dladdr outer", plain.out)
            assert.equal(of(plain), of(run(source, "trace")))
        end)

        it(source .. ": /proc/self/exe leads to the program, and can be executed", function()
            if debugged.lacks(source) then return pending(debugged.lacks(source)) end
            assert.equal(7, run(source, "exec").code)
            local process <close> = assert(debugged.start(source, { deep, "wait" }))
            local path = core.readlink("/proc/self/cwd") .. "/" .. deep
            assert.equal(path, core.readlink(("/proc/%d/exe"):format(process.pid)))
        end)
    end

    it("file: maps has the same paths as without tiexec", function()
        local function paths(process)
            local list, last = {}, nil
            for _, m in ipairs(support.smaps(process.pid)) do
                if m.path:find("^/") and m.path ~= last then list[#list + 1] = m.path end
                last = m.path
            end
            return list
        end
        local plain <close> = assert(debugged.start(nil, { deep, "wait" }))
        local process <close>, why = debugged.start("file", { deep, "wait" })
        if not process then return pending(why) end
        assert.same(paths(plain), paths(process))
    end)
end)
