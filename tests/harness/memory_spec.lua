-- SPDX-License-Identifier: Apache-2.0
-- Memory, snapshots, registers and remote system calls.

local core = require "tiexec.core"
local cpu = require "tests.lib.cpu"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local target = support.programs .. "target"
local c = tiexec.constants

local function at_entry()
    local inferior = assert(tiexec.launch { target })
    local breakpoint <close> = assert(inferior:breakpoint(inferior:auxv().AT_ENTRY))
    inferior:cont()
    inferior:wait()
    return inferior
end

local function text_of(inferior)
    for _, object in ipairs(inferior:objects()) do
        for _, mapping in ipairs(object.mappings) do
            if object.name == "target" and mapping.kind == "text" then return mapping, object end
        end
    end
end

describe("memory", function()
    local inferior
    before_each(function() inferior = at_entry() end)
    after_each(function()
        inferior:kill()
        inferior:wait()
        inferior:close()
    end)

    it("is read and written, read-only text included", function()
        local text = text_of(inferior)
        local from_file = support.read_file(target):sub(text.offset + 1, text.offset + 256)
        assert.equal(from_file, inferior:read_memory(text.start, 256))
        assert(inferior:write_memory(text.start, "changed"))
        assert.equal("changed" .. from_file:sub(8), inferior:read_memory(text.start, 256))
        assert.equal("r-xp", text_of(inferior).perms)
    end)

    it("that is not mapped gives an error, and not a partial result", function()
        local bytes, message, errno = inferior:read_memory(0x10, 16)
        assert.is_nil(bytes)
        assert.is_string(message)
        assert.is_true(errno == c.EFAULT or errno == c.EIO)
        local text = text_of(inferior)
        assert.is_nil((inferior:write_memory(0x10, "x")))
        assert.is_nil((inferior:read_memory(text.start, 1 << 30)))
    end)

    it("is read in strings of all sizes", function()
        local bytes = ("0123456789abcde"):rep(4 << 20):sub(1, 33 << 20)
        local scratch <close> = assert(inferior:scratch(33 << 20))
        assert(inferior:write_memory(scratch.address, bytes))
        for _, size in ipairs { 0, 1, 40, 41, 4095, 65536, 65537, (1 << 19) - 25, 1 << 19, (1 << 20) - 1, 1 << 20,
            (2 << 20) - 25, 2 << 20, (2 << 20) + 1, 33 << 20 } do
            assert.is_true(bytes:sub(1, size) == inferior:read_memory(scratch.address, size), size)
        end
        assert(inferior:remote_syscall("munmap", scratch.address + (33 << 20) - 4096, 4096))
        local missing = inferior:read_memory(scratch.address + (32 << 20), 1 << 20)
        assert.is_true(missing == nil)
        assert.equal("0123", inferior:read_memory(scratch.address, 4))
    end)

    it("is read again and again without fresh memory for the strings", function()
        if support.sanitized then return pending("the sanitizer has an allocator of its own") end
        local folder <close> = support.folder()
        local script = folder.path .. "/read.lua"
        support.write_file(script, [[
            local function faults() -- fields 10 and 12 of proc_pid_stat(5)
                local file <close> = io.open("/proc/self/stat")
                return tonumber(file:read("a"):match("%) %a %S+ %S+ %S+ %S+ %S+ %S+ (%d+)"))
            end
            local inferior <close> = assert(tiexec.launch { "true" })
            local size <const> = 16 << 20
            local scratch = assert(inferior:scratch(size))
            inferior:write_memory(scratch.address, ("x"):rep(size))
            local function read(n) for _ = 1, n do inferior:read_memory(scratch.address, size) end end
            read(5)
            local before = faults()
            read(10)
            print(faults() - before)
            inferior:kill()]])
        local done = support.shell(("%s --script %s"):format(support.tiexec, script))
        assert.is_true(tonumber(done.out) < 10 * 4096 / 4, done.out .. done.err) -- of 4096 pages each
    end)

    it("is searched, across the seams of its pieces too", function()
        local scratch <close> = assert(inferior:scratch(1 << 20))
        for _, offset in ipairs { 0, 131072 - 3, 131072, 262144 - 1, (1 << 20) - 6 } do
            inferior:write_memory(scratch.address + offset, "needle")
            assert.equal(scratch.address + offset,
                inferior:search_memory(scratch.address, scratch.size, "needle"), offset)
            inferior:write_memory(scratch.address + offset, "......")
        end
        assert.is_nil(inferior:search_memory(scratch.address, scratch.size, "needle"))
        assert.is_nil(inferior:search_memory(scratch.address, 3, "...."))
    end)

    it("is copied, and the scratch is gone when its scope ends", function()
        local address
        do
            local scratch <close> = assert(inferior:scratch(32 << 20))
            address = scratch.address
            local text = text_of(inferior)
            inferior:write_memory(address, ("0123456789abcdef"):rep(1 << 16))
            assert(inferior:copy_memory(address + (16 << 20), address, 16 << 20))
            assert.equal(("0123456789abcdef"):rep(1 << 16), inferior:read_memory(address + (16 << 20), 1 << 20))
            assert.equal(c.EFAULT, select(3, inferior:copy_memory(text.start, address, 4096)))
        end
        assert.is_nil((inferior:read_memory(address, 1)))
    end)

    it("in a snapshot has a size and a digest, is verified and restored", function()
        local text = text_of(inferior)
        local snapshot <close> = assert(inferior:snapshot { text })
        assert.equal(text.stop - text.start, #snapshot)
        assert.matches("^%x+$", snapshot:digest())
        assert.is_true(snapshot:verify())
        local again <close> = assert(inferior:snapshot { text })
        assert.equal(snapshot:digest(), again:digest())
        inferior:write_memory(text.start + 5, "!")
        local ok, _, errno, where = snapshot:verify()
        assert.is_nil(ok)
        assert.equal(c.EILSEQ, errno)
        assert.equal(text.start + 5, where)
        local third <close> = assert(inferior:snapshot { text })
        assert.not_equal(snapshot:digest(), third:digest())
        assert(snapshot:restore())
        assert.is_true(snapshot:verify())
        assert.is_nil((inferior:snapshot { { start = 0x10, stop = 0x20 } }))
    end)
end)

describe("registers", function()
    it("have GDB's names and groups, and can be changed", function()
        local inferior <close> = at_entry()
        local general = inferior:registers("general")
        assert.equal(general[cpu.pc], inferior:read_register("pc"))
        assert.equal(general[cpu.sp], inferior:read_register("sp"))
        assert.is_nil(general[cpu.system])
        assert.is_integer(inferior:registers("system")[cpu.system])
        assert(inferior:write_register(cpu.callee_saved, -2))
        assert.equal(-2, inferior:read_register(cpu.callee_saved))
        local pattern = "0123456789abcdef"
        assert(inferior:write_register(cpu.vector, pattern))
        assert.equal(pattern, inferior:registers("vector")[cpu.vector])
        inferior:kill()
        inferior:wait()
    end)

    it("that were saved come back, vector state and signal mask too", function()
        local inferior <close> = at_entry()
        local before = inferior:registers("all")
        local mask = inferior:sigmask()
        do
            local undo <close> = assert(inferior:save())
            inferior:write_register(cpu.result, 1)
            inferior:write_register(cpu.vector, ("z"):rep(16))
            inferior:write_register(cpu.flags, before[cpu.flags] ~ cpu.carry)
            inferior:sigmask(mask | 0x200)
        end
        assert.same(before, inferior:registers("all"))
        assert.equal(mask, inferior:sigmask())
        inferior:cont()
        assert.equal(3, inferior:wait().exit_code)
    end)
end)

local function is_integer(_, arguments) return math.type(arguments[1]) == "integer" end
assert:register("assertion", "integer", is_integer)

-- Keeps the inferior on one CPU: then the kernel writes nothing new into glibc's rseq area, which tells of the CPU.
local function keep_on_one_cpu(inferior)
    local scratch <close> = assert(inferior:scratch(core.page_size()))
    assert(inferior:write_memory(scratch.address, string.pack("j", 1)))
    assert(inferior:remote_syscall("sched_setaffinity", 0, 8, scratch.address))
    assert(inferior:remote_syscall("getpid")) -- it is told of the CPU when it goes on
end

describe("a remote system call", function()
    it("runs in the inferior, and leaves registers, mask and memory as they were", function()
        local inferior <close> = at_entry()
        keep_on_one_cpu(inferior)
        local registers, mask = inferior:registers("all"), inferior:sigmask()
        local ranges = {}
        for _, mapping in ipairs(inferior:mappings()) do
            if mapping.perms:find("^r") and not mapping.path:find("^%[v") then ranges[#ranges + 1] = mapping end
        end
        local snapshot <close> = assert(inferior:snapshot(ranges))
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
        local result, message, errno = inferior:remote_syscall("close", 9999)
        assert.is_nil(result)
        assert.matches("^close: ", message)
        assert.equal(9, errno) -- EBADF
        assert.same(registers, inferior:registers("all"))
        assert.equal(mask, inferior:sigmask())
        assert.is_true(snapshot:verify())
        inferior:cont()
        assert.equal(3, inferior:wait().exit_code)
    end)

    it("works at the exec stop too, and the program then starts as ever", function()
        local inferior <close> = assert(tiexec.launch { target })
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
        inferior:cont()
        assert.equal(3, inferior:wait().exit_code)
    end)

    it("that ends the process gives ESRCH, and the end is told", function()
        local inferior <close> = at_entry()
        assert(inferior:quit(9))
        assert.equal(c.ESRCH, select(3, inferior:remote_syscall("getpid")))
        assert.equal(9, inferior:wait().exit_code)
    end)

    it("keeps a signal that cannot wait for afterwards", function()
        local inferior <close> = at_entry()
        os.execute("kill -USR1 " .. inferior:pid())
        for _ = 1, 100 do assert.equal(inferior:pid(), inferior:remote_syscall("getpid")) end
        inferior:cont()
        assert.equal("SIGUSR1", inferior:wait().signal_name)
        inferior:cont()
        assert.equal("exited-signalled", inferior:wait().reason)
    end)
end)

describe("the host", function()
    it("is described as /proc and /sys tell it", function()
        local host = tiexec.host()
        assert.equal(support.shell("uname -r").out, host.kernel .. "\n")
        assert.equal(tonumber(support.shell("getconf PAGESIZE").out), host.page_size)
        local pmd = support.read_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
        if pmd then assert.equal(tonumber(pmd), host.huge_page_size) end
        assert.equal(tonumber(support.shell("id -u").out), host.uid)
        for size, pool in pairs(host.hugetlb) do
            local path = ("/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages"):format(size // 1024)
            assert.equal(tonumber(support.read_file(path)), pool.total)
        end
    end)

    it("reads build-ids and segments as readelf does", function()
        local path = core.find("lua5.4")
        local image = assert(tiexec.image(path))
        local expected = support.shell("readelf -nW " .. path).out:match("Build ID: (%x+)")
        assert.equal(expected, image.build_id)
        local loads = 0
        for _, segment in ipairs(image.segments) do
            if segment.type == c.PT_LOAD then loads = loads + 1 end
        end
        local _, count = support.shell("readelf -lW " .. path).out:gsub("\n  LOAD ", "")
        assert.equal(count, loads)
        assert.equal(c.ENOEXEC, select(3, tiexec.image("/etc/passwd")))
        assert.equal(c.ENOENT, select(3, tiexec.image("/nonexistent")))
    end)
end)
