-- SPDX-License-Identifier: Apache-2.0
-- One program over several ways to debug it: under ptrace, and over stubs of GDB's remote protocol.

local core = require "tiexec.core"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local stubs = {}

local program = support.programs .. "remote"

local function has(command) return core.find(command) ~= nil end

-- Connects to a command that listens at the path of a socket, as soon as it does.
local function connect(words, file)
    local folder = support.folder()
    local path = folder.path .. "/socket"
    for i, word in ipairs(words) do words[i] = word == "SOCKET" and path or word end
    local process = support.start(words)
    local why
    local remote = support.wait_for(function()
        local one
        one, why = tiexec.connect(path, { file = file, timeout = 20000 * support.patience })
        return one
    end)
    return setmetatable({ remote = assert(remote, why) }, { __close = function(self)
        self.remote:close()
        getmetatable(process).__close(process)
        getmetatable(folder).__close()
    end })
end

-- What closes an inferior that was launched, or a connection whose other end is a command.
local function held(remote) return setmetatable({ remote = remote }, { __close = function() remote:close() end }) end

local function pipe(words) return held(assert(tiexec.connect("| exec " .. support.quote(words) .. " 2>/dev/null"))) end

-- The program for another CPU, if there is a compiler.
local function build_for(cpu)
    local compiler = cpu .. "-linux-gnu-gcc"
    if not has(compiler) then return nil end
    local path = support.programs .. "remote." .. cpu
    local result = support.run { compiler, "-O1", "-g", "-static", "-nostdlib", "-ffreestanding", "-no-pie", "-fno-pie",
        "-fno-stack-protector", "-o", path, "tests/programs/remote.c" }
    return result.code == 0 and path or nil
end

local own = (core.host().arch:gsub("-", "_"))

--- The ways: each `name`; `runs_on`: its stub does not hear of an interrupt while the program runs; `open()`, which
-- gives what is to be closed, whose `remote` has the methods of an inferior; or `lacks`, why it cannot be had here.
stubs.ways = {
    { name = "ptrace", open = function()
        return held(assert(tiexec.launch { program }))
    end },
    { name = "gdbserver", lacks = not has "gdbserver" and "no gdbserver" or nil,
        open = function() return pipe { "gdbserver", "-", program } end },
    { name = "tiexec --gdb", open = function() return pipe { support.tiexec, "--gdb", "-", program } end },
    { name = "qemu-user of this CPU", runs_on = true, lacks = not has("qemu-" .. own) and "no qemu-user" or nil,
        open = function() return connect({ "qemu-" .. own, "-g", "SOCKET", program }, program) end },
}

for _, cpu in ipairs { "aarch64", "x86_64" } do
    if cpu ~= own then
        local path = has("qemu-" .. cpu) and build_for(cpu)
        stubs.ways[#stubs.ways + 1] = { name = "qemu-user of another CPU", runs_on = true,
            lacks = not path and "no qemu-user, or no compiler for " .. cpu or nil,
            open = function() return connect({ "qemu-" .. cpu, "-g", "SOCKET", path }, path) end }
    end
end

return stubs
