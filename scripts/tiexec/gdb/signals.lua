-- SPDX-License-Identifier: Apache-2.0
--- Signals by GDB's numbers, which are the same on every system, and by this host's.

local core = require "tiexec.core"

local signals = {}

local UNKNOWN <const> = 143

-- <gdb/signals.def>: by GDB's number from 1 on.
local names <const> = { "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "EMT", "FPE", "KILL", "BUS",
    "SEGV", "SYS", "PIPE", "ALRM", "TERM", "URG", "STOP", "TSTP", "CONT", "CHLD", "TTIN", "TTOU",
    "IO", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "LOST", "USR1", "USR2", "PWR" }

local to_host, from_host = {}, {}

local function pair(gdb, host)
    if not host then return end
    to_host[gdb] = host
    from_host[host] = from_host[host] or gdb
end

for number, name in ipairs(names) do pair(number, core.constants["SIG" .. name]) end
-- Real-time signals: 33 to 63 are 45 to 75; 32 is 77, and 64 is 78.
for number = 33, 63 do pair(number + 12, number) end
pair(77, 32)
pair(78, 64)

--- Gives GDB's number of a signal of this host.
function signals.to_gdb(number) return from_host[number] or UNKNOWN end

--- Gives this host's number of one of GDB's; nil: this host has no such signal.
function signals.to_host(number) return number == 0 and 0 or to_host[number] end

return signals
