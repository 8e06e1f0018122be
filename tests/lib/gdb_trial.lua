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
    local peer <close> = assert(core.stream_spawn(("cat %s; exec timeout -k 1 %d cat >/dev/null"):format(path, SECONDS)))
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

return gdb_trial
