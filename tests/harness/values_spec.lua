-- SPDX-License-Identifier: Apache-2.0
-- Values in memory, buffers and strings as arguments of system calls, constants and names.

local core = require "tiexec.core"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = tiexec.constants
local callable = support.programs .. "callable"

describe("values", function()
    local inferior
    before_each(function() inferior = stopped.at("main", { callable }) end)
    after_each(function() stopped.finish(inferior) end)

    -- The fields of `values` in tests/programs/callable.c: types, offsets, values.
    local fields = {
        { "u8", 0, 200 }, { "i8", 1, -100 }, { "u16", 2, 60000 }, { "i16", 4, -30000 }, { "u32", 8, 4000000000 },
        { "i32", 12, -2000000000 }, { "u64", 16, -1 }, { "i64", 24, math.mininteger }, { "float", 32, 1.5 },
        { "double", 40, -0.25 },
    }

    it("are read by their types", function()
        local at = assert(inferior:symbol("values"))
        for _, field in ipairs(fields) do
            assert.equal(field[3], inferior["read_" .. field[1]](inferior, at + field[2]), field[1])
        end
        assert.equal("pointed to", inferior:read_string(inferior:read_pointer(at + 48)))
        assert.same({ 1, -2, 3, -4 }, inferior:read_i32(at + 56, 4))
        assert.same({}, inferior:read_i32(at, 0))
    end)

    it("are what gdb shows of the same program", function()
        local gdb = support.shell(("gdb -batch -nx -ex 'p values.u16' -ex 'p values.i64' -ex 'p values.d' "
            .. "-ex 'p values.list[3]' -ex 'p text' %s 2>/dev/null"):format(callable)).out
        local at = inferior:symbol("values")
        local seen = {}
        for value in gdb:gmatch("%$%d+ = ([^\n]*)") do seen[#seen + 1] = value end
        assert.equal(tostring(inferior:read_u16(at + 2)), seen[1])
        assert.equal(tostring(inferior:read_i64(at + 24)), seen[2])
        assert.equal(tostring(inferior:read_double(at + 40)), seen[3])
        assert.equal(tostring(inferior:read_i32(at + 56, 4)[4]), seen[4])
        assert.equal('"' .. inferior:read_string(inferior:symbol("text")) .. '"', seen[5]:match('^"[^"]*"'))
    end)

    it("are written by their types, one or many", function()
        local at = assert(inferior:symbol("values"))
        for _, field in ipairs(fields) do
            local value = field[3] == math.mininteger and 5 or field[3] // 2
            assert(inferior["write_" .. field[1]](inferior, at + field[2], value))
            assert.equal(value, inferior["read_" .. field[1]](inferior, at + field[2]), field[1])
        end
        assert(inferior:write_u16(at + 56, { 1, 65535, 7 }))
        assert.same({ 1, 65535, 7 }, inferior:read_u16(at + 56, 3))
        assert(inferior:write_string(at, "abc"))
        assert.equal("abc\0", inferior:read_memory(at, 4))
    end)

    it("out of their type's range are refused by name", function()
        local at = assert(inferior:symbol("values"))
        local before = inferior:read_memory(at, 72)
        for _, case in ipairs { { "u8", 256 }, { "u8", -1 }, { "i8", 128 }, { "u16", 65536 }, { "i32", 1 << 31 },
            { "u32", -1 }, { "u32", 1.0 }, { "i64", "5" }, { "double", "x" }, { "u8", { 1, 300 } } } do
            local ok, message = pcall(inferior["write_" .. case[1]], inferior, at, case[2])
            assert.is_false(ok)
            assert.matches("write_" .. case[1], message, 1, true)
        end
        assert.has_error(function() inferior:read_u8(at, -1) end)
        assert.has_error(function() inferior:read_u8(at, 1 << 40) end)
        assert.has_error(function() inferior:write_string(at, "a\0b") end)
        assert.equal(before, inferior:read_memory(at, 72))
    end)

    it("where nothing is mapped are nil, with EFAULT or EIO", function()
        for _, read in ipairs { "read_u8", "read_i64", "read_double", "read_string" } do
            local value, message, errno = inferior[read](inferior, 8)
            assert.is_nil(value)
            assert.is_string(message)
            assert.is_true(errno == c.EFAULT or errno == c.EIO)
        end
        assert.is_nil((inferior:write_u32(8, 1)))
        assert.is_nil((inferior:read_u8(8, 3)))
    end)

    it("that are strings may end with the last byte that is mapped, and must end within the limit", function()
        local scratch <close> = assert(inferior:scratch(3 << 12))
        assert(inferior:remote_syscall("munmap", scratch.address + 8192, 4096))
        assert(inferior:write_memory(scratch.address + 8189, "ab\0"))
        assert.equal("ab", inferior:read_string(scratch.address + 8189))
        assert(inferior:write_memory(scratch.address + 8189, "abc"))
        assert.is_nil((inferior:read_string(scratch.address + 8189)))
        assert(inferior:write_memory(scratch.address, ("x"):rep(5000) .. "\0"))
        assert.equal(("x"):rep(5000), inferior:read_string(scratch.address))
        assert.equal(("x"):rep(5000), inferior:read_string(scratch.address, 5000))
        assert.equal(c.EOVERFLOW, select(3, inferior:read_string(scratch.address, 4999)))
        assert.has_error(function() inferior:read_string(scratch.address, -1) end)
    end)
end)

describe("strings and buffers as arguments of a system call", function()
    local inferior
    before_each(function() inferior = stopped.at("main", { callable }) end)
    after_each(function() stopped.finish(inferior) end)

    it("are copied to the inferior and back, and nothing of them stays", function()
        local buffer = tiexec.buffer(4096)
        local stack = inferior:read_memory(inferior:read_register("sp") - 16384, 16384)
        local maps = support.read_file(("/proc/%d/maps"):format(inferior:pid()))
        local size = assert(inferior:remote_syscall("getcwd", buffer, #buffer))
        assert.equal(core.readlink(("/proc/%d/cwd"):format(inferior:pid())), buffer:string())
        assert.equal(size, #buffer:string() + 1)
        local fd = assert(inferior:remote_syscall("openat", c.AT_FDCWD, "/proc/self/stat", c.O_RDONLY, 0))
        assert.matches("stat$", core.readlink(("/proc/%d/fd/%d"):format(inferior:pid(), fd)))
        assert(inferior:remote_syscall("read", fd, buffer, 20))
        assert.equal(inferior:pid(), tonumber(buffer.bytes:match("^%d+")))
        assert.equal(stack, inferior:read_memory(inferior:read_register("sp") - 16384, 16384))
        assert.equal(maps, support.read_file(("/proc/%d/maps"):format(inferior:pid())))
    end)

    it("may be larger than the stack, in both directions", function()
        local bytes = ("0123456789abcdef"):rep(1 << 16) .. "end"
        local fd = assert(inferior:remote_syscall("memfd_create", "large", 0))
        local maps = support.read_file(("/proc/%d/maps"):format(inferior:pid()))
        assert.equal(#bytes, inferior:remote_syscall("pwrite64", fd, tiexec.buffer(bytes), #bytes, 0))
        local back = tiexec.buffer(#bytes)
        assert.equal(#bytes, inferior:remote_syscall("pread64", fd, back, #back, 0))
        assert.is_true(back.bytes == bytes)
        assert.equal(maps, support.read_file(("/proc/%d/maps"):format(inferior:pid())))
    end)

    it("give what two calls need: names and structures", function()
        local limits = tiexec.buffer(16)
        assert(inferior:remote_syscall("prlimit64", 0, c.RLIMIT_NOFILE, 0, limits))
        local soft, hard = limits:unpack("jj")
        local line = support.read_file(("/proc/%d/limits"):format(inferior:pid())):match("Max open files[^\n]*")
        assert.same({ tostring(soft), tostring(hard) }, { line:match("(%d+)%s+(%d+)") })
        assert(inferior:remote_syscall("prlimit64", 0, c.RLIMIT_NOFILE, string.pack("jj", 32, hard), 0))
        assert.matches("Max open files%s+32 ", support.read_file(("/proc/%d/limits"):format(inferior:pid())))
    end)

    it("of other kinds raise, and a call that fails tells errno", function()
        for _, wrong in ipairs { 1.5, {}, true } do
            assert.has_error(function() inferior:remote_syscall("write", 1, wrong, "text") end)
        end
        assert.has_error(function() tiexec.buffer(-1) end)
        assert.has_error(function() tiexec.buffer(1 << 40) end)
        assert.equal(c.ENOENT, select(3, inferior:remote_syscall("openat", c.AT_FDCWD, "/nonexistent", 0, 0)))
        assert.is_true(inferior:read_register("pc") == inferior:symbol("main"))
    end)
end)

describe("constants and names", function()
    it("are those of the C library's headers", function()
        local seen = ("%d %d %d %d %d %d\n"):format(c.RLIMIT_AS, c.O_NONBLOCK, c.PR_SET_NO_NEW_PRIVS, c.SIGWINCH,
            c.ENOTSUP, c.O_DIRECT)
        assert.equal(support.run { callable, "constants" }.out, seen)
    end)

    it("that nobody has are nil", function()
        assert.is_nil(c.O_NOTHING)
        assert.is_nil(c[1])
        assert.is_nil(tiexec.errno_name(0))
        assert.is_nil(tiexec.errno_name(4000))
        assert.is_nil(tiexec.signal_name(-1))
        assert.is_nil(tiexec.syscall_name(-1))
        assert.is_nil(tiexec.syscall_number("no_such_call"))
    end)

    it("go both ways", function()
        assert.equal("ENOENT", tiexec.errno_name(c.ENOENT))
        assert.equal("SIGWINCH", tiexec.signal_name(c.SIGWINCH))
        for _, name in ipairs { "openat", "execve", "exit_group", "clone3" } do
            assert.equal(name, tiexec.syscall_name(tiexec.syscall_number(name)))
        end
    end)
end)
