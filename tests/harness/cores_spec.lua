-- SPDX-License-Identifier: Apache-2.0
-- Backtraces, registers and core files, compared with what gdb makes of the core file.

local cpu = require "tests.lib.cpu"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = tiexec.constants
local callable, framed = support.programs .. "callable", support.programs .. "callable_framed"

-- What gdb says of a core file of an inferior to some commands.
local function gdb_of(inferior, program, commands)
    local folder <close> = support.folder()
    local path = folder.path .. "/core"
    assert.equal(0, inferior:core(path))
    local words = { "gdb", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-iex",
        "set debug-file-directory " .. folder.path }
    for _, command in ipairs(commands) do
        words[#words + 1] = "-ex"
        words[#words + 1] = command
    end
    words[#words + 1], words[#words + 2] = program, path
    return support.run(words).out
end

-- The frames of the last backtrace that gdb has shown: name and pc. The first has no pc if it is at the beginning of
-- a line.
local function gdb_frames(out)
    local frames = {}
    for line in out:gmatch("[^\n]+") do
        if line:find("^#0 ") then frames = {} end
        local pc, name = line:match("^#%d+%s+0x(%x+) in ([%w_.?]+)")
        name = name or line:match("^#%d+%s+([%w_.]+)") or line:match("^#%d+%s+<(signal handler called)>")
        if name then frames[#frames + 1] = { name = name, pc = pc and tonumber(pc, 16) } end
    end
    return frames
end

local function names_of(frames)
    local names = {}
    for i, frame in ipairs(frames) do names[i] = frame.name or frame.text end
    return names
end

local function has_libdw()
    local core = require "tiexec.core"
    core.open_late(core)
    return core.unwinder(1) ~= nil
end

-- Asserts that frames are gdb's, of which one may have no name.
local function assert_same_frames(theirs, ours)
    assert.is_true(#theirs >= 3)
    for i, frame in ipairs(theirs) do
        local text = ("frame %d: %s"):format(i - 1, frame.name)
        if not frame.name:find("^[s?]") then assert.equal(frame.name, ours[i].name, text) end
        if frame.pc then assert.equal(frame.pc, ours[i].pc, text) end
    end
    assert.equal(#theirs, #ours)
end

describe("a backtrace", function()
    local folders = table.move(tiexec.debug_folders, 1, #tiexec.debug_folders, 1, {})
    -- gdb without debug files shows no frames of functions that are inlined
    before_each(function()
        for i = 1, #folders do tiexec.debug_folders[i] = nil end
    end)
    after_each(function() table.move(folders, 1, #folders, 1, tiexec.debug_folders) end)

    for _, way in ipairs { "deep", "handler", "threads" } do
        it("by tables is gdb's: " .. way, function()
            if not has_libdw() then return pending("libdw is not installed") end
            local inferior = stopped.at("here", { callable, way })
            inferior:interrupt(5000)
            local frames = assert(inferior:backtrace())
            local theirs = gdb_frames(gdb_of(inferior, callable, { "bt -past-entry -past-main" }))
            stopped.finish(inferior)
            assert.equal("tables", frames.by)
            -- on AArch64 there is no table for what a signal handler returns to
            local ends_early = way == "handler" and cpu.vector ~= "xmm7"
            assert.equal(not ends_early, frames.complete)
            assert_same_frames(ends_early and table.move(theirs, 1, #frames, 1, {}) or theirs, frames)
        end)
    end

    it("of a thread that is not the selected one is its own", function()
        local inferior = stopped.at("here", { callable, "threads" })
        inferior:interrupt(5000)
        local other = assert(inferior:backtrace(inferior:pid()))
        assert.equal("here", inferior:backtrace()[1].name)
        local theirs = gdb_frames(gdb_of(inferior, callable, { "thread 2", "bt -past-entry -past-main" }))
        stopped.finish(inferior)
        if other.by ~= "tables" then return pending("libdw is not installed") end
        assert_same_frames(theirs, other)
    end)

    it("by frame pointers goes as far as functions keep them", function()
        local inferior = stopped.at("here", { framed, "deep" })
        local frames = assert(inferior:backtrace(nil, { by = "frame-pointers" }))
        assert.same({ "here", "inner", "middle", "outer", "main" }, table.move(names_of(frames), 1, 5, 1, {}))
        assert.equal("frame-pointers", frames.by)
        assert.is_false(frames.complete)
        stopped.finish(inferior)
    end)

    it("by frame pointers is right at each instruction of a function's beginning", function()
        local inferior = stopped.at("middle", { framed, "deep" })
        local steps = 0
        while inferior:symbol_at(inferior:read_register("pc")).name == "middle" do
            local frames = assert(inferior:backtrace(nil, { by = "frame-pointers" }))
            assert.same({ "middle", "outer", "main" }, table.move(names_of(frames), 1, 3, 1, {}), frames[1].text)
            inferior:stepi()
            inferior:wait(5000)
            steps = steps + 1
        end
        assert.is_true(steps >= 3)
        stopped.finish(inferior)
    end)

    it("has as many frames as are asked for, and no unknown option", function()
        local inferior = stopped.at("here", { framed, "deep" })
        for _, by in ipairs { "tables", "frame-pointers" } do
            if by ~= "tables" or has_libdw() then
                assert.same({ "here", "inner" }, names_of(inferior:backtrace(nil, { by = by, limit = 2 })))
            end
        end
        for _, wrong in ipairs { { by = "magic" }, { limit = 0 }, { limit = 1.5 }, { lmit = 1 } } do
            assert.has_error(function() inferior:backtrace(nil, wrong) end)
        end
        assert.equal(c.ESRCH, select(3, inferior:backtrace(1)))
        stopped.finish(inferior)
    end)

    it("without libdw goes by frame pointers, and says so", function()
        if not support.is_root then return pending("not root") end
        local folder <close> = support.folder()
        local script = folder.path .. "/look.lua"
        support.write_file(script, [[local inferior <close> = assert(tiexec.launch(arg))
            local point = inferior:breakpoint(inferior:auxv().AT_ENTRY) inferior:cont() inferior:wait() point:delete()
            local here <close> = inferior:breakpoint(inferior:symbol "here") inferior:cont() inferior:wait()
            print(inferior:backtrace().by, inferior:backtrace()[5].name)
            print(inferior:backtrace(nil, { by = "tables" }))
            inferior:kill()]])
        local done = support.shell(("unshare -m sh -c 'for f in /lib/*/libdw.so.1 /usr/lib/*/libdw.so.1; do "
            .. "[ ! -e $f ] || mount --bind /dev/null $f || exit; done; exec %s --script %s %s deep'")
            :format(support.tiexec, script, framed))
        assert.equal("frame-pointers\tmain\nnil\tlibdw.so.1 is not installed\t" .. c.ELIBACC .. "\n", done.out)
    end)
end)

describe("a core file", function()
    it("has the registers of a thread as gdb names them", function()
        local inferior = stopped.at("here", { callable })
        local pattern = ("\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15\16"):rep(4)
        local wide = cpu.vector:gsub("xmm", "ymm")
        local vectors = { cpu.vector }
        if wide ~= cpu.vector and inferior:read_register(wide) then vectors[2] = wide end
        for _, name in ipairs(vectors) do
            assert(inferior:write_register(name, pattern:sub(1, #inferior:read_register(name))))
        end
        local commands, general = {}, inferior:registers("general")
        local parts = cpu.vector == "xmm7" and { "eax", "ax", "al", "ah", "r8d", "r8w", "sil", "ebp", "fctrl", "ftag" }
            or { "w0", "w30", "d7", "s7", "h7", "b7" }
        for _, name in ipairs(parts) do general[name] = inferior:read_register(name) end
        for name in pairs(general) do commands[#commands + 1] = "p/x $" .. name end
        local names = {}
        for i, command in ipairs(commands) do names[i] = command:match("%$(.*)") end
        for _, name in ipairs(vectors) do commands[#commands + 1] = "p/x $" .. name end
        local out = gdb_of(inferior, callable, commands)
        local values = {}
        for value in out:gmatch("%$%d+ = ([^\n]*)") do values[#values + 1] = value end
        for i, name in ipairs(names) do
            local theirs = tonumber(values[i]:match("0x%x+") or values[i])
            if theirs then -- some are structures in gdb
                assert.equal(("%x"):format(theirs), ("%x"):format(general[name]), name)
            end
        end
        for i, name in ipairs(vectors) do
            assert.matches("100f0e0d0c0b0a090807060504030201", values[#names + i], 1, true, name)
        end
        stopped.finish(inferior)
    end)

    it("has all threads, the selected one first, signals, files and the auxiliary vector", function()
        local inferior = stopped.at("here", { callable, "threads" })
        inferior:interrupt(5000)
        local tid = inferior:threads()[1]
        local entry = inferior:auxv().AT_ENTRY
        local out = gdb_of(inferior, callable, { "info threads", "info auxv", "info proc mappings",
            "p $_siginfo.si_signo", "p text", "info symbol $pc" })
        assert.matches("%* 1 +[^\n]*LWP " .. tid, out)
        assert.matches("\n +2 +[^\n]*LWP " .. inferior:pid(), out)
        stopped.finish(inferior)
        assert.matches(("AT_ENTRY +[^\n]*%#x"):format(entry), out)
        assert.matches("libc%.so", out)
        assert.matches("callable", out, 1, true)
        assert.matches("= " .. c.SIGTRAP, out, 1, true)
        assert.matches('"a string', out, 1, true)
        assert.matches("here in section .text", out, 1, true)
    end)

    it("leaves memory out that the filter leaves out, and holes where nothing was", function()
        local inferior = stopped.at("main", { callable })
        local folder <close> = support.folder()
        local large = assert(inferior:scratch(256 << 20))
        inferior:write_memory(large.address + (128 << 20), "needle")
        local rss = tiexec.status(inferior:pid(), "VmRSS")
        local full, none = folder.path .. "/full", folder.path .. "/none"
        assert.equal(0, inferior:core(full))
        assert.equal(0, inferior:core(none, 0))
        assert.is_true(tiexec.status(inferior:pid(), "VmRSS") - rss < 4096, "it was made to touch its memory")
        local function blocks(path) return tonumber(support.shell("stat -c %b " .. path).out) end
        local function size(path) return tonumber(support.shell("stat -c %s " .. path).out) end
        assert.is_true(size(full) > 256 << 20)
        assert.is_true(blocks(full) < 8192)
        assert.is_true(size(none) < 1 << 20)
        local gdb = support.shell(("gdb -batch -nx -ex 'x/s %#x' %s %s 2>&1"):format(large.address + (128 << 20),
            callable, full)).out
        assert.matches('"needle"', gdb, 1, true)
        stopped.finish(inferior)
    end)

    it("has zeros where memory cannot be read, and tells how many", function()
        local inferior = stopped.at("main", { callable })
        local folder <close> = support.folder()
        local file = folder.path .. "/short"
        support.write_file(file, ("x"):rep(4096))
        local fd = assert(inferior:remote_syscall("openat", c.AT_FDCWD, file, c.O_RDWR, 0))
        local at = assert(inferior:remote_syscall("mmap", 0, 8192, c.PROT_READ | c.PROT_WRITE, c.MAP_PRIVATE, fd, 0))
        inferior:write_memory(at, "y")
        assert.equal(4096, inferior:core(folder.path .. "/core"))
        stopped.finish(inferior)
    end)

    it("is not written of threads that run, nor where it cannot be", function()
        local inferior = stopped.at("here", { callable, "threads" })
        local folder <close> = support.folder()
        local path = folder.path .. "/core"
        local first = inferior:pid()
        local done, message, errno = inferior:core(path) -- the first thread runs
        assert.is_nil(done)
        assert.equal(c.EBUSY, errno)
        assert.matches("thread " .. first, message, 1, true)
        assert.is_nil(support.read_file(path))
        inferior:interrupt(5000)
        assert.equal(c.ENOENT, select(3, inferior:core(folder.path .. "/no/core")))
        assert.equal(c.EISDIR, select(3, inferior:core(folder.path)))
        assert.has_error(function() inferior:core(path, "all") end)
        stopped.finish(inferior)
    end)
end)

describe("registers", function()
    local inferior
    before_each(function() inferior = stopped.at("here", { callable }) end)
    after_each(function() stopped.finish(inferior) end)

    it("are written in part, and the rest stays", function()
        local whole = cpu.result
        local low, byte = whole == "rax" and "eax" or "w0", whole == "rax" and "ah" or nil
        assert(inferior:write_register(whole, 0x1122334455667788))
        assert.equal(0x55667788, inferior:read_register(low))
        assert(inferior:write_register(low, 0xaabbccdd))
        assert.equal(0x11223344aabbccdd, inferior:read_register(whole))
        if byte then
            assert.equal(0xcc, inferior:read_register(byte))
            assert(inferior:write_register(byte, -1))
            assert.equal(0x11223344aabbffdd, inferior:read_register(whole))
        end
        for _, value in ipairs { 1 << 32, -(1 << 32) } do
            assert.has_error(function() inferior:write_register(low, value) end)
        end
    end)

    local on_x86 = cpu.vector == "xmm7" and it or function() end -- elsewhere no register lies in parts, or is missing

    on_x86("that are wide are one with their parts, and stay so when the thread has run", function()
        if not inferior:read_register("ymm7") then return pending("this CPU has no ymm") end
        local value = string.pack("<jjjj", 1, 2, 3, 4)
        assert(inferior:write_register("ymm7", value))
        inferior:stepi()
        inferior:wait(5000)
        assert.equal(value, inferior:read_register("ymm7"))
        assert.equal(value:sub(1, 16), inferior:read_register("xmm7"))
        assert(inferior:write_register("xmm7", value:sub(17)))
        assert.equal(value:sub(17):rep(2), inferior:read_register("ymm7"))
        assert.equal(value:sub(17):rep(2), inferior:registers("vector").ymm7)
        assert.has_error(function() inferior:write_register("ymm7", value:sub(1, 31)) end)
    end)

    on_x86("that this CPU lacks are told so, and are in no group", function()
        local flags = support.read_file("/proc/cpuinfo")
        if flags:find(" avx512f ", 1, true) then return pending("this CPU has them all") end
        local value, message, errno = inferior:read_register("zmm3")
        assert.is_nil(value)
        assert.equal(c.ENODEV, errno)
        assert.matches("this CPU has no such register", message, 1, true)
        assert.equal(c.ENODEV, select(3, inferior:write_register("k1", 5)))
        assert.is_nil(inferior:registers("all").zmm3)
    end)

    it("of no CPU raise", function()
        for _, name in ipairs { "eaxx", "r16d", "ymm32", "w31", "q32", "v01", "", "k8" } do
            assert.has_error(function() inferior:read_register(name) end)
        end
    end)
end)
