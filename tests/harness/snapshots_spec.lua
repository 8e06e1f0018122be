-- SPDX-License-Identifier: Apache-2.0
-- Snapshots that are read, compared and saved.

local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = tiexec.constants
local callable = support.programs .. "callable"

describe("a snapshot", function()
    local inferior, scratch, at
    before_each(function()
        inferior = stopped.at_entry { callable }
        scratch = assert(inferior:scratch(1 << 20))
        at = scratch.address
        assert(inferior:write_memory(at, ("0123456789abcdef"):rep(1 << 16)))
    end)
    after_each(function() stopped.finish(inferior) end)

    it("is read as memory was, within its ranges", function()
        local snapshot <close> = assert(inferior:snapshot { { start = at + 8, stop = at + 5000 },
            { start = at + 8192, stop = at + 8200 } })
        inferior:write_memory(at, ("x"):rep(16384))
        assert.equal("89abcdef0123", snapshot:read(at + 8, 12))
        assert.equal("01234567", snapshot:read(at + 8192, 8))
        assert.equal("", snapshot:read(at + 8200, 0))
        assert.equal(4992, #snapshot:read(at + 8, 4992))
        for _, wrong in ipairs { { at + 7, 1 }, { at + 8, 4993 }, { at + 8193, 8 }, { at + 4999, 8192 - 4999 + 1 },
            { at + 8, -1 }, { at + 8, 1 << 62 }, { -8, 16 } } do
            local bytes, _, errno = snapshot:read(wrong[1], wrong[2])
            assert.is_nil(bytes)
            assert.equal(c.EFAULT, errno)
        end
        assert.has_error(function() snapshot:read(1.5, 1) end)
    end)

    local function offsets(list)
        local plain = {}
        for i, range in ipairs(list) do plain[i] = { range.start - at, range.stop - at } end
        return plain
    end

    it("tells the very bytes that differ", function()
        local snapshot <close> = assert(inferior:snapshot { { start = at + 3, stop = at + (1 << 20) } })
        assert.same({}, snapshot:differences())
        inferior:write_memory(at + 3, "?")
        inferior:write_memory(at + 100, "????")
        inferior:write_memory(at + 4094, "????") -- over a page's end
        inferior:write_memory(at + 131070, "????") -- over a piece's end
        inferior:write_memory(at + (1 << 20) - 1, "?")
        inferior:write_memory(at, "???") -- beside the range
        local found = assert(snapshot:differences())
        assert.same({ { 3, 4 }, { 100, 104 }, { 4094, 4098 }, { 131070, 131074 }, { (1 << 20) - 1, 1 << 20 } },
            offsets(found))
        assert.same({ { 3, 8 }, { 96, 104 }, { 4088, 4104 }, { 131064, 131080 }, { (1 << 20) - 8, 1 << 20 } },
            offsets(snapshot:differences(8)))
        assert.same({ { 3, 8192 }, { 126976, 135168 }, { (1 << 20) - 4096, 1 << 20 } },
            offsets(snapshot:differences(4096)))
        assert(snapshot:restore())
        assert.same({}, snapshot:differences())
    end)

    it("tells of random changes what a comparison in Lua tells", function()
        math.randomseed(7)
        local start, size = at + 4001, 300000
        local snapshot <close> = assert(inferior:snapshot { { start = start, stop = start + size } })
        for _ = 1, 300 do
            inferior:write_u8(start + math.random(0, size - 1), math.random(0, 255))
        end
        local was, is = snapshot:read(start, size), inferior:read_memory(start, size)
        local wanted, first = {}, nil
        for i = 1, size + 1 do
            local differs = i <= size and was:byte(i) ~= is:byte(i)
            if differs and not first then first = i end
            if not differs and first then
                wanted[#wanted + 1] = { start = start + first - 1, stop = start + i - 1 }
                first = nil
            end
        end
        assert.is_true(#wanted > 200)
        assert.same(wanted, snapshot:differences())
    end)

    it("cannot be compared where memory is gone, and a wrong grain raises", function()
        local snapshot <close> = assert(inferior:snapshot { { start = at, stop = at + 8192 } })
        for _, grain in ipairs { 0, -1, 3, 1 << 18 } do
            assert.has_error(function() snapshot:differences(grain) end)
        end
        assert(inferior:remote_syscall("munmap", at + 4096, 4096))
        local list, message, errno = snapshot:differences()
        assert.is_nil(list)
        assert.is_string(message)
        assert.is_true(errno == c.EFAULT or errno == c.EIO)
        assert.equal("0123", snapshot:read(at + 4096, 4)) -- it has its bytes all the same
    end)

    it("is saved as a file in which gdb reads the memory", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/saved"
        inferior:write_memory(at + 4096, ("\0"):rep(8192))
        local snapshot <close> = assert(inferior:snapshot { { start = at, stop = at + 65536 },
            { start = at + 131072, stop = at + 131077 } })
        inferior:write_memory(at, ("x"):rep(200000))
        assert(snapshot:save(path))
        local gdb = support.shell(("gdb -batch -nx -ex 'core %s' -ex 'x/s %#x' -ex 'x/1gx %#x' -ex 'x/5c %#x' 2>&1")
            :format(path, at + 10, at + 8192, at + 131072)).out
        assert.matches('"abcdef0123456789', gdb, 1, true)
        assert.matches(("%#x:\t0x0000000000000000"):format(at + 8192), gdb, 1, true)
        assert.matches("48 '0'\t49 '1'\t50 '2'\t51 '3'\t52 '4'", gdb, 1, true)
        assert.equal("600\n", support.shell("stat -c %a " .. path).out)
        assert.equal(c.ENOENT, select(3, snapshot:save(folder.path .. "/no/folder")))
    end)

    it("that is closed cannot be used", function()
        local snapshot = assert(inferior:snapshot { { start = at, stop = at + 16 } })
        getmetatable(snapshot).__close(snapshot)
        assert.has_error(function() snapshot:read(at, 1) end)
        assert.has_error(function() snapshot:differences() end)
        assert.has_error(function() snapshot:save("/tmp/x") end)
    end)
end)
