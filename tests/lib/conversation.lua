-- SPDX-License-Identifier: Apache-2.0
-- What gdb says to a server about a program that makes computations: for tests/lib/faults.lua.

local packets = require "tiexec.gdb.packets"
local support = require "tests.lib.support"

local conversation = {}

local INTERRUPT <const> = "\3"

local function address_of(program, name)
    local command = ("nm %s | sed -n 's/ [a-zA-Z] %s$//p'"):format(support.quote { program }, name)
    return support.shell(command).out:match("%x+")
end

--- All that is said, a message in each line: `program` has fixed addresses, a function `compute` that all its threads
-- call, and a variable `over` that none of them changes. In the end the program is let go.
function conversation.of(program)
    local code, data = address_of(program, "compute"), address_of(program, "over")
    local break_at <const>, hard <const> = "0," .. code .. ",1", "1," .. code .. ",1"
    local watch <const> = "2," .. data .. ",1"
    local said = {}
    for _, payload in ipairs {
        "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+", "QStartNoAckMode", "?", "qfThreadInfo",
        "qsThreadInfo", "qXfer:features:read:target.xml:0,fff", "qXfer:auxv:read::0,fff", "qXfer:exec-file:read::0,fff",
        "Hg0", "g", "m" .. code .. ",40", "Z" .. break_at, "m" .. code .. ",40", "vCont;c", "g", "T0", "s", "s",
        "vCont;c", "M" .. data .. ",1:00", "z" .. break_at, "Z" .. hard, "Z" .. watch, "vCont;c", "g", "z" .. hard,
        "QCatchSyscalls:1", "vCont;c", "vCont;c", "QCatchSyscalls:0", "z" .. watch, "vCont;c" .. INTERRUPT, "g", "D",
    } do
        local packet, interrupt = payload:match("^([^\3]*)(\3?)$")
        said[#said + 1] = "+" .. packets.frame(packet) .. interrupt -- the "+" is for the last answer
    end
    return table.concat(said, "\n")
end

return conversation
