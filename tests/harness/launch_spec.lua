-- SPDX-License-Identifier: Apache-2.0
-- What a program is launched with.

local core = require "tiexec.core"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = tiexec.constants
local callable = support.programs .. "callable"

local folder
before_each(function() folder = support.folder() end)
after_each(function() getmetatable(folder).__close(folder) end)

-- Runs a command to its end and gives what it has written.
local function output(given)
    local path = folder.path .. "/out"
    given.stdout = given.stdout or path
    local inferior <close> = assert(tiexec.launch(given))
    local event = stopped.run_out(inferior)
    return support.read_file(path), event
end

describe("launch", function()
    it("gives a program what this process has, where nothing else is said", function()
        local inferior <close> = assert(tiexec.launch { { callable } })
        local pid = inferior:pid()
        assert.equal(core.readlink("/proc/self/cwd"), core.readlink(("/proc/%d/cwd"):format(pid)))
        for fd = 0, 2 do
            assert.equal(core.readlink("/proc/self/fd/" .. fd), core.readlink(("/proc/%d/fd/%d"):format(pid, fd)))
        end
        local environment = support.read_file(("/proc/%d/environ"):format(pid))
        assert.equal(table.concat(core.environment(), "\0") .. "\0", environment)
        stopped.finish(inferior)
    end)

    it("changes the environment by names, or gives another one", function()
        local text = output { "env", env = { TIEXEC_TEST = "a b", HOME = false, PATH = "/usr/bin:/bin" } }
        assert.matches("TIEXEC_TEST=a b\n", text, 1, true)
        assert.matches("PATH=/usr/bin:/bin\n", text, 1, true)
        assert.is_nil(("\n" .. text):find("\nHOME=", 1, true))
        assert.matches("LUA_PATH", text, 1, true)
        assert.equal("A=1\nB=\n", output { "env", env = { "A=1", "B=" } })
        assert.equal("", output { { "env" }, env = {} })
    end)

    it("starts a program in a folder, but finds it from here", function()
        assert.equal(folder.path .. "\n", output { "/bin/pwd", cwd = folder.path })
        local inferior <close> = assert(tiexec.launch { callable, cwd = "/" })
        assert.equal("/", core.readlink(("/proc/%d/cwd"):format(inferior:pid())))
        stopped.finish(inferior)
    end)

    it("gives files by path, file, descriptor, or nothing", function()
        support.write_file(folder.path .. "/in", "input")
        assert.equal("input", output { "cat", stdin = folder.path .. "/in" })
        local file <close> = assert(io.open(folder.path .. "/in"))
        assert.equal("input", output { "cat", stdin = file })
        assert.equal("", output { "cat", stdin = false })
        local both = assert(io.open(folder.path .. "/both", "wb"))
        local inferior <close> = assert(tiexec.launch { "sh", "-c", "echo out; echo err >&2", stdout = both,
            stderr = both })
        stopped.run_out(inferior)
        both:close()
        assert.equal("out\nerr\n", support.read_file(folder.path .. "/both"))
        local fd = assert(core.open_file(folder.path .. "/in"))
        assert.equal("input", output { "cat", stdin = fd })
        core.syscall("close", fd)
    end)

    it("may exchange files that are open here, and leaves none behind", function()
        local usual = support.shell("exec ls /proc/self/fd").out
        local file <close> = assert(io.open(folder.path .. "/in", "wb"))
        assert.equal(usual, (output { "ls", "/proc/self/fd", stdin = 2, stderr = file }))
    end)

    it("gives the same addresses each time without ASLR, as gdb does", function()
        local function base(aslr)
            local inferior <close> = assert(tiexec.launch { callable, aslr = aslr })
            local start = inferior:mappings()[1].start
            stopped.finish(inferior)
            return start
        end
        assert.equal(base(false), base(false))
        assert.not_equal(base(true), base(true))
        local gdb = support.shell("gdb -batch -nx -ex starti -ex 'info proc mappings' " .. callable
            .. " 2>/dev/null").out
        assert.equal(tonumber(gdb:match("\n%s+(0x%x+)")), base(false))
    end)

    it("makes the program another user's", function()
        if not support.is_root then return pending("not root") end
        assert.equal("65534 65534 65534\n", output { "sh", "-c", "echo $(id -u) $(id -g) $(id -G)",
            user = "nobody:65534" })
        assert.equal(c.ENOENT, select(3, tiexec.launch { "true", user = "no_such_user" }))
    end)

    it("says at which step a child could not go on", function()
        local _, message, errno = tiexec.launch { "true", cwd = folder.path .. "/none" }
        assert.equal(c.ENOENT, errno)
        assert.matches("true: going to its folder: ", message, 1, true)
        _, message, errno = tiexec.launch { "true", stdin = folder.path .. "/none" }
        assert.equal(c.ENOENT, errno)
        assert.matches("none", message, 1, true)
        _, message, errno = tiexec.launch { "true", stdin = 999 }
        assert.equal(c.EBADF, errno)
        assert.matches("its standard files", message, 1, true)
        _, message, errno = tiexec.launch { "/nonexistent", env = {} }
        assert.equal(c.ENOENT, errno)
        assert.equal("/nonexistent: No such file or directory", message)
        if support.is_root then
            os.execute("chmod 700 " .. folder.path)
            _, message, errno = tiexec.launch { "true", user = "nobody", cwd = folder.path }
            assert.equal(c.EACCES, errno)
            assert.matches("going to its folder", message, 1, true)
        end
    end)

    it("refuses what it does not understand, and starts nothing", function()
        for _, wrong in ipairs { { "true", cdw = "/" }, { "true", cwd = 5 }, { "true", env = "A=1" },
            { "true", env = { A = 1 } }, { "true", env = { 1, 2 } }, { "true", stdin = true }, { "true", stdin = -1 },
            { "true", stdin = {} }, { "true", aslr = "no" }, { env = {} }, { {}, env = {} },
            { "true", stdout = 1.5 } } do
            assert.has_error(function() tiexec.launch(wrong) end)
        end
        local closed = assert(io.open("/dev/null"))
        closed:close()
        assert.has_error(function() tiexec.launch { "true", stdin = closed } end)
    end)
end)
