-- SPDX-License-Identifier: Apache-2.0
-- A server of GDB's remote protocol, and what a peer sends to it, whatever that is.

local core = require "tiexec.core"
local gdb_packets = require "tests.lib.gdb_packets"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local gdb_trial = {}

local SECONDS <const> = 20

--- Serves an inferior to a peer that sends bytes and reads all that it is sent. Gives what `serve` gives; raises if it
-- has taken too long.
function gdb_trial.converse(inferior, folder, bytes)
    local path = folder .. "/conversation"
    support.write_file(path, bytes)
    -- What the peer reads goes nowhere. It is gone at the latest after the limit, which is a failure.
    local command = ("cat %s; exec timeout -k 1 %d cat >/dev/null"):format(path, SECONDS)
    local peer <close> = assert(core.stream_spawn(command))
    local began = core.now()
    local failure
    local outcome, event, errno = inferior:serve(peer, { fail = function(why) failure = failure or why end })
    assert(not failure, failure)
    assert(core.now() - began < SECONDS * support.patience, "the server waits for ever")
    return outcome, event, errno
end

--- One random conversation about a program of one's own. Afterwards all that was there before is as it must be: the
-- program has ended, or it is stopped and can be killed.
function gdb_trial.run(folder, count)
    local inferior <close> = assert(tiexec.launch { support.programs .. "state", stdout = false, stdin = false,
        stderr = false })
    local mappings = inferior:mappings()
    local function at()
        local mapping = mappings[math.random(#mappings)]
        return ("%x"):format(mapping.start + math.random(0, 4096))
    end
    local outcome, event, errno = gdb_trial.converse(inferior, folder, gdb_packets.conversation(count, at, folder))
    assert(outcome or math.type(errno) == "integer", "no reason was given")
    assert(outcome ~= nil or errno == core.constants.EPROTO or errno == core.constants.EPIPE, tostring(event))
    for _, point in ipairs(inferior:breakpoints()) do error("a breakpoint is left: " .. tostring(point.address)) end
    inferior:kill()
end

--- What a script does with a stub that may reply anything: it gets values or reasons, and never waits for long.
function gdb_trial.ask(folder, count)
    local path = folder .. "/replies"
    support.write_file(path, gdb_packets.replies(count))
    local remote, why, errno = tiexec.connect("| cat " .. path .. " 2>/dev/null",
        { timeout = 2000, file = "/bin/true" })
    if not remote then
        return assert(type(why) == "string" and math.type(errno) == "integer", "no reason was given")
    end
    local held <close> = remote
    local calls = { { "threads" }, { "registers", "all" }, { "read_memory", 4096, 100 }, { "breakpoint", 4096 },
        { "cont" }, { "wait", 50 }, { "interrupt", 50 }, { "auxv" }, { "libraries" }, { "siginfo" }, { "mappings" },
        { "read_file", "/x" }, { "stepi" }, { "wait", 50 }, { "watch", 4096, 4 }, { "cont" }, { "wait", 50 },
        { "write_memory", 4096, "text" }, { "symbol", "main" }, { "symbolize", 4096 }, { "write_register", "pc", 1 },
        { "search_memory", 0, 100, "x" }, { "exec_file" }, { "catch_syscalls", { 1 } }, { "drop_signal" }, { "kill" } }
    for _ = 1, 20 do
        local call = calls[math.random(#calls)]
        local result, reason, number = held[call[1]](held, table.unpack(call, 2))
        if result == nil and reason ~= nil then
            assert(type(reason) == "string" and math.type(number) == "integer", call[1] .. " gives no reason")
        end
    end
end

return gdb_trial
