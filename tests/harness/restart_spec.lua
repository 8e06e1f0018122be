-- SPDX-License-Identifier: Apache-2.0
-- Remote system calls while the inferior is in the midst of something. The kernel, or the CPU, keeps a part of its
-- state out of the registers that a tracer sees.

local core = require "tiexec.core"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

-- Lets the inferior run to its next event, and gives that; nil if it sleeps before.
local function run_on(inferior)
    inferior:cont("syscall")
    local event
    assert.is_true(support.wait_for(function()
        event = inferior:wait(10)
        return event ~= nil or support.read_file(("/proc/%d/stat"):format(inferior:pid())):match("%) (%a)") == "S"
    end))
    return event
end

describe("an interrupted system call", function()
    it("is made again with its own arguments, after remote ones at its return", function()
        local folder <close> = support.folder()
        local fifo, out = folder.path .. "/fifo", folder.path .. "/out"
        assert(os.execute("mkfifo " .. fifo))
        local writer = assert(io.open(fifo, "r+"))
        local inferior <close> = assert(tiexec.launch { "sh", "-c", ("exec head -n 1 <%s >%s"):format(fifo, out) })
        repeat local event = run_on(inferior) until not event -- head reads
        os.execute("kill -WINCH " .. inferior:pid())
        local event = inferior:wait()
        assert.equal("syscall-return", event.reason)
        assert.equal(-512, event.result) -- ERESTARTSYS
        for _ = 1, 3 do assert.is_nil((inferior:remote_syscall("close", 9999))) end
        inferior:cont()
        assert.equal("SIGWINCH", inferior:wait().signal_name)
        inferior:cont()
        writer:write("told\n")
        writer:flush()
        assert.equal(0, inferior:wait().exit_code)
        writer:close()
        assert.equal("told\n", support.read_file(out))
    end)
end)

if core.host().arch ~= "aarch64" then return end

-- The address of a symbol in the running program, which is an executable.
local function address_of(inferior, path, symbol)
    local value = support.shell(("nm %s | awk '$3 == \"%s\" { print $1 }'"):format(path, symbol)).out
    for _, object in ipairs(inferior:objects()) do
        if object.entry + object.bias == inferior:auxv().AT_ENTRY then return object.bias + tonumber(value, 16) end
    end
end

describe("AArch64's scalable vectors", function()
    local path = support.programs .. "scalable"
    local modes = {
        SVE = { path, marker = "scalable_marker" },
        SME = { path, "streaming", marker = "streaming_marker" },
    }

    -- An inferior that is stopped where its vectors are filled; nil where the CPU has none of the kind.
    local function at_marker(mode)
        if support.run(mode).code == 77 then return nil end
        local inferior = assert(tiexec.launch(table.move(mode, 1, #mode, 1, {})))
        local entry <close> = assert(inferior:breakpoint(inferior:auxv().AT_ENTRY))
        inferior:cont()
        assert.equal("breakpoint-hit", inferior:wait().reason)
        entry:delete()
        local marker = assert(inferior:breakpoint(address_of(inferior, path, mode.marker)))
        inferior:cont()
        assert.equal("breakpoint-hit", inferior:wait().reason)
        marker:delete()
        return inferior
    end

    for name, mode in pairs(modes) do
        it("are kept when a remote system call is made in mid-run: " .. name, function()
            local inferior <close> = at_marker(mode)
            if not inferior then return pending("this CPU, or this kernel, has no " .. name) end
            assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
            inferior:cont()
            assert.equal(0, inferior:wait().exit_code)
        end)

        it("come back when all registers were saved: " .. name, function()
            local inferior <close> = at_marker(mode)
            if not inferior then return pending("this CPU, or this kernel, has no " .. name) end
            do
                local undo <close> = assert(inferior:save()) -- luacheck: ignore (held)
                assert(inferior:write_register("v3", ("z"):rep(16)))
            end
            inferior:cont()
            assert.equal(0, inferior:wait().exit_code)
        end)
    end
end)

describe("AArch64's tagged addresses", function()
    it("lead where they lead without the tag", function()
        local inferior <close> = assert(tiexec.launch { support.programs .. "target" })
        local sp = inferior:read_register("sp")
        local tagged = sp | 0x5a << 56
        assert(inferior:write_memory(tagged, "12345678"))
        assert.equal("12345678", inferior:read_memory(sp, 8))
        assert.equal("12345678", inferior:read_memory(tagged, 8))
        assert.equal(sp, inferior:search_memory(tagged, 8, "1234"))
        inferior:kill()
        inferior:wait()
    end)
end)
