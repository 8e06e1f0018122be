-- SPDX-License-Identifier: Apache-2.0
--- Ids of threads as packets have them: "pPID.TID", or "TID" alone where gdb knows of one process.

local packets = require "tiexec.gdb.packets"

local ids = {}

local ALL <const>, ANY <const> = -1, 0
local LARGEST <const> = 0x7fffffff

local function part(text)
    if text == "-1" then return ALL end
    local number = packets.number(text)
    return number and number >= 0 and number <= LARGEST and number or nil
end

--- Reads an id.
-- @string text
-- @treturn[1] int the thread; `ids.ALL`: all; `ids.ANY`: any
-- @treturn[1] ?int the process, where the text has it
-- @treturn[2] nil it is none
function ids.parse(text)
    local pid, tid = text:match("^p(%-?%x+)%.(%-?%x+)$")
    if pid then return part(tid), part(pid) end
    pid = text:match("^p(%-?%x+)$")
    if pid then return ALL, part(pid) end
    return part(text)
end

--- Writes an id.
-- @tparam Server server
-- @int thread
-- @int[opt] pid the process; the present one when absent
-- @treturn string
function ids.of(server, thread, pid)
    if not server.features.multiprocess then return ("%x"):format(thread) end
    return ("p%x.%x"):format(pid or server.pid, thread)
end

ids.ALL, ids.ANY = ALL, ANY
return ids
